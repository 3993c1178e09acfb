package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
	"github.com/prometheus/client_golang/prometheus"
)

// maxDatagram is the largest UDP payload. sipgo refuses to send more than UDPMTUSize−200 bytes; its default of 1300 is
// RFC 3261's advice for a request that could as well go by TCP. Our ACK and BYE carry the route set that the carrier
// chose, and a BYE that cannot leave is a call that never ends: better fragmented than unsent. INVITEs keep the advice
// (maxInvite).
const maxDatagram = 65507

func init() { sip.UDPMTUSize = maxDatagram + 200 }

// lastWords is the time that sipgo's own goroutines have to finish with datagrams that were read before Close muted the
// socket: they cannot be waited for.
const lastWords = 50 * time.Millisecond

// Errors of an Agent's life.
var (
	errStarted  = errors.New("agent was started before")
	errNotReady = errors.New("agent is not running")
)

// Agent is the user agent of one trunk. New makes it, Start opens its socket, Close ends it; after that it is not used
// again. Its methods may be called from any goroutine.
type Agent struct {
	cfg    Config
	log    *slog.Logger
	m      *metrics
	target *target
	crew   *crew
	drain  chan struct{} // closed by Close: end what lives, politely
	quit   chan struct{} // closed by Close when politeness is over

	// Set by Start, read-only afterwards.
	sock   *socket
	ua     *sipgo.UserAgent
	client *sipgo.Client
	server *sipgo.Server
	self   hostPort      // what the far end is told
	served chan struct{} // closed when serve has ended

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

// hostPort is a sent-by: a host, or an IP address without brackets, with its port.
type hostPort struct {
	host string
	port int
}

// New checks cfg and registers the metrics, each with the label trunk; reg may be nil. It opens nothing.
func New(cfg Config, log *slog.Logger, reg prometheus.Registerer) (*Agent, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	bind, err := netip.ParseAddrPort(cfg.Bind)
	if err != nil {
		return nil, fmt.Errorf("trunk %s: bind: %w", cfg.Name, err)
	}
	host, port, err := splitHost(cfg.Targets[0], defaultPort)
	if err != nil {
		return nil, fmt.Errorf("trunk %s: target: %w", cfg.Name, err)
	}
	m, err := newMetrics(reg, cfg.Name)
	if err != nil {
		return nil, err
	}
	return &Agent{
		cfg: cfg, log: log.With("trunk", cfg.Name), m: m,
		target: newTarget(host, port, bind.Addr().Is6() && !bind.Addr().Is4In6(), systemLookup),
		crew:   newCrew(), drain: make(chan struct{}), quit: make(chan struct{}),
		legs: make(map[string]*leg), empty: make(chan struct{}),
	}, nil
}

// Start opens the socket and serves it until Close. ctx bounds only the look-up of the target, where one is needed to
// find our own address.
func (a *Agent) Start(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state != idle {
		return fmt.Errorf("start trunk %s: %w", a.cfg.Name, errStarted)
	}
	bind, err := netip.ParseAddrPort(a.cfg.Bind)
	if err != nil {
		return fmt.Errorf("start trunk %s: bind: %w", a.cfg.Name, err)
	}
	sock, err := listen(bind)
	if err != nil {
		return fmt.Errorf("start trunk %s: %w", a.cfg.Name, err)
	}
	a.sock = sock
	if err := a.assemble(ctx); err != nil {
		return errors.Join(fmt.Errorf("start trunk %s: %w", a.cfg.Name, err), sock.Close())
	}
	a.served = make(chan struct{})
	go a.serve()
	<-sock.reading
	a.state = running
	a.log.Info("sip agent listens", "addr", sock.addr().String(), "targets", strings.Join(a.cfg.Targets, " "))
	return nil
}

// assemble builds the sipgo parts on the open socket.
func (a *Agent) assemble(ctx context.Context) error {
	var err error
	if a.self, err = a.advertised(ctx); err != nil {
		return err
	}
	log := newLibraryLogger(a.log, a.m.library)
	a.ua, err = sipgo.NewUA(sipgo.WithUserAgent(a.cfg.UserAgent),
		sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(log)),
		sipgo.WithUserAgentTransactionLayerOptions(sip.WithTransactionLayerLogger(log),
			sip.WithTransactionLayerUnhandledResponseHandler(a.stray)))
	if err != nil {
		return fmt.Errorf("make user agent: %w", err)
	}
	if a.server, err = sipgo.NewServer(a.ua, sipgo.WithServerLogger(log)); err != nil {
		return fmt.Errorf("make server: %w", err)
	}
	a.register(a.server)
	// Requests leave from the listening socket, so that in-dialog requests of the far end reach us.
	a.client, err = sipgo.NewClient(a.ua, sipgo.WithClientLogger(log),
		sipgo.WithClientConnectionAddr(a.sock.addr().String()))
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	return nil
}

// advertised is the sent-by for Via and Contact: what is configured, else the bound address, else (bound to all) the
// address from which the kernel reaches the target.
func (a *Agent) advertised(ctx context.Context) (hostPort, error) {
	bound := a.sock.addr()
	if a.cfg.AdvertiseSIP != "" {
		host, port, err := splitHost(a.cfg.AdvertiseSIP, defaultPort)
		if err != nil {
			return hostPort{}, err
		}
		if _, _, err := net.SplitHostPort(a.cfg.AdvertiseSIP); err != nil { // no port was given
			port = bound.Port()
		}
		return hostPort{host, int(port)}, nil
	}
	ip := bound.Addr()
	if ip.IsUnspecified() {
		remote, err := a.target.next(ctx)
		if err != nil {
			return hostPort{}, err
		}
		if ip, err = sourceFor(remote); err != nil {
			return hostPort{}, err
		}
	}
	return hostPort{ip.String(), int(bound.Port())}, nil
}

// Addr is the bound address of a started Agent.
func (a *Agent) Addr() netip.AddrPort { return a.sock.addr() }

// Name is the trunk's name.
func (a *Agent) Name() string { return a.cfg.Name }

// serve reads the socket until it is closed. A panic in sipgo's parser ends neither the process nor the trunk.
func (a *Agent) serve() {
	defer close(a.served)
	for {
		func() {
			defer a.guard("read")
			// ServeUDP returns nil or the error of an address that we know to be good.
			_ = a.server.ServeUDP(a.sock)
		}()
		select {
		case <-a.quit:
			return
		case <-time.After(readPause):
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
	close(a.drain)
	var err error
	select {
	case <-a.empty:
	case <-ctx.Done():
		err = fmt.Errorf("close trunk %s: %w", a.cfg.Name, ctx.Err())
	}
	close(a.quit)
	if was == running {
		a.sock.mute()
		a.ua.TransactionLayer().Close()
	}
	a.crew.dismiss()
	if was == running {
		time.Sleep(lastWords)
		err = errors.Join(err, a.sock.Close())
		<-a.served
		err = errors.Join(err, a.ua.Close())
	}
	return err
}
