package impair

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	maxDatagram  = 65535   // bytes
	socketBuffer = 4 << 20 // bytes asked of the kernel for each socket: losses are ours to make, not the kernel's
	readPause    = 10 * time.Millisecond
)

// limits bound what a proxy holds.
type limits struct {
	clients int
	parcels int // that wait
	bytes   int // of these
}

func defaultLimits() limits { return limits{clients: 1024, parcels: 16384, bytes: 32 << 20} }

// Proxy is a bad network between any number of clients and one target. Its methods are safe for concurrent use.
type Proxy struct {
	cfg    Config
	target netip.AddrPort
	limits limits
	front  *net.UDPConn
	addr   netip.AddrPort // of front

	closing sync.Once
	running sync.WaitGroup
	stop    chan struct{} // closed by Close
	wake    chan struct{} // capacity 1: the queue has a new head

	mu      sync.Mutex
	closed  bool                       // guarded by mu
	clients map[netip.AddrPort]*client // guarded by mu
	dice    [directions]*fates         // guarded by mu
	counts  [directions]Counts         // guarded by mu
	queue   queue                      // guarded by mu
}

// New opens a proxy in front of target, on a port of the kernel's choice, and starts it; Close ends it. Target must be a
// loopback address: nobody else's network is made worse. Errors are those of the settings and of the socket.
func New(target netip.AddrPort, cfg Config) (*Proxy, error) {
	return open(target, cfg, defaultLimits())
}

func open(target netip.AddrPort, cfg Config, l limits) (*Proxy, error) {
	target = unmapped(target)
	if !target.Addr().IsLoopback() || target.Port() == 0 {
		return nil, errors.New("impair: target must be a loopback address with a port")
	}
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("impair %s: %w", target, err)
	}
	front, addr, err := listen(target.Addr())
	if err != nil {
		return nil, fmt.Errorf("impair %s: %w", target, err)
	}
	p := &Proxy{cfg: cfg, target: target, limits: l, front: front, addr: addr, stop: make(chan struct{}),
		wake: make(chan struct{}, 1), clients: map[netip.AddrPort]*client{}, queue: queue{limits: l}}
	for d := range directions {
		p.dice[d] = newFates(cfg.path(d), cfg.Seed, d)
	}
	p.running.Go(p.serve)
	p.running.Go(p.deliver)
	return p, nil
}

// listen opens a socket on a port of the kernel's choice. It is not connected: a target that is away is a silent one, no
// error of the next write.
func listen(ip netip.Addr) (*net.UDPConn, netip.AddrPort, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	// What the kernel grants below the wish is still a working socket.
	_ = conn.SetReadBuffer(socketBuffer)
	_ = conn.SetWriteBuffer(socketBuffer)
	return conn, unmapped(conn.LocalAddr().(*net.UDPAddr).AddrPort()), nil
}

func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// Addr is where clients send instead of to the target.
func (p *Proxy) Addr() netip.AddrPort { return p.addr }

// Stats returns the sums since the start.
func (p *Proxy) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Stats{ToTarget: p.counts[ToTarget], ToClient: p.counts[ToClient], Clients: len(p.clients), Waiting: p.queue.Len()}
}

// Close shuts all sockets, throws away what still waits, and returns when the proxy's goroutines have ended. Stats stay
// readable. Further calls only wait.
func (p *Proxy) Close() {
	p.closing.Do(func() {
		close(p.stop)
		_ = p.front.Close() // nothing is owed to a UDP socket
		p.mu.Lock()
		p.closed = true
		for _, c := range p.clients {
			_ = c.back.Close()
		}
		p.mu.Unlock()
	})
	p.running.Wait()
}

// serve reads what clients send.
func (p *Proxy) serve() {
	p.read(p.front, func(payload []byte, from netip.AddrPort) {
		c := p.client(from)
		if c == nil {
			p.count(ToTarget, func(n *Counts) {
				n.In++
				n.Dropped++
			})
			p.watch(Datagram{ToTarget, from, payload, true})
			return
		}
		p.carry(c, ToTarget, payload)
	})
}

// read calls take with each datagram of a socket until the socket is closed.
func (p *Proxy) read(conn *net.UDPConn, take func(payload []byte, from netip.AddrPort)) {
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // it passes, but must not spin
			time.Sleep(readPause)
		default:
			take(buf[:n], unmapped(from))
		}
	}
}

// client finds or makes the client of an address; nil where there is no room for one more. Only serve calls it.
func (p *Proxy) client(addr netip.AddrPort) *client {
	p.mu.Lock()
	c, clients := p.clients[addr], len(p.clients)
	p.mu.Unlock()
	if c != nil || clients >= p.limits.clients {
		return c
	}
	c, err := p.newClient(addr)
	if err != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = c.back.Close()
		return nil
	}
	p.clients[addr] = c
	p.running.Go(func() {
		p.read(c.back, func(payload []byte, from netip.AddrPort) {
			if from == p.target { // others were not asked
				p.carry(c, ToClient, payload)
			}
		})
	})
	return c
}

// carry throws the dice for a datagram and sends what is to leave at once.
func (p *Proxy) carry(c *client, d Direction, payload []byte) {
	onward := c.swap[d].apply(payload)
	p.mu.Lock()
	now, f := time.Now(), p.dice[d].next()
	n := &p.counts[d]
	n.In++
	var ready []*parcel
	arrives := false
	switch {
	case f.lost:
		n.Lost++
	case f.overtakers > 0:
		n.Reordered++
		h := &parcel{client: c, direction: d, payload: onward, delay: f.delay, overtake: f.overtakers}
		if arrives = p.await(h, now.Add(holdLimit)); arrives {
			c.held[d] = append(c.held[d], h)
		}
		ready = p.double(ready, c, d, onward, f, now)
	default:
		ready, arrives = p.pass(ready, &parcel{client: c, direction: d, payload: onward, delay: f.delay}, now)
		ready = p.double(ready, c, d, onward, f, now)
		for _, h := range c.overtaken(d) {
			p.queue.remove(h)
			ready, _ = p.pass(ready, h, now)
		}
	}
	p.mu.Unlock()
	p.watch(Datagram{d, c.addr, payload, !arrives})
	p.send(ready)
}

// double passes the copy of a datagram that arrives twice. Callers hold mu.
func (p *Proxy) double(ready []*parcel, c *client, d Direction, payload []byte, f fate, now time.Time) []*parcel {
	if !f.twice {
		return ready
	}
	p.counts[d].Duplicated++
	ready, _ = p.pass(ready, &parcel{client: c, direction: d, payload: payload, delay: f.copyDelay}, now)
	return ready
}

// pass adds a parcel to those that leave at once, or makes it wait; false means that there was no room. Callers hold mu.
func (p *Proxy) pass(ready []*parcel, q *parcel, now time.Time) ([]*parcel, bool) {
	if q.delay == 0 {
		return append(ready, q), true
	}
	due := now.Add(q.delay)
	q.delay = 0
	return ready, p.await(q, due)
}

// await puts a parcel into the queue, or counts it as dropped. Callers hold mu.
func (p *Proxy) await(q *parcel, due time.Time) bool {
	if !p.queue.add(q, due) {
		p.counts[q.direction].Dropped++
		return false
	}
	if q.index == 0 {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
	return true
}

// deliver sends what has waited long enough, until Close.
func (p *Proxy) deliver() {
	timer := time.NewTimer(maxDelay)
	defer timer.Stop()
	for {
		ready, next := p.due()
		p.send(ready)
		timer.Reset(next)
		select {
		case <-timer.C:
		case <-p.wake:
		case <-p.stop:
			return
		}
	}
}

// due takes from the queue what is to leave now, and tells how long nothing else is due.
func (p *Proxy) due() (ready []*parcel, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for q := p.queue.take(now); q != nil; q = p.queue.take(now) {
		if q.overtake > 0 { // nobody passed it in time
			q.client.letGo(q)
		}
		ready, _ = p.pass(ready, q, now)
	}
	next, ok := p.queue.next()
	if !ok {
		return ready, maxDelay
	}
	return ready, next.Sub(now)
}

// send writes parcels in order.
func (p *Proxy) send(ready []*parcel) {
	for _, q := range ready {
		conn, to := q.client.back, p.target
		if q.direction == ToClient {
			conn, to = p.front, q.client.addr
		}
		_, err := conn.WriteToUDPAddrPort(q.payload, to)
		p.count(q.direction, func(n *Counts) {
			if err != nil {
				n.Dropped++
				return
			}
			n.Out++
		})
	}
}

func (p *Proxy) count(d Direction, change func(*Counts)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.counts[d])
}

func (p *Proxy) watch(d Datagram) {
	if p.cfg.Watch != nil {
		p.cfg.Watch(d)
	}
}
