package siptest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// maxReadErrors is how many errors in a row of the SIP socket the farm lives through.
const maxReadErrors = 100

// Farm is a set of callees behind one SIP address. Its methods are safe for concurrent use.
type Farm struct {
	cfg     Config
	conn    *net.UDPConn
	addr    netip.AddrPort // of conn
	host    netip.Addr     // in Contact and SDP
	journal *journal
	media   *sweep

	// The loop's own.
	guard        guard
	alarms       alarms
	transactions map[string]*callee   // by message.transaction
	dialogs      map[string]*dialog   // by Call-ID and our tag
	byes         map[string]*callee   // by branch of the callee's BYE
	offerings    map[string]*offering // by branch of the callee's re-INVITE
	challenged   map[string]*callee   // by Call-ID: 407 sent, credentials not here yet
	tries        map[string]int       // calls by number

	starting, stopping sync.Once
	loopEnded          chan struct{} // closed by the loop's goroutine
	sweepStop          chan struct{} // closed by Close
	running            sync.WaitGroup
	err                error // why the loop ended; read after loopEnded
}

// New binds the farm's SIP socket, so that Addr is known, and starts nothing. A farm that is not started needs Close all
// the same. Errors are those of Validate and of the socket.
func New(cfg Config) (*Farm, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("callee farm: %w", err)
	}
	cfg = cfg.withDefaults()
	want := netip.MustParseAddrPort(cfg.Addr) // Validate has seen to it
	conn, err := listen(want)
	if err != nil {
		return nil, fmt.Errorf("callee farm: %w", err)
	}
	// A burst of INVITEs must wait in the kernel, not get lost; a smaller buffer than asked for is no error.
	_ = conn.SetReadBuffer(4 << 20)
	f := &Farm{cfg: cfg, conn: conn, addr: localAddr(conn), journal: newJournal(cfg.KeepCalls),
		transactions: map[string]*callee{}, dialogs: map[string]*dialog{}, byes: map[string]*callee{},
		offerings: map[string]*offering{}, challenged: map[string]*callee{}, tries: map[string]int{},
		guard: guard{nonce: rand.Text(), used: map[uint64]bool{}}, loopEnded: make(chan struct{}), sweepStop: make(chan struct{})}
	f.host = f.addr.Addr()
	if cfg.Advertise.IsValid() {
		f.host = cfg.Advertise
	}
	f.media = newSweep(f.journal, !cfg.CountRTP)
	return f, nil
}

// listen opens a UDP socket whose datagrams the kernel stamps.
func listen(addr netip.AddrPort) (*net.UDPConn, error) {
	network := "udp6"
	if addr.Addr().Is4() {
		network = "udp4"
	}
	conn, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, err
	}
	if err := askStamps(conn); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

func localAddr(conn *net.UDPConn) netip.AddrPort {
	addr := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
}

// Addr is the address of the SIP socket.
func (f *Farm) Addr() netip.AddrPort { return f.addr }

// Start starts the farm's two goroutines; further calls do nothing. Close ends them.
func (f *Farm) Start() {
	f.starting.Do(func() {
		f.running.Go(func() {
			defer close(f.loopEnded)
			f.err = f.loop()
		})
		f.running.Go(func() { f.media.run(f.sweepStop) })
	})
}

// Close shuts all sockets, as if the power had failed: live calls get no BYE. It returns when the farm's goroutines have
// ended; the records stay readable. A farm that was never started is closed for good, too.
func (f *Farm) Close() {
	f.stopping.Do(func() {
		f.starting.Do(func() { close(f.loopEnded) })
		_ = f.conn.Close()
		<-f.loopEnded // the loop opens media sockets: only after it the sweep can close the last one
		close(f.sweepStop)
	})
	f.running.Wait()
}

// Run is Start, a wait for the end of ctx, and Close. Its error is nil unless the SIP socket failed.
func (f *Farm) Run(ctx context.Context) error {
	f.Start()
	select {
	case <-ctx.Done():
	case <-f.loopEnded:
	}
	f.Close()
	return f.err
}

// Calls returns the records of all remembered calls in order of arrival.
func (f *Farm) Calls() []Call { return f.journal.all() }

// Call returns the record of the latest call with this Call-ID.
func (f *Farm) Call(callID string) (Call, bool) { return f.journal.find(callID) }

// Invites returns all INVITE transactions of the remembered calls in order of arrival.
func (f *Farm) Invites() []Invite { return f.journal.invites() }

// Counts returns the sums since the farm's start; they do not shrink when calls are forgotten.
func (f *Farm) Counts() Counts {
	counts, _ := f.journal.watch()
	return counts
}

// WaitFor returns nil as soon as ok holds; it is asked at once and after every change. It may call the farm's methods.
// At the end of ctx it returns ctx's error with the counts as they were then.
func (f *Farm) WaitFor(ctx context.Context, ok func(Counts) bool) error {
	for {
		counts, changed := f.journal.watch()
		if ok(counts) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for callee farm (%+v): %w", counts, ctx.Err())
		}
	}
}

// WaitCall returns the record of the latest call with this Call-ID as soon as there is one for which ok holds. At the end
// of ctx it returns ctx's error and the record as it was then.
func (f *Farm) WaitCall(ctx context.Context, callID string, ok func(Call) bool) (Call, error) {
	var call Call
	err := f.WaitFor(ctx, func(Counts) bool {
		var found bool
		call, found = f.Call(callID)
		return found && ok(call)
	})
	return call, err
}

// loop reads the SIP socket and rings the alarms until the socket is closed.
func (f *Farm) loop() error {
	datagram, oob := make([]byte, maxUDP), make([]byte, 128)
	failures := 0
	for {
		f.alarms.ring(time.Now())
		// The only error is that of a closed socket, which the read reports as well.
		_ = f.conn.SetReadDeadline(f.alarms.next())
		n, oobn, _, from, err := f.conn.ReadMsgUDPAddrPort(datagram, oob)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			continue
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			if failures++; failures == maxReadErrors {
				return fmt.Errorf("read SIP socket %s: %w", f.addr, err)
			}
			continue
		}
		failures = 0
		f.receive(datagram[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), stamp(oob[:oobn]))
	}
}

// receive handles one datagram.
func (f *Farm) receive(datagram []byte, from netip.AddrPort, at time.Time) {
	if len(bytes.Trim(datagram, "\r\n\x00")) == 0 {
		return // a keepalive (RFC 5626 §4.4.1)
	}
	m, err := parse(datagram)
	f.journal.count(func(n *Counts) {
		n.Datagrams++
		if err != nil {
			n.Garbage++
		}
	})
	switch {
	case err != nil:
		f.cfg.Logger.Debug("datagram dropped", "bytes", len(datagram), "err", err)
	case m.status != 0:
		f.response(m)
	default:
		f.request(m, from, at)
	}
}

// send writes a datagram. An error is as good as a lost datagram: SIP repeats what matters.
func (f *Farm) send(b []byte, to netip.AddrPort) { _, _ = f.conn.WriteToUDPAddrPort(b, to) }
