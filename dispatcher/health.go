package dispatcher

import (
	"time"

	"github.com/avanak/avanak"
)

// Heed takes in what sip knows of a trunk's far ends. A trunk that is not usable gets no calls, and gets them again at
// once when it is. Any goroutine may call it, at any time; it does not block. A trunk that this node does not have is
// ignored, and counted.
func (d *Dispatcher) Heed(h avanak.Health) {
	d.plan.post(func(now time.Time) { d.plan.heed(now, h) })
}

func (p *planner) heed(now time.Time, h avanak.Health) {
	for _, t := range p.d.trunks {
		if t.Name != h.Trunk {
			continue
		}
		if h.At.Before(t.health.At) { // overtaken by a later one
			return
		}
		was, why := t.state(), h.Why
		t.health, t.heard = h, true
		if h.Usable {
			why = whyUsable
		} else if why == "" {
			why = "not usable"
		}
		p.moved(now, t, was, why)
		p.follow(now, t)
		return
	}
	p.d.metrics.unheeded.Inc()
	p.d.log.Warn("health of a trunk that is not ours", "trunk", h.Trunk)
}
