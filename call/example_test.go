package call_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/call"
	"github.com/avanak/avanak/media"
	"github.com/avanak/avanak/queue"
	"github.com/avanak/avanak/sip"
	"github.com/avanak/avanak/sip/siptest"
)

// tone is a store of one clip.
type tone struct{ clip avanak.Frames }

func (t tone) Frames(context.Context, string) (avanak.Frames, error) { return t.clip, nil }

// One recipient of a campaign is called, answers, and hears half a second.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	farm := must(siptest.New(siptest.Config{}))
	farm.Start()
	loopback := netip.MustParseAddr("127.0.0.1")
	log, metrics := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	agent := must(sip.New(sip.Config{Name: "carrier", Targets: []string{farm.Addr().String()}, Bind: "127.0.0.1:0",
		Callers: []string{"+989120009999"}}, log, metrics))
	check(agent.Start(ctx))
	pacer := must(media.New(media.Config{}, metrics))
	paced := make(chan error)
	go func() { paced <- pacer.Run(ctx) }()

	line := call.Line{Agent: agent, Ports: must(media.NewPorts(media.PortRange{IP: loopback})), Address: loopback}
	clip := avanak.Frames{ALaw: bytes.Repeat([]byte{0x34}, 4000), ULaw: bytes.Repeat([]byte{0x1E}, 4000)}
	caller := must(call.New(map[string]call.Line{"carrier": line}, pacer, tone{clip}, 0, log))

	mini := must(miniredis.Run())
	rdb := redis.NewClient(&redis.Options{Addr: mini.Addr()})
	intent := intend(ctx, must(queue.New(queue.DefaultConfig(), rdb)))
	gate := func(context.Context) error { return nil } // the last chance to hold the INVITE back
	report := caller.Place(ctx, intent, avanak.Route{Trunk: "carrier"}, gate)
	fmt.Println(report.Result.Outcome, report.Result.SIP, report.Result.Played)

	check(agent.Close(ctx))
	stop()
	check(<-paced)
	check(rdb.Close())
	mini.Close()
	farm.Close()
	// Output:
	// completed 200 500ms
}

// intend records the intent to call the one recipient of a new campaign.
func intend(ctx context.Context, q *queue.Queue) queue.Intent {
	now := time.Now()
	c := avanak.Campaign{ID: avanak.NewID(avanak.CampaignPrefix, now), Ring: 10 * time.Second, Created: now}
	must(q.CreateCampaign(ctx, c, ""))
	load := must(q.BeginLoad(ctx, c.ID, "load"))
	check(load.Append(ctx, []avanak.Number{989120000001}, []avanak.State{avanak.Pending}))
	check(load.Commit(ctx, 0))
	check(q.OpenWindow(ctx, c.ID, now.Add(-time.Hour), now.Add(time.Hour)))
	must(q.SetRun(ctx, c, "", avanak.Running))
	return must(q.Dial(ctx, must(q.Claim(ctx, c, 1))[0]))
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
