package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/cmd/avanak/client"
	"github.com/avanak/avanak/cmd/avanak/console"
)

// hours is a window as people type it, "07:00-23:00".
type hours struct{ from, to string }

// UnmarshalText reads it.
func (h *hours) UnmarshalText(b []byte) error {
	from, to, ok := strings.Cut(string(b), "-")
	if !ok {
		return fmt.Errorf("%w: a window must look like 07:00-23:00", avanak.ErrInvalid)
	}
	for _, clock := range []string{from, to} {
		if _, err := avanak.ParseClock(clock); err != nil {
			return err
		}
	}
	h.from, h.to = from, to
	return nil
}

// in returns the window in a zone and on these days; nil where no hours were given.
func (h *hours) in(zone string, days []string) *client.Window {
	if h == nil {
		return nil
	}
	return &client.Window{From: h.from, To: h.to, Zone: zone, Days: days}
}

type campaignCreateCmd struct {
	Remote
	Name        string         `required:"" placeholder:"TEXT" help:"Name, for people."`
	Clip        string         `required:"" placeholder:"ID" help:"Id of the clip (clp_…)."`
	Recipients  string         `placeholder:"FILE" help:"List of numbers, CSV or NDJSON; - for standard input."`
	Format      string         `enum:"auto,csv,ndjson" default:"auto" help:"Format of the list: auto (by the file's name), csv or ndjson."`
	Start       bool           `help:"Start calling at once."`
	Caller      string         `placeholder:"NUMBER" help:"Number shown to the callees; the trunk's without it."`
	Window      *hours         `placeholder:"07:00-23:00" help:"Hours in which calling is allowed."`
	Zone        string         `default:"Asia/Tehran" help:"Time zone of the window."`
	Days        []string       `placeholder:"sat,sun" help:"Days of the window; all without it."`
	MaxAttempts int            `placeholder:"3" help:"Attempts per number that reach the callee's side."`
	RetryBusy   *time.Duration `placeholder:"3m" help:"Wait after busy; 0s: no retry."`
	RetryNo     *time.Duration `name:"retry-no-answer" placeholder:"30m" help:"Wait after no answer; 0s: no retry."`
	RetryTrunk  *time.Duration `name:"retry-congestion" placeholder:"10s" help:"Wait after the trunk could not; 0s: no retry."`
	RingLimit   time.Duration  `placeholder:"35s" help:"How long to let it ring."`
	OnUncertain string         `enum:"hold,redial," default:"" placeholder:"hold" help:"What to do where an attempt's end is not known: hold or redial."`
	Idempotency string         `name:"idempotency-key" placeholder:"KEY" help:"Makes repeating this command safe."`
	Quiet       bool           `short:"q" help:"Print only the id."`
}

func (c *campaignCreateCmd) request() (client.CampaignRequest, error) {
	r := client.CampaignRequest{Name: c.Name, Clip: c.Clip, Caller: c.Caller, Window: c.Window.in(c.Zone, c.Days),
		RingLimit: client.Duration(c.RingLimit), OnUncertain: c.OnUncertain}
	if c.Window == nil && len(c.Days) > 0 {
		return r, refuse("--days needs --window")
	}
	retry := client.Retry{MaxAttempts: c.MaxAttempts, Busy: (*client.Duration)(c.RetryBusy),
		NoAnswer: (*client.Duration)(c.RetryNo), Congestion: (*client.Duration)(c.RetryTrunk)}
	if retry != (client.Retry{}) {
		r.Retry = &retry
	}
	return r, nil
}

// Run makes the campaign. The list's file is opened first: a name that is wrong leaves nothing behind.
func (c *campaignCreateCmd) Run(ctx context.Context, con *console.Console) error {
	gateway, err := c.open()
	if err != nil {
		return err
	}
	defer gateway.Close()
	request, err := c.request()
	if err != nil {
		return err
	}
	if c.Start && c.Recipients == "" {
		return refuse("--start needs --recipients: there is nobody to call")
	}
	var list io.ReadCloser
	if c.Recipients != "" {
		if list, err = input(con, c.Recipients); err != nil {
			return err
		}
		defer func() { _ = list.Close() }()
	}
	made, err := gateway.CreateCampaign(ctx, request, c.Idempotency)
	if err != nil {
		return fmt.Errorf("create campaign: %w", err)
	}
	var receipt *client.Receipt
	if list != nil {
		if made, receipt, err = c.fill(ctx, gateway, made.ID, list); err != nil {
			return err
		}
	}
	return c.print(con, made, receipt)
}

// fill loads the list and starts the campaign where that was asked for.
func (c *campaignCreateCmd) fill(ctx context.Context, gateway *client.Client, id string, list io.Reader) (
	client.Campaign, *client.Receipt, error,
) {
	receipt, err := gateway.Load(ctx, id, formatOf(c.Format, c.Recipients), list)
	if err != nil {
		return client.Campaign{}, nil, fmt.Errorf("campaign %s was made, but its list was not taken: %w; then: "+
			"avanak campaign load %s FILE", id, err, id)
	}
	var now client.Campaign
	if c.Start {
		now, err = gateway.Change(ctx, id, client.Start)
	} else {
		now, err = gateway.Campaign(ctx, id)
	}
	if err != nil {
		return client.Campaign{}, nil, fmt.Errorf("campaign %s was made and filled, but: %w; then: avanak campaign start %s",
			id, err, id)
	}
	return now, &receipt, nil
}

func (c *campaignCreateCmd) print(con *console.Console, made client.Campaign, receipt *client.Receipt) error {
	switch {
	case c.Quiet:
		con.Line("%s", console.Clean(made.ID))
		return nil
	case c.JSON:
		return con.JSON(struct {
			client.Campaign
			Receipt *client.Receipt `json:"receipt,omitempty"`
		}{made, receipt})
	}
	if receipt != nil {
		printReceipt(con, *receipt)
	}
	return campaignTable(con, made)
}

type campaignLoadCmd struct {
	CampaignArg
	File   string `arg:"" help:"List of numbers, CSV or NDJSON; - for standard input."`
	Format string `enum:"auto,csv,ndjson" default:"auto" help:"auto (by the file's name), csv or ndjson."`
}

// Run adds a list.
func (c *campaignLoadCmd) Run(ctx context.Context, con *console.Console) error {
	gateway, err := c.open()
	if err != nil {
		return err
	}
	defer gateway.Close()
	list, err := input(con, c.File)
	if err != nil {
		return err
	}
	defer func() { _ = list.Close() }()
	receipt, err := gateway.Load(ctx, c.ID, formatOf(c.Format, c.File), list)
	if err != nil {
		return fmt.Errorf("load %s into campaign %s: %w", c.File, c.ID, err)
	}
	if c.JSON {
		return con.JSON(receipt)
	}
	printReceipt(con, receipt)
	return nil
}

// formatOf tells a list's format by its name where nobody says.
func formatOf(said, path string) client.ListFormat {
	if said != "auto" {
		return client.ListFormat(said)
	}
	switch strings.ToLower(filepath.Ext(path)) {
	case ".ndjson", ".jsonl":
		return client.NDJSON
	}
	return client.CSV
}
