package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/avanak/avanak/call"
	"github.com/avanak/avanak/campaign"
	"github.com/avanak/avanak/config"
	"github.com/avanak/avanak/dispatcher"
	"github.com/avanak/avanak/media"
	"github.com/avanak/avanak/sip/siptest"
)

// httpClose bounds the wait for requests that are under way when the gateway ends.
const httpClose = 5 * time.Second

// Options are what the caller of New may bring along; the zero value is fine.
type Options struct {
	Logger *slog.Logger  // default: made from the configuration, on standard error
	Out    io.Writer     // where the volatile store's banner goes; default: standard error
	Farm   *siptest.Farm // the sandbox trunk leads here instead of to a farm of its own; the caller runs it
}

// App is one gateway.
type App struct {
	cfg      config.Config
	log      *slog.Logger
	out      io.Writer
	farm     *siptest.Farm
	registry *prometheus.Registry
	closers  closers

	state      state
	sandbox    bool
	pacer      *media.Pacer
	dispatcher *dispatcher.Dispatcher
	notes      *trunkNotes
	draining   atomic.Bool

	public, admin         net.Listener
	publicHTTP, adminHTTP *http.Server
}

// New builds a gateway: the store is open, the trunks' sockets and the listeners are bound, nothing is called and no
// request is served yet. When a step fails, all before it are undone.
func New(ctx context.Context, cfg config.Config, o Options) (*App, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	a := &App{cfg: cfg, log: o.Logger, out: o.Out, farm: o.Farm, registry: newRegistry()}
	if a.log == nil {
		a.log = newLogger(cfg.Log, nil)
	}
	if a.out == nil {
		a.out = os.Stderr
	}
	a.closers.log = a.log
	if err := a.build(ctx); err != nil {
		return nil, errors.Join(err, a.closers.close())
	}
	return a, nil
}

func (a *App) build(ctx context.Context) error {
	if err := a.openState(ctx); err != nil {
		return err
	}
	var err error
	if a.pacer, err = media.New(media.DefaultConfig(), a.registry); err != nil {
		return err
	}
	lines, trunks, err := a.openLines(ctx)
	if err != nil {
		return err
	}
	caller, err := call.New(lines, a.pacer, a.state.clips, a.leadIn(), a.log)
	if err != nil {
		return err
	}
	a.notes = newTrunkNotes(trunks)
	settings := a.cfg.DispatcherConfig()
	settings.OnTransition = a.notes.moved
	a.dispatcher, err = dispatcher.New(settings, trunks, a.state.queue, a.state.suppressed, caller,
		a.pacer.Overloaded, a.log, a.registry)
	if err != nil {
		return err
	}
	for _, line := range lines {
		line.Agent.Notify(a.dispatcher.Heed)
	}
	service, err := campaign.New(campaign.Config{Sandbox: a.sandbox, MaxRecipients: a.state.limit, Callers: a.callers()},
		a.state.queue, a.state.clips, a.state.suppressed)
	if err != nil {
		return err
	}
	return a.openDoors(service)
}

// leadIn is the silence before the clip as media takes it, where 0 asks for the default.
func (a *App) leadIn() time.Duration {
	if a.cfg.Media.LeadIn == 0 {
		return media.NoLeadIn
	}
	return a.cfg.Media.LeadIn
}

// Run serves and dispatches until ctx ends, drains, and closes everything. It returns nil after a clean end.
func (a *App) Run(ctx context.Context) error {
	run, stop := context.WithCancel(ctx)
	defer stop()
	pace, endPace := context.WithCancel(context.WithoutCancel(ctx))
	var (
		parts sync.WaitGroup
		mu    sync.Mutex
		errs  []error // guarded by mu
	)
	part := func(name string, f func() error) {
		parts.Go(func() {
			if err := f(); err != nil && !errors.Is(err, http.ErrServerClosed) {
				mu.Lock()
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
				mu.Unlock()
				a.log.Error("part failed: the gateway ends", "part", name, "err", err)
			}
			stop() // a part that ends early takes the others with it
		})
	}
	part("pacer", func() error { return a.pacer.Run(pace) })
	part("http", func() error { return a.publicHTTP.Serve(a.public) })
	part("admin", func() error { return a.adminHTTP.Serve(a.admin) })

	drained := make(chan struct{})
	parts.Go(func() {
		<-run.Done()
		a.draining.Store(true)
		a.log.Info("draining: no new calls", "limit", a.cfg.Dispatcher.Drain)
		<-drained
		// Answers stay available to the last call's end; then the doors close, and the pacer behind them.
		ctx, cancel := context.WithTimeout(context.Background(), httpClose)
		defer cancel()
		for _, s := range []*http.Server{a.publicHTTP, a.adminHTTP} {
			if err := s.Shutdown(ctx); err != nil {
				_ = s.Close()
			}
		}
		endPace()
	})
	err := a.dispatcher.Run(run)
	stop()
	close(drained)
	parts.Wait()
	return errors.Join(append(errs, err, a.closers.close())...)
}

// Close gives back what New took, for a gateway that is not Run.
func (a *App) Close() error { return errors.Join(a.public.Close(), a.admin.Close(), a.closers.close()) }

// URL is the API's base URL.
func (a *App) URL() string { return "http://" + a.public.Addr().String() }

// AdminURL is the base URL of metrics, pprof and health.
func (a *App) AdminURL() string { return "http://" + a.admin.Addr().String() }

// OperatorKeyFile is where the operator's API key is.
func (a *App) OperatorKeyFile() string { return a.state.keyFile }

// StoreKind is redis, embedded or volatile.
func (a *App) StoreKind() string { return a.state.kind }

// Describe returns the lines that a start prints.
func (a *App) Describe() []string {
	version, _ := Version()
	key := "operator key: " + a.state.keyFile
	if a.state.freshKey {
		key += " (new)"
	}
	lines := []string{
		"avanak " + version + " (" + a.cfg.Env + ")",
		"store: " + a.state.kind + "; " + a.state.guarantee.String(),
	}
	if a.sandbox {
		lines = append(lines, fmt.Sprintf("trunk: SANDBOX (%g calls/s, %d channels): no trunk is configured, so calls go to simulated callees; nobody is called",
			a.cfg.Sandbox.CPS, a.cfg.Sandbox.Channels))
	}
	for _, t := range a.cfg.Trunks {
		lines = append(lines, "trunk: "+t.String())
	}
	return append(lines, key, "api: "+a.URL(), "admin: "+a.AdminURL()+" (metrics, health, pprof)")
}
