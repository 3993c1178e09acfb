package sip

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/sip/locate"
)

// INVITEs that one target left unanswered had only that one asked, and put the round of all off: while they came, a target
// that was down stayed down, however well it was.
func TestDownTargetIsAskedWhileAnotherLeavesInvitesUnanswered(t *testing.T) {
	t.Parallel()
	other := newCallee(t)
	r := newRig(t, func(c *Config) {
		c.Targets = append(c.Targets, other.addr())
		c.Options = time.Second
	})
	down, silent := netip.MustParseAddrPort(other.addr()), netip.MustParseAddrPort(r.addr())
	for range missesToDown {
		r.agent.targets.missed(down, "test")
	}
	ctx, stop := context.WithCancel(t.Context())
	answered := make(chan struct{})
	for _, u := range []*callee{r.callee, other} {
		go func() { // answers every OPTIONS
			defer func() { answered <- struct{}{} }()
			for n := 0; ctx.Err() == nil; {
				u.mu.Lock()
				var m *message
				if n < len(u.log) {
					m = u.log[n]
					n++
				}
				u.mu.Unlock()
				if m == nil {
					time.Sleep(time.Millisecond) // polls
					continue
				}
				u.reply(*m, 200, "OK", "x", "")
			}
		}()
	}
	require.Eventually(t, func() bool {
		r.agent.health.suspect(silent)
		list, err := r.agent.targets.list(ctx)
		require.NoError(t, err)
		return list[0].Up && list[1].Up
	}, patience, 50*time.Millisecond)
	stop()
	<-answered
	<-answered
}

// slowpost is a signpost whose first answer is a long time coming.
type slowpost struct {
	signpost
	asked chan struct{}
	first chan struct{} // holds the first one up
	once  *sync.Once
}

func (s slowpost) Places(ctx context.Context) ([]locate.Place, error) {
	slow := false
	s.once.Do(func() { slow = true })
	s.asked <- struct{}{}
	if slow {
		<-s.first
	}
	return s.signpost.Places(ctx)
}

// Two refreshes at once told the older state last: the trunk was down until the next round, at most an hour.
func TestHealthOfBeforeIsNotToldAfterALaterOne(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	at := netip.MustParseAddrPort("127.0.0.1:9") // not where it was
	post := slowpost{signpost: signpost{locate.Place{Host: "x", Addr: at}}, asked: make(chan struct{}, 2), first: make(chan struct{}),
		once: new(sync.Once)}
	h := r.agent.health
	r.looked()
	r.agent.targets.find = post
	var told []int
	r.agent.Notify(func(now avanak.Health) { told = append(told, len(now.Targets)) })
	var both sync.WaitGroup
	both.Go(h.refresh)
	<-post.asked
	both.Go(h.refresh)
	select {
	case <-post.asked:
		t.Error("two refreshes read at once")
	case <-time.After(50 * time.Millisecond): // the second one waits for its turn
	}
	close(post.first)
	both.Wait()
	require.Equal(t, []int{1, 1}, told, "what it was, and what it came to; the second refresh found the same")
}
