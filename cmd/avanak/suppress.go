package main

import (
	"context"
	"fmt"

	"github.com/avanak/avanak/cmd/avanak/console"
)

// suppressCmd groups what there is to do with the list of numbers that are never called.
type suppressCmd struct {
	Add    suppressAddCmd    `cmd:"" help:"Never call these numbers again."`
	Remove suppressRemoveCmd `cmd:"" help:"Allow calling these numbers again."`
}

type suppressAddCmd struct {
	Remote
	Numbers []string `arg:"" help:"Numbers."`
}

// Run adds.
func (c *suppressAddCmd) Run(ctx context.Context, con *console.Console) error {
	gateway, err := c.open()
	if err != nil {
		return err
	}
	defer gateway.Close()
	added, err := gateway.Suppress(ctx, c.Numbers...)
	if err != nil {
		return fmt.Errorf("suppress: %w", err)
	}
	if c.JSON {
		return con.JSON(map[string]int{"added": added})
	}
	con.Line("%d added, %d were on the list", added, len(c.Numbers)-added)
	return nil
}

type suppressRemoveCmd struct {
	Remote
	Numbers []string `arg:"" help:"Numbers."`
}

// Run removes.
func (c *suppressRemoveCmd) Run(ctx context.Context, con *console.Console) error {
	gateway, err := c.open()
	if err != nil {
		return err
	}
	defer gateway.Close()
	if err := gateway.Unsuppress(ctx, c.Numbers...); err != nil {
		return fmt.Errorf("take off the suppression list: %w", err)
	}
	if c.JSON {
		return con.JSON(map[string]int{"removed": len(c.Numbers)})
	}
	con.Line("%d may be called again", len(c.Numbers))
	return nil
}
