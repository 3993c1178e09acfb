package locate

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The name that the tests configure, and the questions about it.
const (
	name     = "sip.example.test"
	aOfName  = "A sip.example.test."
	srvOfUDP = "SRV _sip._udp.sip.example.test."
)

// rig is a Locator on a name server of its own, with a clock that only the test moves.
type rig struct {
	*Locator
	t   *testing.T
	dns *nameserver
	ask *counting

	mu     sync.Mutex
	clock  time.Time // guarded by mu
	failed []error   // guarded by mu; what Config.Failed was told
}

func newRig(t *testing.T, cfg Config) *rig {
	t.Helper()
	r := &rig{t: t, dns: newNameserver(t), clock: time.Unix(1_800_000_000, 0)}
	r.ask = &counting{Resolver: r.dns.resolver()}
	cfg.Resolver, cfg.Now = r.ask, r.now
	cfg.Failed = func(_ string, err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.failed = append(r.failed, err)
	}
	var err error
	r.Locator, err = New(cfg)
	require.NoError(t, err)
	r.intn = func(int) int { return 0 } // tests of chance set their own
	t.Cleanup(r.Close)
	return r
}

func (r *rig) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.clock
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock = r.clock.Add(d)
}

func (r *rig) failures() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.failed)
}

// addrs are the places of one call, which must be found.
func (r *rig) addrs() []string {
	r.t.Helper()
	found, err := r.Places(r.t.Context())
	require.NoError(r.t, err)
	return addrs(found)
}

func addrs(found []Place) []string {
	var texts []string
	for _, p := range found {
		texts = append(texts, p.Addr.String())
	}
	return texts
}

// settle returns when no look-up runs.
func (r *rig) settle() {
	r.t.Helper()
	for _, s := range r.sources {
		s.mu.Lock()
		flight := s.flight
		s.mu.Unlock()
		if flight == nil {
			continue
		}
		select {
		case <-flight:
		case <-time.After(30 * time.Second):
			require.FailNow(r.t, "a look-up does not end")
		}
	}
}
