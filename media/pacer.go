package media

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/avanak/avanak"
)

// Pacer sends the frames of all calls of this node at their time.
type Pacer struct {
	base     time.Time // the wheels' tick 0
	wheels   []*wheel
	metrics  *metrics
	lateness lateness
	running  atomic.Bool // Run has been called
}

// New makes a pacer and registers its metrics; Run starts it. An invalid configuration gives an error that wraps
// avanak.ErrInvalid.
func New(cfg Config, reg prometheus.Registerer) (*Pacer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("new pacer: %w", err)
	}
	if cfg.Threads == 0 {
		cfg.Threads = DefaultConfig().Threads
	}
	m, err := newMetrics(reg)
	if err != nil {
		return nil, fmt.Errorf("new pacer: %w", err)
	}
	p := &Pacer{base: time.Now(), metrics: m}
	for range cfg.Threads {
		p.wheels = append(p.wheels, newWheel(p))
	}
	return p, nil
}

// Run paces until ctx ends, then stops every playback that is left and returns nil. A pacer runs once. What was played
// before Run waits for it after its first packet.
func (p *Pacer) Run(ctx context.Context) error {
	if p.running.Swap(true) {
		return errors.New("run pacer: it has run before")
	}
	var wg sync.WaitGroup
	for _, w := range p.wheels {
		wg.Go(func() { w.run(ctx) })
	}
	wg.Wait()
	return nil
}

// Open takes a port of the range and binds the socket of one call to it, before the INVITE, so that the SDP offer can
// name it. Whoever opens a session closes it. Without a free port the error is ErrPortsExhausted; it and a lack of
// file descriptors wrap avanak.ErrLimited.
func (p *Pacer) Open(ports *Ports) (*Session, error) {
	sock, port, err := ports.open()
	if err != nil {
		if errors.Is(err, ErrPortsExhausted) {
			p.metrics.exhausted.Inc()
		}
		return nil, fmt.Errorf("open media session: %w", err)
	}
	return &Session{pacer: p, ports: ports, port: port, sock: sock}, nil
}

// Lateness returns an upper bound, in coarse steps, of how late 99 % of the last five seconds' packets were; 0 where
// none was due.
func (p *Pacer) Lateness() time.Duration {
	late, _ := p.lateness.percentile(99, time.Since(p.base))
	return late
}

// Overloaded tells whether play-out cannot keep up, so that this node should take no new call: within the last
// second a stream stalled for more than 60 ms, or more than 5 % of the last five seconds' packets were over 20 ms late.
func (p *Pacer) Overloaded() bool { return p.lateness.overloaded(time.Since(p.base)) }

// start sends a playback's first packet, here and now, and hands the rest to the least loaded wheel.
func (p *Pacer) start(b *Playback) error {
	var t tally
	packet := make([]byte, packetBytes)
	now := time.Now()
	b.begin(now, now.Sub(p.base), packet, &t)
	p.metrics.report(&t)
	least := p.wheels[0]
	for _, w := range p.wheels[1:] {
		if w.load.Load() < least.load.Load() {
			least = w
		}
	}
	if !least.add(b) {
		b.Stop()
		return fmt.Errorf("play: the pacer has ended: %w", avanak.ErrUnavailable)
	}
	return nil
}
