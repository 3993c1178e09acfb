package media

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/avanak/avanak"
)

// Quarantine is how long a closed port of a range rests, so that late packets for its old call do not reach a new one.
// A range must hold the calls at once plus those that ended within this time.
const Quarantine = 5 * time.Second

// ErrPortsExhausted means that every port of the range is in use, rests in quarantine, or belongs to another process.
// It wraps avanak.ErrLimited: the call can wait.
var ErrPortsExhausted = fmt.Errorf("rtp ports exhausted: %w", avanak.ErrLimited)

// PortRange is where a trunk's calls send from: local address and UDP ports, both ends included. RTP takes the even
// port of each pair; the odd one above it is left for RTCP (RFC 3550 §11), so both must lie within. With Min and Max 0
// the kernel chooses even ports, without quarantine: for tests and the demo.
type PortRange struct {
	IP       netip.Addr // address to bind; the zero value means every IPv4 address
	Min, Max uint16
}

// Validate names the first rule that the range breaks; the error wraps avanak.ErrInvalid.
func (r PortRange) Validate() error {
	if r.IP.IsMulticast() || r.IP.Zone() != "" {
		return fmt.Errorf("%w: rtp address %s must be a local unicast address", avanak.ErrInvalid, r.IP)
	}
	if (r.Min != 0 || r.Max != 0) && (r.Min == 0 || r.pairs() == 0) {
		return fmt.Errorf("%w: rtp ports %d to %d must hold an even port and the odd one above it", avanak.ErrInvalid,
			r.Min, r.Max)
	}
	return nil
}

// first is the lowest even port of the range.
func (r PortRange) first() int { return (int(r.Min) + 1) &^ 1 }

// pairs is how many calls the range carries at once.
func (r PortRange) pairs() int { return max(0, (int(r.Max)+1-r.first())/2) }

// Ports hands out the even ports of one range. It is safe for concurrent use and starts nothing.
type Ports struct {
	ip    netip.Addr
	total int // 0: the kernel chooses

	mu sync.Mutex
	// free is a ring: the port that was closed longest ago is at head. As each rests for the same time, the ring is
	// ordered by ready, and where the head is not ready none is.
	free  []freePort // guarded by mu
	head  int        // guarded by mu
	count int        // guarded by mu
}

type freePort struct {
	port  uint16
	ready time.Time
}

// NewPorts makes the allocator of one range. A range that is not valid gives an error that wraps avanak.ErrInvalid.
func NewPorts(r PortRange) (*Ports, error) {
	if err := r.Validate(); err != nil {
		return nil, fmt.Errorf("new rtp ports: %w", err)
	}
	p := &Ports{ip: r.IP.Unmap()}
	if !p.ip.IsValid() {
		p.ip = netip.IPv4Unspecified()
	}
	if r.Min == 0 {
		return p, nil
	}
	p.total = r.pairs()
	p.count = p.total
	p.free = make([]freePort, p.total)
	for i := range p.free {
		p.free[i].port = uint16(r.first() + 2*i) //nolint:gosec // at most Max
	}
	// Shuffled, so that a restarted gateway is unlikely to begin with the ports that its last calls used.
	rand.Shuffle(p.total, func(i, j int) { p.free[i], p.free[j] = p.free[j], p.free[i] })
	return p, nil
}

// open binds a socket to a free even port. A port that the kernel refuses is skipped, and tried again after a
// quarantine.
func (p *Ports) open() (socket, uint16, error) {
	if p.total == 0 {
		return p.openAny()
	}
	for range p.total {
		port, ok := p.take()
		if !ok {
			break
		}
		s, _, err := bind(p.ip, port)
		switch {
		case err == nil:
			return s, port, nil
		case taken(err):
			p.release(port)
		default:
			p.putBack(port)
			return socket{}, 0, limited(err)
		}
	}
	return socket{}, 0, ErrPortsExhausted
}

// openAny lets the kernel choose until the port is even: every second one is.
func (p *Ports) openAny() (socket, uint16, error) {
	for range 64 {
		s, port, err := bind(p.ip, 0)
		if err != nil {
			if taken(err) {
				break
			}
			return socket{}, 0, limited(err)
		}
		if port%2 == 0 {
			return s, port, nil
		}
		s.close()
	}
	return socket{}, 0, ErrPortsExhausted
}

// limited names a lack of file descriptors as what it is for callers: a limit that passes.
func limited(err error) error {
	if noDescriptors(err) {
		return fmt.Errorf("%w: %w", avanak.ErrLimited, err)
	}
	return err
}

// take removes the port that has rested longest; ok is false where none has rested long enough.
func (p *Ports) take() (port uint16, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count == 0 || time.Now().Before(p.free[p.head].ready) {
		return 0, false
	}
	port = p.free[p.head].port
	p.head = (p.head + 1) % p.total
	p.count--
	return port, true
}

// release lets a closed port rest.
func (p *Ports) release(port uint16) {
	if p.total == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free[(p.head+p.count)%p.total] = freePort{port: port, ready: time.Now().Add(Quarantine)}
	p.count++
}

// putBack returns a port that was not used.
func (p *Ports) putBack(port uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.head = (p.head + p.total - 1) % p.total
	p.free[p.head] = freePort{port: port}
	p.count++
}
