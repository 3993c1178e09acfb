package dispatcher

import (
	"sync"

	"github.com/avanak/avanak/queue"
)

// holdings are the leases that this node keeps alive.
type holdings struct {
	mu   sync.Mutex
	held map[queue.Held]bool // guarded by mu
}

func newHoldings() *holdings { return &holdings{held: make(map[queue.Held]bool)} }

func (h *holdings) add(l queue.Held) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held[l] = true
}

func (h *holdings) drop(l queue.Held) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.held, l)
}

// keeps tells whether the lease is still ours as far as we know.
func (h *holdings) keeps(l queue.Held) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.held[l]
}

func (h *holdings) list() []queue.Held {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]queue.Held, 0, len(h.held))
	for l := range h.held {
		all = append(all, l)
	}
	return all
}
