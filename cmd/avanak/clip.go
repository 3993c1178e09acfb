package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/avanak/avanak/cmd/avanak/client"
	"github.com/avanak/avanak/cmd/avanak/console"
)

// clipCmd groups what there is to do with clips.
type clipCmd struct {
	Add  clipAddCmd  `cmd:"" help:"Upload a WAV file."`
	List clipListCmd `cmd:"" help:"List the clips."`
}

type clipAddCmd struct {
	Remote
	File  string `arg:"" help:"WAV file, - for standard input."`
	Name  string `placeholder:"TEXT" help:"Name of the clip; the file's without it."`
	Quiet bool   `short:"q" help:"Print only the id."`
}

// Run uploads.
func (c *clipAddCmd) Run(ctx context.Context, con *console.Console) error {
	gateway, err := c.open()
	if err != nil {
		return err
	}
	defer gateway.Close()
	if c.Name == "" && c.File == "-" {
		return refuse("a clip from standard input needs --name")
	}
	file, err := input(con, c.File)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	name := c.Name
	if name == "" {
		name = strings.TrimSuffix(filepath.Base(c.File), filepath.Ext(c.File))
	}
	clip, err := gateway.AddClip(ctx, name, file)
	if err != nil {
		return fmt.Errorf("add clip: %w", err)
	}
	switch {
	case c.Quiet:
		con.Line("%s", console.Clean(clip.ID))
		return nil
	case c.JSON:
		return con.JSON(clip)
	}
	return clipTable(con, clip)
}

type clipListCmd struct{ Remote }

// Run lists.
func (c *clipListCmd) Run(ctx context.Context, con *console.Console) error {
	gateway, err := c.open()
	if err != nil {
		return err
	}
	defer gateway.Close()
	clips, err := gateway.Clips(ctx)
	if err != nil {
		return fmt.Errorf("list clips: %w", err)
	}
	if c.JSON {
		return con.JSON(clips)
	}
	return clipTable(con, clips...)
}

func clipTable(con *console.Console, clips ...client.Clip) error {
	rows := make([][]string, 0, len(clips))
	for _, c := range clips {
		rows = append(rows, []string{c.ID, c.Name, c.Duration, strconv.FormatInt(c.Size, 10), moment(c.Created)})
	}
	return con.Table([]string{"ID", "NAME", "DURATION", "BYTES", "CREATED"}, rows)
}

// moment writes an instant for people, in their own zone.
func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}
