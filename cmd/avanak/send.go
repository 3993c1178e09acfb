package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/cmd/avanak/client"
	"github.com/avanak/avanak/cmd/avanak/console"
)

type sendCmd struct {
	Remote
	To          string        `required:"" placeholder:"NUMBER" help:"Number to call."`
	Clip        string        `required:"" placeholder:"ID" help:"Id of the clip (clp_…)."`
	Caller      string        `placeholder:"NUMBER" help:"Number shown to the callee; the trunk's without it."`
	Expires     time.Duration `placeholder:"10m" help:"When it is too late to call."`
	RingLimit   time.Duration `placeholder:"35s" help:"How long to let it ring."`
	Window      *hours        `placeholder:"07:00-23:00" help:"Hours in which calling is allowed."`
	Zone        string        `default:"Asia/Tehran" help:"Time zone of the window."`
	Idempotency string        `name:"idempotency-key" placeholder:"KEY" help:"Makes repeating this command safe."`
	Wait        bool          `help:"Wait for the end; a message that was not delivered is a failure then."`
	Timeout     time.Duration `default:"70m" help:"How long --wait waits."`
	Quiet       bool          `short:"q" help:"Print only the id."`
}

// waitEvery is how often --wait looks.
const waitEvery = 500 * time.Millisecond

// Run sends.
func (c *sendCmd) Run(ctx context.Context, con *console.Console) error {
	gateway, err := c.open()
	if err != nil {
		return err
	}
	defer gateway.Close()
	sent, err := gateway.Send(ctx, client.MessageRequest{Clip: c.Clip, Number: c.To, Caller: c.Caller,
		Window: c.Window.in(c.Zone, nil), RingLimit: client.Duration(c.RingLimit), ExpiresIn: client.Duration(c.Expires)},
		c.Idempotency)
	if err != nil {
		return fmt.Errorf("send: %w", err)
	}
	if c.Wait && !client.Terminal(sent.State) {
		if sent, err = c.await(ctx, con, gateway, sent.ID); err != nil {
			return err
		}
	}
	if err := c.print(con, sent); err != nil {
		return err
	}
	if c.Wait && sent.State != avanak.Delivered.String() {
		return fmt.Errorf("message %s was not delivered: it ended as %s", sent.ID, sent.State)
	}
	return nil
}

// await looks until the message rests.
func (c *sendCmd) await(ctx context.Context, con *console.Console, gateway *client.Client, id string) (client.Message, error) {
	late := errors.New("it has not ended within " + c.Timeout.String())
	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, late)
	defer cancel()
	ended, err := poll(ctx, waitEvery, func(ctx context.Context) (client.Message, bool, error) {
		m, err := gateway.Message(ctx, id)
		if err == nil && !c.JSON && !c.Quiet {
			con.Status("%s · %s", console.Clean(id), console.Clean(m.State))
		}
		return m, client.Terminal(m.State), err
	})
	if err != nil {
		return ended, fmt.Errorf("wait for message %s: %w", id, err)
	}
	return ended, nil
}

func (c *sendCmd) print(con *console.Console, m client.Message) error {
	switch {
	case c.Quiet:
		con.Line("%s", console.Clean(m.ID))
		return nil
	case c.JSON:
		return con.JSON(m)
	}
	return con.Table([]string{"ID", "NUMBER", "STATE", "ATTEMPTS", "RING", "PLAYED", "LATENCY"},
		[][]string{{m.ID, masked(m.Number), m.State, strconv.Itoa(m.Attempts), seconds(m.Ring), seconds(m.Played),
			seconds(m.Latency)}})
}

// masked writes a number so that its owner knows it and others cannot call it.
func masked(number string) string {
	n, err := avanak.ParseNumber(number)
	if err != nil {
		return "-"
	}
	return n.String()
}
