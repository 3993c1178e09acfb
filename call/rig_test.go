package call

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/media"
	"github.com/avanak/avanak/queue"
	"github.com/avanak/avanak/sip"
	"github.com/avanak/avanak/sip/siptest"
)

// wait bounds every wait of a test, on a machine however slow.
const wait = 30 * time.Second

// lead is the silence before the clip: five frames.
const lead = 100 * time.Millisecond

var loopback = netip.MustParseAddr("127.0.0.1")

// pass is a gate that holds nothing back.
func pass(context.Context) error { return nil }

// clips is the store of clips: what is not in it is not found, and an entry may be an error.
type clips map[string]any

func (c clips) Frames(_ context.Context, id string) (avanak.Frames, error) {
	switch v := c[id].(type) {
	case avanak.Frames:
		return v, nil
	case error:
		return avanak.Frames{}, v
	}
	return avanak.Frames{}, fmt.Errorf("clip %s: %w", id, avanak.ErrNotFound)
}

// noise is a clip of n frames, no two of them alike, and different in the two laws.
func noise(n int) avanak.Frames {
	f := avanak.Frames{ALaw: make([]byte, n*avanak.FrameBytes), ULaw: make([]byte, n*avanak.FrameBytes)}
	x := uint32(1)
	for i := range f.ALaw {
		x = x*1664525 + 1013904223
		f.ALaw[i], f.ULaw[i] = byte(x>>24), byte(x>>16)
	}
	return f
}

// log collects what was logged.
type log struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// rig is a caller with real signalling, media and queue before a farm of callees.
type rig struct {
	*testing.T
	farm   *siptest.Farm
	queue  *queue.Queue
	caller *Caller
	clip   string // id of a clip of one second
	frames avanak.Frames
	clips  clips
	ring   time.Duration // ring limit of the next campaign
	count  int           // campaigns made
	sip    *prometheus.Registry
	idle   int // UDP sockets while no call is on
}

// newRig starts a rig whose callees all take calls by b; trunk "t" leads to them.
func newRig(t *testing.T, b siptest.Behaviour) *rig {
	t.Helper()
	r := &rig{T: t, clip: avanak.NewID(avanak.ClipPrefix, time.Now()), frames: noise(50), ring: wait,
		sip: prometheus.NewRegistry()}
	r.clips = clips{r.clip: r.frames}
	logs := &log{}
	logger := slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	t.Cleanup(func() { require.NotContains(t, logs.String(), "9120000", "a number stands in the log") })

	var err error
	r.farm, err = siptest.New(siptest.Config{Behave: func(string, int) siptest.Behaviour { return b }})
	require.NoError(t, err)
	r.farm.Start()
	t.Cleanup(r.farm.Close)
	r.openQueue()

	agent, err := sip.New(sip.Config{Name: "t", Targets: []string{r.farm.Addr().String()}, Bind: "127.0.0.1:0", Callers: []string{"+989120009999"},
		FirstResponse: 500 * time.Millisecond}, logger, r.sip)
	require.NoError(t, err)
	require.NoError(t, agent.Start(t.Context()))
	pacer, err := media.New(media.Config{}, prometheus.NewRegistry())
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = pacer.Run(ctx) })
	t.Cleanup(func() {
		// A leg that the far end never spoke about is watched for 32 s; these tests do not wait for it.
		brief, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = agent.Close(brief)
		stop()
		running.Wait()
	})
	ports, err := media.NewPorts(media.PortRange{IP: loopback})
	require.NoError(t, err)
	r.caller, err = New(map[string]Line{"t": {Agent: agent, Ports: ports, Address: loopback}}, pacer, r.clips, lead, logger)
	require.NoError(t, err)
	r.idle = r.sockets()
	require.GreaterOrEqual(t, r.idle, 2)
	return r
}

func (r *rig) openQueue() {
	r.Helper()
	mini := miniredis.RunT(r)
	rdb := redis.NewClient(&redis.Options{Addr: mini.Addr()})
	r.Cleanup(func() { _ = rdb.Close() })
	var err error
	r.queue, err = queue.New(queue.DefaultConfig(), rdb)
	require.NoError(r, err)
}

// intent makes a campaign of one recipient and records the intent to call it.
func (r *rig) intent() queue.Intent {
	r.Helper()
	r.count++
	ctx, now := r.Context(), time.Now()
	c := avanak.Campaign{ID: avanak.NewID(avanak.CampaignPrefix, now), Tenant: "one", Name: "test", Clip: r.clip,
		Window: avanak.Window{To: 1440}, Ring: r.ring, OnUncertain: avanak.Hold, Created: now}
	_, err := r.queue.CreateCampaign(ctx, c, "")
	require.NoError(r, err)
	load, err := r.queue.BeginLoad(ctx, c.ID, "load")
	require.NoError(r, err)
	require.NoError(r, load.Append(ctx, []avanak.Number{avanak.Number(98_912_000_0000 + r.count)}, make([]avanak.State, 1)))
	require.NoError(r, load.Commit(ctx, 0))
	require.NoError(r, r.queue.OpenWindow(ctx, c.ID, now.Add(-time.Hour), now.Add(time.Hour)))
	_, err = r.queue.SetRun(ctx, c, "", avanak.Running)
	require.NoError(r, err)
	claims, err := r.queue.Claim(ctx, c, 1)
	require.NoError(r, err)
	require.Len(r, claims, 1)
	i, err := r.queue.Dial(ctx, claims[0])
	require.NoError(r, err)
	return i
}

// place places a call and returns its report beside the callee's record of it, which must be complete.
func (r *rig) place(ctx context.Context) (avanak.Report, siptest.Call) {
	r.Helper()
	i := r.intent()
	report := r.caller.Place(ctx, i, avanak.Route{Trunk: "t"}, pass)
	return report, r.ended(i.CallID())
}

// ended waits for the callee's record of a call to be complete, and checks what holds for every call.
func (r *rig) ended(callID string) siptest.Call {
	r.Helper()
	heard := r.seen(callID, siptest.Call.Ended)
	require.Len(r, heard.Invites, 1)
	require.False(r, heard.Invites[0].Repeat)
	r.portsAreFree()
	return heard
}

// seen waits until ok holds for the callee's record of a call.
func (r *rig) seen(callID string, ok func(siptest.Call) bool) siptest.Call {
	r.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	heard, err := r.farm.WaitCall(ctx, callID, ok)
	require.NoError(r, err)
	return heard
}

// responded waits until our side has seen a response of the trunk.
func (r *rig) responded() {
	r.Helper()
	require.Eventually(r, func() bool {
		families, err := r.sip.Gather()
		require.NoError(r, err)
		sum := 0.0
		for _, f := range families {
			if f.GetName() == "avanak_sip_responses_total" {
				for _, m := range f.GetMetric() {
					sum += m.GetCounter().GetValue()
				}
			}
		}
		return sum > 0
	}, wait, time.Millisecond)
}

// portsAreFree tells that no media socket is left: ours were given back, and the callee has closed its own.
func (r *rig) portsAreFree() {
	r.Helper()
	require.Eventually(r, func() bool { return r.sockets() == r.idle }, wait, 10*time.Millisecond, "media sockets are left")
}

// sockets counts the UDP sockets of this process.
func (r *rig) sockets() int {
	r.Helper()
	table, err := os.ReadFile("/proc/self/net/udp")
	require.NoError(r, err)
	inodes := map[string]bool{}
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); len(fields) > 9 {
			inodes["socket:["+fields[9]+"]"] = true
		}
	}
	files, err := os.ReadDir("/proc/self/fd")
	require.NoError(r, err)
	n := 0
	for _, f := range files {
		if at, err := os.Readlink("/proc/self/fd/" + f.Name()); err == nil && inodes[at] {
			n++
		}
	}
	return n
}
