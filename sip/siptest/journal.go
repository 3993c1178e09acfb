package siptest

import (
	"slices"
	"sync"
	"time"
)

// journal holds the records of all calls. The farm's goroutines write it, anybody reads.
type journal struct {
	keep int // ended calls; 0 means all

	mu      sync.Mutex
	calls   []*Call          // in order of arrival; guarded by mu
	latest  map[string]*Call // by Call-ID; guarded by mu
	ended   int              // among calls; guarded by mu
	counts  Counts           // guarded by mu
	changed chan struct{}    // closed at the next change; nil while nobody waits; guarded by mu
}

func newJournal(keep int) *journal { return &journal{keep: keep, latest: map[string]*Call{}} }

// open starts the record of a call.
func (j *journal) open(c *Call) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, seen := j.latest[c.CallID]; seen {
		c.Invites[0].Repeat = true
	}
	j.calls = append(j.calls, c)
	j.latest[c.CallID] = c
	j.counts.Calls++
	j.counts.Invites++
	j.wake()
}

// note changes a record and the counts.
func (j *journal) note(c *Call, change func(*Call, *Counts)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change(c, &j.counts)
	j.wake()
}

// count changes the counts.
func (j *journal) count(change func(*Counts)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change(&j.counts)
	j.wake()
}

// end closes a record, once; where only some are kept the oldest ended one is forgotten.
func (j *journal) end(c *Call) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !c.EndedAt.IsZero() {
		return
	}
	c.EndedAt = time.Now()
	j.counts.Ended++
	j.ended++
	if j.keep > 0 && j.ended > j.keep {
		j.forget()
	}
	j.wake()
}

// forget drops the first ended call. Callers hold mu.
func (j *journal) forget() {
	i := slices.IndexFunc(j.calls, func(c *Call) bool { return !c.EndedAt.IsZero() })
	c := j.calls[i]
	j.calls = slices.Delete(j.calls, i, i+1)
	j.ended--
	if j.latest[c.CallID] == c {
		delete(j.latest, c.CallID)
	}
}

// wake tells those who wait. Callers hold mu.
func (j *journal) wake() {
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
}

// watch returns the counts and a channel that is closed at the next change.
func (j *journal) watch() (Counts, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.changed == nil {
		j.changed = make(chan struct{})
	}
	return j.counts, j.changed
}

// all returns copies of all records in order of arrival.
func (j *journal) all() []Call {
	j.mu.Lock()
	defer j.mu.Unlock()
	calls := make([]Call, len(j.calls))
	for i, c := range j.calls {
		calls[i] = c.clone()
	}
	return calls
}

// find returns a copy of the latest record with this Call-ID.
func (j *journal) find(callID string) (Call, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	c, ok := j.latest[callID]
	if !ok {
		return Call{}, false
	}
	return c.clone(), true
}

// clone copies a record. Packets only grow, so that copies may share them; Invites change in place.
func (c *Call) clone() Call {
	copied := *c
	copied.Invites = slices.Clone(c.Invites)
	copied.Packets = slices.Clip(c.Packets)
	return copied
}

// invites returns all INVITE transactions of the records in order of arrival.
func (j *journal) invites() []Invite {
	j.mu.Lock()
	defer j.mu.Unlock()
	var invites []Invite
	for _, c := range j.calls {
		invites = append(invites, c.Invites...)
	}
	slices.SortStableFunc(invites, func(a, b Invite) int { return a.At.Compare(b.At) })
	return invites
}
