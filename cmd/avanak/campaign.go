package main

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/avanak/avanak/cmd/avanak/client"
	"github.com/avanak/avanak/cmd/avanak/console"
)

// campaignCmd groups what there is to do with campaigns.
type campaignCmd struct {
	Create  campaignCreateCmd  `cmd:"" help:"Make a campaign; with --recipients fill it, with --start start it."`
	Load    campaignLoadCmd    `cmd:"" help:"Add a list of recipients."`
	Start   campaignStartCmd   `cmd:"" help:"Start calling."`
	Pause   campaignPauseCmd   `cmd:"" help:"Stop calling for now; calls that are on the line end as they would."`
	Resume  campaignResumeCmd  `cmd:"" help:"Go on calling."`
	Cancel  campaignCancelCmd  `cmd:"" help:"Stop calling for good."`
	List    campaignListCmd    `cmd:"" help:"List the campaigns, newest first."`
	Show    campaignShowCmd    `cmd:"" help:"Show where a campaign stands."`
	Watch   campaignWatchCmd   `cmd:"" help:"Follow a campaign to its end."`
	Results campaignResultsCmd `cmd:"" help:"Print what became of each number."`
}

// CampaignArg names a campaign. (Exported for kong, which fills it in.)
type CampaignArg struct {
	Remote
	ID string `arg:"" help:"Id of the campaign (cmp_…)."`
}

func (a CampaignArg) change(ctx context.Context, con *console.Console, move client.Move) error {
	gateway, err := a.open()
	if err != nil {
		return err
	}
	defer gateway.Close()
	changed, err := gateway.Change(ctx, a.ID, move)
	if err != nil {
		return fmt.Errorf("%s campaign %s: %w", move, a.ID, err)
	}
	if a.JSON {
		return con.JSON(changed)
	}
	return campaignTable(con, changed)
}

type campaignStartCmd struct{ CampaignArg }

// Run starts the campaign.
func (c *campaignStartCmd) Run(ctx context.Context, con *console.Console) error {
	return c.change(ctx, con, client.Start)
}

type campaignPauseCmd struct{ CampaignArg }

// Run pauses the campaign.
func (c *campaignPauseCmd) Run(ctx context.Context, con *console.Console) error {
	return c.change(ctx, con, client.Pause)
}

type campaignResumeCmd struct{ CampaignArg }

// Run resumes the campaign.
func (c *campaignResumeCmd) Run(ctx context.Context, con *console.Console) error {
	return c.change(ctx, con, client.Resume)
}

type campaignCancelCmd struct{ CampaignArg }

// Run cancels the campaign.
func (c *campaignCancelCmd) Run(ctx context.Context, con *console.Console) error {
	return c.change(ctx, con, client.Cancel)
}

type campaignListCmd struct {
	Remote
	Limit int `default:"50" help:"How many at most."`
}

// Run lists.
func (c *campaignListCmd) Run(ctx context.Context, con *console.Console) error {
	if c.Limit < 1 {
		return refuse("--limit must be at least 1")
	}
	gateway, err := c.open()
	if err != nil {
		return err
	}
	defer gateway.Close()
	const pageSize = 100
	all := []client.Campaign{}
	for cursor := ""; len(all) < c.Limit; {
		page, next, err := gateway.Campaigns(ctx, cursor, min(c.Limit-len(all), pageSize))
		if err != nil {
			return fmt.Errorf("list campaigns: %w", err)
		}
		all = append(all, page...)
		if next == "" || next == cursor {
			break
		}
		cursor = next
	}
	all = all[:min(len(all), c.Limit)]
	if c.JSON {
		return con.JSON(all)
	}
	return campaignTable(con, all...)
}

type campaignShowCmd struct{ CampaignArg }

// Run shows.
func (c *campaignShowCmd) Run(ctx context.Context, con *console.Console) error {
	gateway, err := c.open()
	if err != nil {
		return err
	}
	defer gateway.Close()
	found, err := gateway.Campaign(ctx, c.ID)
	if err != nil {
		return fmt.Errorf("show campaign %s: %w", c.ID, err)
	}
	if c.JSON {
		return con.JSON(found)
	}
	return campaignSheet(con, found)
}

type campaignResultsCmd struct {
	CampaignArg
	Format string `enum:"table,csv,ndjson" default:"table" help:"table, csv or ndjson (as --json)."`
}

// Run prints the results as they arrive; they may be millions.
func (c *campaignResultsCmd) Run(ctx context.Context, con *console.Console) error {
	gateway, err := c.open()
	if err != nil {
		return err
	}
	defer gateway.Close()
	format := client.ListFormat(c.Format)
	if c.JSON {
		format = client.NDJSON
	}
	if format != client.CSV && format != client.NDJSON {
		return c.table(ctx, con, gateway)
	}
	body, err := gateway.Results(ctx, c.ID, format)
	if err != nil {
		return fmt.Errorf("results of %s: %w", c.ID, err)
	}
	defer func() { _ = body.Close() }()
	if _, err := io.Copy(con.Out, body); err != nil {
		return fmt.Errorf("results of %s broke off: %w", c.ID, err)
	}
	return nil
}

// table prints rows with fixed columns, so that none waits for the last.
func (c *campaignResultsCmd) table(ctx context.Context, con *console.Console, gateway *client.Client) error {
	const layout = "%-8s %-14s %-14s %8s %-14s %4s %5s %6s %6s"
	con.Line(layout, "ORDINAL", "NUMBER", "STATE", "ATTEMPTS", "OUTCOME", "SIP", "CAUSE", "RING", "PLAYED")
	for row, err := range gateway.Rows(ctx, c.ID) {
		if err != nil {
			return err
		}
		con.Line(layout, strconv.Itoa(row.Ordinal), console.Clean(row.Number), console.Clean(row.State),
			strconv.Itoa(row.Attempts), console.Clean(row.Outcome), count(row.SIP), count(row.Cause), seconds(row.Ring),
			seconds(row.Played))
	}
	return nil
}

func seconds(s float64) string {
	if s == 0 {
		return "-"
	}
	return strconv.FormatFloat(s, 'f', 1, 64) + "s"
}

// count writes a number for which 0 means none.
func count(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}
