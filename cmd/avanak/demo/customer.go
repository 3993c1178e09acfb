package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/cmd/avanak/client"
	"github.com/avanak/avanak/sip/siptest"
)

const (
	lookEvery = 500 * time.Millisecond // how often the customer asks for news
	fastEvery = 4                      // looks between two fast messages
)

// customer is a program that uses the API and nothing else of the gateway.
type customer struct {
	*performance
	api   *client.Client
	list  List
	ready client.Readiness

	clip     client.Clip
	receipt  client.Receipt
	campaign client.Campaign
	fast     []Fast
	rows     []client.Row
	results  []byte // CSV
}

func newCustomer(p *performance) (*customer, error) {
	key, err := os.ReadFile(p.stage.gateway.OperatorKeyFile())
	if err != nil {
		return nil, fmt.Errorf("read the operator's key: %w", err)
	}
	api, err := client.New(client.Config{URL: p.stage.gateway.URL(), Key: strings.TrimSpace(string(key)), Agent: "avanak-demo"})
	if err != nil {
		return nil, err
	}
	return &customer{performance: p, api: api, list: newList()}, nil
}

// act is all that the customer does.
func (c *customer) act(ctx context.Context) error {
	for _, part := range []func(context.Context) error{c.arrive, c.prepare, c.call, c.leave} {
		if err := part(ctx); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		}
	}
	return nil
}

// arrive waits until the gateway takes work.
func (c *customer) arrive(ctx context.Context) error {
	tick := time.NewTicker(lookEvery / 10)
	defer tick.Stop()
	for {
		ready, err := c.api.Ready(ctx)
		if err == nil && ready.Ready {
			c.ready = ready
			return nil
		}
		if err != nil && !errors.Is(err, client.ErrUnreachable) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// prepare uploads the clip, has one number suppressed, and makes and fills the campaign.
func (c *customer) prepare(ctx context.Context) error {
	var err error
	if c.clip, err = c.api.AddClip(ctx, "greeting", bytes.NewReader(speech)); err != nil {
		return fmt.Errorf("upload the clip: %w", err)
	}
	c.step("clip uploaded: %s of speech", c.clip.Duration)
	if _, err = c.api.Suppress(ctx, c.list.Suppressed.E164()); err != nil {
		return fmt.Errorf("suppress a number: %w", err)
	}
	c.step("%s put on the suppression list", c.list.Suppressed)
	c.campaign, err = c.api.CreateCampaign(ctx, client.CampaignRequest{Name: "Demo", Clip: c.clip.ID,
		Window: allDay(), RingLimit: ringLimit, Retry: retries()}, "")
	if err != nil {
		return fmt.Errorf("create the campaign: %w", err)
	}
	if c.receipt, err = c.api.Load(ctx, c.campaign.ID, client.CSV, bytes.NewReader(c.list.CSV)); err != nil {
		return fmt.Errorf("load the list: %w", err)
	}
	r := c.receipt
	c.step("list of %d rows loaded: %d recipients; %d duplicates, %d invalid, %d emergency, %d suppressed", r.Rows,
		r.Recipients, r.Duplicates, r.Invalid, r.Emergency, r.Suppressed)
	return nil
}

const ringLimit = client.Duration(4 * time.Second)

// retries is a patience that fits into a minute: whoever was busy or away is called once more, and where the trunk refused,
// twice.
func retries() *client.Retry {
	return &client.Retry{MaxAttempts: 2, Busy: new(client.Duration(3 * time.Second)),
		NoAnswer: new(client.Duration(3 * time.Second)), Congestion: new(client.Duration(2 * time.Second)), CongestionTries: 1}
}

// allDay is the demo's window: whoever tries it at night shall see it, too.
func allDay() *client.Window {
	return &client.Window{From: "00:00", To: "24:00", Zone: avanak.DefaultZone}
}

// call starts the campaign, sends the fast messages meanwhile, and watches all to their end.
func (c *customer) call(ctx context.Context) error {
	started, err := c.api.Change(ctx, c.campaign.ID, client.Start)
	if err != nil {
		return fmt.Errorf("start the campaign: %w", err)
	}
	c.campaign = started
	c.step("campaign started; %d fast messages go in between", fastMessages)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for looks := 0; ; looks++ {
		if len(c.fast) < fastMessages && looks%fastEvery == 0 {
			if err := c.sendFast(ctx); err != nil {
				return err
			}
		}
		if err := c.look(ctx); err != nil {
			return err
		}
		if c.campaign.Over() && len(c.fast) == fastMessages && c.fastOver() {
			break
		}
		c.con.Status("%s", c.news())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	c.step("campaign %s, fast messages ended", c.campaign.Run)
	return nil
}

// sendFast sends the next fast message.
func (c *customer) sendFast(ctx context.Context) error {
	number := firstFast + avanak.Number(len(c.fast))
	sent := time.Now()
	m, err := c.api.Send(ctx, client.MessageRequest{Clip: c.clip.ID, Number: number.E164(), Window: allDay(),
		RingLimit: ringLimit}, "")
	if err != nil {
		return fmt.Errorf("send a fast message: %w", err)
	}
	c.fast = append(c.fast, Fast{Sent: sent, Message: m})
	return nil
}

// look asks for news of the campaign and of the open messages.
func (c *customer) look(ctx context.Context) error {
	now, err := c.api.Campaign(ctx, c.campaign.ID)
	if err != nil {
		return fmt.Errorf("look at the campaign: %w", err)
	}
	c.campaign = now
	for i, m := range c.fast {
		if client.Terminal(m.State) {
			continue
		}
		if c.fast[i].Message, err = c.api.Message(ctx, m.ID); err != nil {
			return fmt.Errorf("look at a message: %w", err)
		}
	}
	return nil
}

func (c *customer) fastOver() bool {
	for _, m := range c.fast {
		if !client.Terminal(m.State) {
			return false
		}
	}
	return true
}

// news is the progress line.
func (c *customer) news() string {
	now, over := c.campaign, 0
	for _, m := range c.fast {
		if client.Terminal(m.State) {
			over++
		}
	}
	return fmt.Sprintf("  %5.1fs  %d/%d done · %d answered · %d on the line · %d to retry · fast %d/%d",
		time.Since(c.begun).Seconds(), now.Recipients-now.Open, now.Recipients, now.Answered, now.InFlight,
		now.States[avanak.RetryWait.String()], over, fastMessages)
}

// leave fetches the results, once as rows to judge and once as the file to keep.
func (c *customer) leave(ctx context.Context) error {
	for row, err := range c.api.Rows(ctx, c.campaign.ID) {
		if err != nil {
			return fmt.Errorf("fetch the results: %w", err)
		}
		c.rows = append(c.rows, row)
	}
	body, err := c.api.Results(ctx, c.campaign.ID, client.CSV)
	if err != nil {
		return fmt.Errorf("fetch the results: %w", err)
	}
	defer func() { _ = body.Close() }()
	var csv bytes.Buffer
	if _, err := csv.ReadFrom(body); err != nil {
		return fmt.Errorf("fetch the results: %w", err)
	}
	c.results = csv.Bytes()
	return nil
}

// history is what the customer had and was told, with what the callees saw.
func (c *customer) history(calls []siptest.Call) History {
	return History{List: c.list, Receipt: c.receipt, Campaign: c.campaign, Rows: c.rows, Fast: c.fast, Calls: calls,
		Golden: golden()}
}
