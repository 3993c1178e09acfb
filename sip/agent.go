package sip

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/avanak/avanak/sip/digest"
	"github.com/avanak/avanak/sip/locate"
)

// maxDatagram is the largest UDP payload. sipgo refuses to send more than UDPMTUSize−200 bytes; its default of 1300 is
// RFC 3261's advice for a request that could as well go by TCP. Our ACK and BYE carry the route set that the carrier
// chose, and a BYE that cannot leave is a call that never ends: better fragmented than unsent. INVITEs keep the advice
// (maxInvite).
const maxDatagram = 65507

func init() {
	sip.UDPMTUSize = maxDatagram + 200
	// Its default writes whole messages, with the numbers of people, to standard error.
	sip.SetDefaultLogger(slog.New(slog.DiscardHandler))
}

// lastWords is the time that sipgo's own goroutines have to finish with datagrams that were read before Close muted the
// socket: they cannot be waited for.
const lastWords = 50 * time.Millisecond

// Errors of an Agent's life.
var (
	errStarted  = errors.New("agent was started before")
	errNotReady = errors.New("agent is not running")
)

// locator finds the trunk's targets, as locate.Locator does.
type locator interface {
	Places(ctx context.Context) ([]locate.Place, error)
	Known(ip netip.Addr) bool
	Close()
}

// Agent is the user agent of one trunk. New makes it, Start opens its sockets, Close ends it; after that it is not used
// again. Its methods may be called from any goroutine.
type Agent struct {
	cfg       Config
	log       *slog.Logger
	m         *metrics
	find      locator
	targets   *targets
	health    *health
	auth      *digest.Answerer
	refusals  *refusals
	door      *door
	userAgent sip.Header
	unsaid    *logGate      // for responses that did not leave
	second    time.Duration // of session timers: a second, or less in tests
	crew      *crew
	drain     <-chan struct{} // closed by Close: end what lives, politely
	draining  context.Context //nolint:containedctx // the same, for what takes a context
	endDrain  context.CancelFunc
	quit      chan struct{}   // closed by Close when politeness is over
	life      context.Context //nolint:containedctx // ends with quit: for transactions that outlive their caller
	end       context.CancelFunc

	// Set by Start, read-only afterwards.
	tls    *tls.Config // nil but for OverTLS
	sock   *socket     // nil where nothing goes by UDP
	stream *streams    // nil where nobody can connect to us
	ua     *sipgo.UserAgent
	server *sipgo.Server
	self   map[Transport]hostPort // what the far end is told
	local  map[Transport]sip.Addr // where requests leave from
	served sync.WaitGroup         // the readers of the sockets
	bulk   atomic.Int64           // bytes of the last INVITE that was measured, without its session description

	mu    sync.Mutex
	state agentState      // guarded by mu
	legs  map[string]*leg // by Call-ID; guarded by mu
	kids  int             // adopted ones among legs; guarded by mu
	empty chan struct{}   // closed when draining and legs is empty
}

type agentState uint8

const (
	idle agentState = iota
	running
	closing
)

// New checks cfg and registers the metrics, each with the label trunk; reg may be nil. It opens nothing.
func New(cfg Config, log *slog.Logger, reg prometheus.Registerer) (*Agent, error) {
	return newAgent(cfg, log, reg, locate.Config{})
}

// newAgent is New with a name server and a clock of the caller's in dns; the rest of dns is taken from cfg.
func newAgent(cfg Config, log *slog.Logger, reg prometheus.Registerer, dns locate.Config) (*Agent, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	bind, err := netip.ParseAddrPort(cfg.Bind)
	if err != nil {
		return nil, fmt.Errorf("trunk %s: bind: %w", cfg.Name, err)
	}
	dns.Targets, dns.Transport = cfg.Targets, locate.Transport(cfg.Transport)
	dns.IPv6 = bind.Addr().Is6() && !bind.Addr().Is4In6()
	find, err := locate.New(dns)
	if err != nil {
		return nil, fmt.Errorf("trunk %s: %w", cfg.Name, err)
	}
	m, err := newMetrics(reg, cfg.Name)
	if err != nil {
		return nil, err
	}
	a := &Agent{cfg: cfg, log: log.With("trunk", cfg.Name), m: m, find: find, unsaid: new(logGate), crew: newCrew(), second: time.Second,
		userAgent: sip.NewHeader("User-Agent", cfg.UserAgent), quit: make(chan struct{}),
		legs: make(map[string]*leg), empty: make(chan struct{})}
	// Not a caller's context: what is under way must be answered for after its caller has gone. Close ends it.
	a.life, a.end = context.WithCancel(context.Background())
	a.draining, a.endDrain = context.WithCancel(a.life)
	a.drain = a.draining.Done()
	a.targets = newTargets(find, cfg.Transport)
	a.health = newHealth(a)
	a.door = newDoor(find, cfg.Sources, a.hasLeg, m, a.log)
	a.auth = digest.New(cfg.Auth)
	a.refusals = newRefusals()
	return a, nil
}

// Start opens the sockets and serves them until Close; keep-alives and the registration begin. ctx bounds only the
// look-up of the targets, where one is needed to find our own address.
func (a *Agent) Start(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state != idle {
		return fmt.Errorf("start trunk %s: %w", a.cfg.Name, errStarted)
	}
	err := a.open(ctx)
	if err == nil {
		err = a.assemble()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("start trunk %s: %w", a.cfg.Name, err), a.shut())
	}
	a.serve()
	a.state = running
	a.log.Info("sip agent listens", "addr", a.bound().String(), "transport", string(a.cfg.Transport),
		"targets", strings.Join(a.cfg.Targets, " "))
	a.health.start()
	return nil
}

// Addr is the bound address of a started Agent.
func (a *Agent) Addr() netip.AddrPort { return a.bound() }

// Name is the trunk's name.
func (a *Agent) Name() string { return a.cfg.Name }

// serve reads the sockets until they are closed. A panic in sipgo's parser ends neither the process nor the trunk.
func (a *Agent) serve() {
	again := func(serve func() error) {
		a.served.Go(func() {
			for {
				func() {
					defer a.guard("read")
					// It returns nil, the end of the socket, or the error of an address that we know to be good.
					_ = serve()
				}()
				select {
				case <-a.quit:
					return
				case <-time.After(readPause):
				}
			}
		})
	}
	if a.sock != nil {
		again(func() error { return a.server.ServeUDP(a.sock) })
		<-a.sock.reading
	}
	if a.stream != nil {
		if a.tls == nil {
			again(func() error { return a.server.ServeTCP(a.stream) })
		} else {
			again(func() error { return a.server.ServeTLS(tls.NewListener(a.stream, a.tls)) })
		}
	}
}

// Close refuses new calls, cancels those that are not answered, hangs up the others, and waits until every leg is
// answered for: usually one round trip, at most 64*T1 for a leg that the far end never spoke about. When ctx ends first,
// what is left is dropped and ctx's error returned. It returns after all that the Agent started has ended.
func (a *Agent) Close(ctx context.Context) error {
	a.mu.Lock()
	was := a.state
	if was == closing {
		a.mu.Unlock()
		return fmt.Errorf("close trunk %s: %w", a.cfg.Name, errNotReady)
	}
	a.state = closing
	if len(a.legs) == 0 {
		close(a.empty)
	}
	a.mu.Unlock()
	a.endDrain()
	if was == running {
		a.health.stop(ctx)
	}
	var err error
	select {
	case <-a.empty:
	case <-ctx.Done():
		err = fmt.Errorf("close trunk %s: %w", a.cfg.Name, ctx.Err())
	}
	close(a.quit)
	a.end()
	if was == running {
		if a.sock != nil {
			a.sock.mute()
		}
		a.ua.TransactionLayer().Close()
	}
	a.crew.dismiss()
	if was == running {
		time.Sleep(lastWords)
		err = errors.Join(err, a.shut())
		a.served.Wait()
		err = errors.Join(err, a.ua.Close())
	}
	a.find.Close()
	return err
}

// shut closes the sockets that are open.
func (a *Agent) shut() error {
	var err error
	if a.sock != nil {
		err = a.sock.Close()
	}
	if a.stream != nil {
		err = errors.Join(err, a.stream.Close())
	}
	return err
}
