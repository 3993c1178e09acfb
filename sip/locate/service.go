package locate

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// maxServices is how many SRV records of one answer are used, those of the best priority first.
const maxServices = 64

// service is one SRV record, or the stand-in for a name that is called directly.
type service struct {
	name             string // to look up the addresses of
	via              string // name without its final dot; "" where there is no SRV record
	port             uint16 // 0 where there is no SRV record: the target's, or the default
	priority, weight uint16
}

// option is a service with its addresses.
type option struct {
	service
	addrs []netip.Addr
	got   time.Time // when DNS named addrs
}

// services keeps what is usable of an SRV answer, best priority first. absent tells that the answer says, by a target of
// ".", that the service is decidedly not there (RFC 2782).
func services(records []*net.SRV) (usable []service, absent bool) {
	for _, r := range records {
		if r == nil {
			continue
		}
		if r.Target == "." || r.Target == "" { // resolvers differ in how they write the root
			absent = true
			continue
		}
		via := strings.TrimSuffix(r.Target, ".")
		if r.Port == 0 || !validName(via) {
			continue
		}
		// The final dot keeps a search list away from it: what an SRV record names is absolute.
		usable = append(usable, service{name: via + ".", via: via, port: r.Port, priority: r.Priority, weight: r.Weight})
	}
	slices.SortStableFunc(usable, func(a, b service) int { return cmp.Compare(a.priority, b.priority) })
	return usable[:min(len(usable), maxServices)], absent && len(usable) == 0
}

// order puts options, which are sorted by priority, into the order to try them in for one call (RFC 2782): within a
// priority by weighted chance. intn gives an even chance of 0 to n-1.
func order(options []option, intn func(n int) int) {
	for len(options) > 0 {
		same := 1
		for same < len(options) && options[same].priority == options[0].priority {
			same++
		}
		draw(options[:same], intn)
		options = options[same:]
	}
}

// draw orders options of one priority. The RFC lets them stand in any order except that weight 0 comes first: we shuffle,
// so that records which all have weight 0 share the calls.
func draw(options []option, intn func(n int) int) {
	for i := len(options) - 1; i > 0; i-- {
		j := intn(i + 1)
		options[i], options[j] = options[j], options[i]
	}
	slices.SortStableFunc(options, func(a, b option) int { return cmp.Compare(min(a.weight, 1), min(b.weight, 1)) })
	sum := 0
	for _, o := range options {
		sum += int(o.weight)
	}
	for ; len(options) > 1; options = options[1:] {
		chosen, running, mark := 0, int(options[0].weight), intn(sum+1)
		for running < mark {
			chosen++
			running += int(options[chosen].weight)
		}
		o := options[chosen]
		copy(options[1:], options[:chosen]) // weight 0 stays in front
		options[0] = o
		sum -= int(o.weight)
	}
}
