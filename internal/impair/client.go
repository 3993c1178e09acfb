package impair

import (
	"net"
	"net/netip"
	"slices"
)

// client is one client address and its socket towards the target.
type client struct {
	addr netip.AddrPort
	back *net.UDPConn
	swap [directions]swaps
	held [directions][]*parcel // held back, in order of arrival; guarded by Proxy.mu
}

func (p *Proxy) newClient(addr netip.AddrPort) (*client, error) {
	back, self, err := listen(p.addr.Addr())
	if err != nil {
		return nil, err
	}
	c := &client{addr: addr, back: back}
	if p.cfg.SIP {
		c.swap[ToTarget] = swaps{{addr.String(), self.String()}, {p.addr.String(), p.target.String()}}
		c.swap[ToClient] = swaps{{p.target.String(), p.addr.String()}, {self.String(), addr.String()}}
	}
	return c, nil
}

// overtaken notes that a parcel has passed those that are held back, and returns those that may go now.
func (c *client) overtaken(d Direction) []*parcel {
	var free []*parcel
	c.held[d] = slices.DeleteFunc(c.held[d], func(h *parcel) bool {
		h.overtake--
		if h.overtake > 0 {
			return false
		}
		free = append(free, h)
		return true
	})
	return free
}

// letGo forgets a parcel that was held back long enough.
func (c *client) letGo(h *parcel) {
	h.overtake = 0
	c.held[h.direction] = slices.DeleteFunc(c.held[h.direction], func(o *parcel) bool { return o == h })
}
