package app

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/audio"
	"github.com/avanak/avanak/cmd/avanak/client"
	"github.com/avanak/avanak/queue"
	"github.com/avanak/avanak/sip/siptest"
)

// firstNumber is the number of recipient 0.
const firstNumber = 98_912_000_0000

// scene is a campaign on its way to a farm of callees that outlives the gateway.
type scene struct {
	*testing.T
	farm   *siptest.Farm
	beside []*siptest.Farm // where other trunks and targets lead
	rdb    *redis.Client
	ledger *queue.Queue // reads the event stream beside the gateway
	frames []byte       // the clip as A-law
	wav    []byte       // the clip as it is uploaded
	clip   string       // its id
	id     string       // of the campaign
	n      int          // its recipients
}

// newScene starts callees that take calls by b; the clip lasts as said.
func newScene(t *testing.T, clip time.Duration, b func(number string, nth int) siptest.Behaviour) *scene {
	t.Helper()
	farm := startFarm(t, "", b)
	var wav bytes.Buffer
	require.NoError(t, audio.WriteWAV(&wav, melody(clip)))
	encoded, err := audio.Ingest(bytes.NewReader(wav.Bytes()))
	require.NoError(t, err)
	return &scene{T: t, farm: farm, frames: encoded.Frames.ALaw, wav: wav.Bytes()}
}

// startFarm starts callees at an address; "" lets the kernel choose.
func startFarm(t *testing.T, addr string, b func(number string, nth int) siptest.Behaviour) *siptest.Farm {
	t.Helper()
	farm, err := siptest.New(siptest.Config{Addr: addr, Behave: b})
	require.NoError(t, err)
	farm.Start()
	t.Cleanup(farm.Close)
	return farm
}

// another starts a further farm, whose log is judged with the first one's.
func (s *scene) another(addr string, b func(number string, nth int) siptest.Behaviour) *siptest.Farm {
	s.Helper()
	farm := startFarm(s.T, addr, b)
	s.beside = append(s.beside, farm)
	return farm
}

// calls are those of all farms.
func (s *scene) calls() []siptest.Call {
	calls := s.farm.Calls()
	for _, farm := range s.beside {
		calls = append(calls, farm.Calls()...)
	}
	return calls
}

// melody is A-law that never repeats within a clip, loud enough to be no silence.
func melody(d time.Duration) []byte {
	b := make([]byte, int(d/avanak.FrameTime)*avanak.FrameBytes)
	x := uint32(7)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = 0x80 | byte(x>>25)&0x7f
	}
	return b
}

// answers is a farm in which everybody answers soon and listens.
func answers(string, int) siptest.Behaviour {
	return siptest.Behaviour{AnswerAfter: 100 * time.Millisecond}
}

// read lets the scene read the event stream of the gateway's Redis.
func (s *scene) read(o *redis.Options) {
	s.Helper()
	rdb := redis.NewClient(o)
	s.Cleanup(func() { _ = rdb.Close() })
	var err error
	s.rdb = rdb
	s.ledger, err = queue.New(queue.DefaultConfig(), rdb)
	require.NoError(s, err)
}

// campaign uploads the clip and a list of n numbers, and starts the campaign.
func (s *scene) campaign(c *client.Client, n int, r client.CampaignRequest, more ...string) {
	s.Helper()
	ctx := bounded(s.T)
	clip, err := c.AddClip(ctx, "tune", bytes.NewReader(s.wav))
	require.NoError(s, err)
	none := client.Duration(0)
	r.Name, r.Clip, r.Window = "test", clip.ID, &client.Window{From: "00:00", To: "24:00"}
	if r.Retry == nil {
		r.Retry = &client.Retry{MaxAttempts: 3, Busy: &none, NoAnswer: &none}
	}
	made, err := c.CreateCampaign(ctx, r, "")
	require.NoError(s, err)
	var list strings.Builder
	for i := range n {
		fmt.Fprintln(&list, number(i))
	}
	for _, row := range more {
		fmt.Fprintln(&list, row)
	}
	receipt, err := c.Load(ctx, made.ID, client.CSV, strings.NewReader(list.String()))
	require.NoError(s, err)
	require.Equal(s, n, receipt.Recipients)
	_, err = c.Change(ctx, made.ID, client.Start)
	require.NoError(s, err)
	s.clip, s.id, s.n = clip.ID, made.ID, n
}

// number is that of recipient i as the callee's side sees it.
func number(i int) string { return avanak.Number(firstNumber + i).E164() } //nolint:gosec // small

// invites waits until the callees have got this many INVITEs.
func (s *scene) invites(n int) {
	s.Helper()
	require.NoError(s, s.farm.WaitFor(bounded(s.T), func(c siptest.Counts) bool { return c.Invites >= n }))
}

// over waits until nothing more will happen in the campaign, and returns where it stands.
func (s *scene) over(c *client.Client) client.Campaign {
	s.Helper()
	var at client.Campaign
	eventually(s.T, func() bool {
		var err error
		at, err = c.Campaign(bounded(s.T), s.id)
		return err == nil && at.Over() && at.InFlight == 0
	}, "campaign is over")
	return at
}

// events reads the campaign's events, the oldest first.
func (s *scene) events() []avanak.Event {
	s.Helper()
	var all []avanak.Event
	for after := ""; ; {
		page, err := s.ledger.Events(bounded(s.T), avanak.PartitionOf(s.id), after, 500)
		require.NoError(s, err)
		if len(page) == 0 {
			return all
		}
		for _, e := range page {
			if e.Job == s.id {
				all = append(all, e)
			}
		}
		after = page[len(page)-1].ID
	}
}

// complete tells that a callee heard the whole clip.
func (s *scene) complete(c siptest.Call) bool {
	return c.Heard().Match(s.frames, avanak.FrameBytes, 0xD5).Complete
}

// talking lists the calls that are on the line: answered or ringing, and ended by nobody.
func (s *scene) talking() []siptest.Call {
	var live []siptest.Call
	for _, c := range s.farm.Calls() {
		if c.Status < 300 && c.ByeAt.IsZero() {
			live = append(live, c)
		}
	}
	return live
}
