package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/avanak/avanak/cmd/avanak/console"
	"github.com/avanak/avanak/sip/siptest"
)

// What the sandbox trunk of the demo's gateway allows.
const (
	CPS      = 20
	Channels = 300
)

// limit is how long the demo may take until it judges; it should take less than half of it.
const limit = 2 * time.Minute

// ErrFailed means that a check failed: the summary says which.
var ErrFailed = errors.New("the demo did not show what it should")

var errLate = fmt.Errorf("the demo was not over after %s: is the machine very busy?", limit)

// Gateway is a gateway in this process. Run serves until ctx ends and everything is closed.
type Gateway interface {
	Run(ctx context.Context) error
	URL() string
	OperatorKeyFile() string
	Describe() []string
}

// Config says how to run the demo. All fields but Keep are required.
type Config struct {
	Out     string // directory for what the demo writes; made where it is missing
	Keep    bool   // leave the gateway running until ctx ends
	Console *console.Console
	// Start makes a gateway whose data lies in dir and whose calls go to farm, at CPS with so many Channels.
	Start func(ctx context.Context, dir string, farm *siptest.Farm, log *slog.Logger) (Gateway, error)
}

// Run runs the demo. It returns ErrFailed where a check failed, ctx's error where it was interrupted, and leaves nothing
// running in either case.
func Run(ctx context.Context, cfg Config) (err error) {
	begun := time.Now()
	if err := os.MkdirAll(cfg.Out, 0o750); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	acting, cancel := context.WithTimeoutCause(ctx, limit, errLate)
	defer cancel()
	acting, abort := context.WithCancelCause(acting)
	defer abort(nil)
	s, err := open(acting, cfg, abort)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer func() { err = errors.Join(err, s.close()) }()
	show := &performance{stage: s, con: cfg.Console, begun: begun}
	show.introduce()
	c, err := newCustomer(show)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer c.api.Close()
	if err := c.act(acting); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return show.conclude(ctx, cfg, c)
}

// performance is a run of the demo on its stage.
type performance struct {
	stage *stage
	con   *console.Console
	begun time.Time
}

// step prints what has been done.
func (p *performance) step(format string, args ...any) {
	p.con.Line("%s %5.1fs  %s", p.con.Good("✓"), time.Since(p.begun).Seconds(), fmt.Sprintf(format, args...))
}

func (p *performance) introduce() {
	p.con.Line("Avanak demo: nobody is called; the callees live in this process.")
	p.step("%d callees at %s", recipients+fastMessages, p.stage.farm.Addr())
	p.step("gateway")
	for _, line := range p.stage.gateway.Describe() {
		p.con.Line("          %s", p.con.Faint(console.Clean(line)))
	}
}

// conclude judges, writes the files, prints the result and, where asked to, stays until ctx ends.
func (p *performance) conclude(ctx context.Context, cfg Config, c *customer) error {
	h := c.history(p.stage.calls(ctx))
	checks := Judge(h)
	summary := summarise(h, checks, c.ready, time.Since(p.begun))
	p.printChecks(checks)
	if err := writeFiles(cfg.Out, h, c.results, summary, checks); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	p.printResult(cfg, c, summary)
	if cfg.Keep {
		p.con.Line("The gateway runs until Ctrl-C.")
		select {
		case <-ctx.Done():
		case <-p.stage.ended:
			return fmt.Errorf("demo: %w", errGone)
		}
	}
	if !summary.OK {
		return fmt.Errorf("%w (findings: %d, see %s)", ErrFailed, len(summary.Failures), inDir(cfg.Out, summaryFile))
	}
	return nil
}

// maxPrinted is how many failures of one check are printed; summary.json has all.
const maxPrinted = 5

func (p *performance) printChecks(checks []Check) {
	p.con.Line("")
	p.con.Line("Judged by the callees' own log:")
	for _, check := range checks {
		if len(check.Failures) == 0 {
			p.con.Line("%s %s", p.con.Good("✓"), check.Claim)
			continue
		}
		p.con.Line("%s %s", p.con.Bad("✗"), check.Claim)
		for i, f := range check.Failures {
			if i == maxPrinted {
				p.con.Line("    and %d more", len(check.Failures)-maxPrinted)
				break
			}
			p.con.Line("    %s", f)
		}
	}
}

func (p *performance) printResult(cfg Config, c *customer, s Summary) {
	p.con.Line("")
	p.con.Line("%d recipients, %d answered, %d calls heard the whole clip, %d bit for bit; %.0f messages a minute;",
		s.Recipients, s.Answered, s.HeardComplete, s.HeardBitExact, s.PerMinute)
	p.con.Line("fast messages took %.2f s on average (ring time apart); answer to first sound %.0f ms (p99); %.0f s in all.",
		s.Fast.Mean, s.FirstRTP, s.Seconds)
	p.con.Line("")
	p.con.Line("Listen to what a callee heard:  aplay %s", inDir(cfg.Out, heardFile))
	p.con.Line("See the report:                 %s", inDir(cfg.Out, reportFile))
	p.con.Line("All results, all figures:       %s, %s", inDir(cfg.Out, resultsFile), inDir(cfg.Out, summaryFile))
	if cfg.Keep {
		p.con.Line("API:                            %s", c.api.URL())
		p.con.Line("Try it:  curl -H \"Authorization: Bearer $(cat %s)\" %s/v1/campaigns/%s", p.stage.gateway.OperatorKeyFile(),
			c.api.URL(), c.campaign.ID)
		return
	}
	p.con.Line("The gateway was at %s and ends now. To try its API: avanak demo --keep, or avanak serve and", c.api.URL())
	p.con.Line("  curl -H \"Authorization: Bearer $(cat avanak-data/operator.key)\" http://127.0.0.1:8080/v1/campaigns")
}
