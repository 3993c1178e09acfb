package sip

import (
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// maxRefusals bounds the INVITEs that are remembered: those of 64*T1 at a pace that no trunk has.
const maxRefusals = 1 << 14

// refusals remembers the INVITEs that got a final response of 300 or above. A proxy passes on an answer that comes after
// that (RFC 3261 section 16.7, item 5): another phone of the same callee was picked up at that moment. sipgo's transaction
// drops it, and the callee would listen to silence.
type refusals struct {
	mu    sync.Mutex
	until map[string]time.Time // by branch; guarded by mu
	order []string             // oldest first; guarded by mu
}

func newRefusals() *refusals { return &refusals{until: make(map[string]time.Time)} }

// note remembers an INVITE for 64*T1 (timer D).
func (f *refusals) note(branch string) {
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.order) > 0 && (len(f.order) >= maxRefusals || f.until[f.order[0]].Before(now)) {
		delete(f.until, f.order[0])
		f.order = f.order[1:]
	}
	if _, known := f.until[branch]; !known {
		f.order = append(f.order, branch)
	}
	f.until[branch] = now.Add(settleFactor * sip.T1)
}

// has tells whether the INVITE of this branch was refused a short while ago.
func (f *refusals) has(branch string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.until[branch].After(time.Now())
}

// overhear sees every message before sipgo's transactions do, in the reader's goroutine: it picks out the answers to
// refused INVITEs, which reach nobody else.
func (a *Agent) overhear(m sip.Message) {
	res, ok := m.(*sip.Response)
	if !ok || !res.IsSuccess() || res.CSeq() == nil || res.CSeq().MethodName != sip.INVITE || res.Via() == nil {
		return
	}
	if branch, _ := res.Via().Params.Get("branch"); a.refusals.has(branch) {
		go a.stray(res) // stray counts itself in: Close waits for it
	}
}
