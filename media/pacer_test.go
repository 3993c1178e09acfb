package media

import (
	"bytes"
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

// running runs the pacer until the returned function is called, which waits for its end.
func running(tb testing.TB, p *Pacer) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			require.NoError(tb, <-ended)
		})
	}
	tb.Cleanup(stop)
	return stop
}

func TestPlaysLeadInThenClip(t *testing.T) {
	tests := map[string]struct {
		payloadType uint8
		leadIn      time.Duration
		silent      int // frames
		silence     byte
		frames      int
	}{
		"A-law, default lead-in":   {payloadType: PCMA, silent: 25, silence: 0xD5, frames: 30},
		"µ-law, default lead-in":   {payloadType: PCMU, silent: 25, silence: 0xFF, frames: 30},
		"no lead-in":               {payloadType: PCMA, leadIn: NoLeadIn, frames: 30},
		"lead-in of part frames":   {payloadType: PCMU, leadIn: 21 * time.Millisecond, silent: 2, silence: 0xFF, frames: 3},
		"single frame, no lead-in": {payloadType: PCMA, leadIn: NoLeadIn, frames: 1},
		"longest lead-in":          {payloadType: PCMA, leadIn: MaxLeadIn, silent: 500, silence: 0xD5, frames: 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, reg := newTestPacer(t, 2)
				stop := running(t, p)
				to, clip := newCallee(t), randomClip(tt.frames)
				time.Sleep(time.Hour + 3300*time.Microsecond) // somewhere between two ticks

				start := time.Now()
				b, err := openSession(t, p).Play(to.addr, tt.payloadType, clip, Options{LeadIn: tt.leadIn})
				require.NoError(t, err)
				require.Equal(t, start, b.Stats().FirstRTP)
				<-b.Done()
				total := tt.silent + tt.frames
				within(t, time.Since(start), time.Duration(total)*avanak.FrameTime)

				packets := to.heard(total)
				to.heardNothing()
				requireOneStream(t, packets, tt.payloadType)
				require.Equal(t, bytes.Repeat([]byte{tt.silence}, tt.silent*avanak.FrameBytes), append([]byte{},
					payload(packets[:tt.silent])...))
				require.Equal(t, clip, payload(packets[tt.silent:]))

				s := b.Stats()
				within(t, s.FirstClip.Sub(start), time.Duration(tt.silent)*avanak.FrameTime)
				within(t, s.Last.Sub(start), time.Duration(total-1)*avanak.FrameTime)
				require.Equal(t, tt.frames, s.Frames)
				require.True(t, s.Complete)
				require.Zero(t, s.Shifts)
				require.Zero(t, s.SendErrors)
				require.InDelta(t, total, metric(t, reg, "avanak_media_packets_total"), 0)
				require.False(t, p.Overloaded())
				stop()
				require.Zero(t, metric(t, reg, "avanak_media_streams"))
			})
		})
	}
}

// within checks an instant of a stream against its schedule: never early, and less than a tick after it.
func within(tb testing.TB, got, due time.Duration) {
	tb.Helper()
	require.GreaterOrEqual(tb, got, due)
	require.Less(tb, got, due+tick)
}

func TestStreamsKeepTheirSpacingOverHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newTestPacer(t, 1)
		running(t, p)
		clip := make([]byte, 10*60*50*avanak.FrameBytes) // ten minutes
		time.Sleep(7*time.Millisecond + 1)
		for range 3 {
			start := time.Now()
			b, err := openSession(t, p).Play(newCallee(t).addr, PCMA, clip, Options{LeadIn: NoLeadIn})
			require.NoError(t, err)
			<-b.Done()
			within(t, time.Since(start), 10*time.Minute)
			require.Zero(t, b.Stats().Shifts)
			require.LessOrEqual(t, p.Lateness(), tick)
			time.Sleep(13*time.Minute + 5*time.Microsecond)
		}
	})
}

func TestFirstPacketNeedsNoTurn(t *testing.T) {
	p, _ := newTestPacer(t, 1) // and nobody runs it
	to, clip := newCallee(t), randomClip(2)
	b, err := openSession(t, p).Play(to.addr, PCMA, clip, Options{LeadIn: NoLeadIn})
	require.NoError(t, err)
	require.Equal(t, clip[:avanak.FrameBytes], payload(to.heard(1)))
	require.Equal(t, 1, b.Stats().Frames)
	require.Equal(t, b.Stats().FirstRTP, b.Stats().FirstClip)
}

func TestManyStreamsComplete(t *testing.T) {
	const streams, frames = 300, 25
	p, reg := newTestPacer(t, 2)
	stop := running(t, p)
	to := newCallee(t)
	var playing []*Playback
	clips := map[uint32][]byte{} // by SSRC
	for range streams {
		s, clip := openSession(t, p), randomClip(frames)
		b, err := s.Play(to.addr, PCMU, clip, Options{LeadIn: NoLeadIn})
		require.NoError(t, err)
		playing = append(playing, b)
		b.mu.Lock()
		var h rtp.Header
		_, err = h.Unmarshal(b.head[:])
		b.mu.Unlock()
		require.NoError(t, err)
		clips[h.SSRC] = clip
	}
	require.Len(t, clips, streams)
	require.InDelta(t, p.wheels[0].load.Load(), p.wheels[1].load.Load(), 1)

	heard := map[uint32][]rtp.Packet{}
	for _, packet := range to.heard(streams * frames) {
		heard[packet.SSRC] = append(heard[packet.SSRC], packet)
	}
	for ssrc, clip := range clips {
		packets := heard[ssrc]
		require.Equal(t, clip, payload(packets))
		for i := range packets[1:] {
			require.Equal(t, packets[i].SequenceNumber+1, packets[i+1].SequenceNumber)
			step := packets[i+1].Timestamp - packets[i].Timestamp
			require.Zero(t, step%avanak.FrameBytes)
			require.Equal(t, step > avanak.FrameBytes, packets[i+1].Marker, "a marker tells of a shift")
		}
	}
	for _, b := range playing {
		<-b.Done()
		require.True(t, b.Stats().Complete)
		require.Equal(t, frames, b.Stats().Frames)
	}
	to.heardNothing()
	stop()
	require.Zero(t, metric(t, reg, "avanak_media_streams"))
	require.InDelta(t, streams*frames, metric(t, reg, "avanak_media_packets_total"), 0)
	require.Positive(t, metric(t, reg, "avanak_media_lateness_seconds"))
	require.Zero(t, p.wheels[0].load.Load()+p.wheels[1].load.Load())
}

func TestStopIsFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, reg := newTestPacer(t, 2)
		running(t, p)
		to, clip := newCallee(t), randomClip(100)
		b, err := openSession(t, p).Play(to.addr, PCMA, clip, Options{LeadIn: NoLeadIn})
		require.NoError(t, err)
		time.Sleep(5*avanak.FrameTime + 2*tick)
		b.Stop()
		b.Stop()
		<-b.Done()
		time.Sleep(time.Second)
		require.Equal(t, clip[:6*avanak.FrameBytes], payload(to.heard(6)))
		to.heardNothing()
		require.Equal(t, 6, b.Stats().Frames)
		require.False(t, b.Stats().Complete)
		require.Zero(t, metric(t, reg, "avanak_media_streams"))
	})
}

// Calls end at any time, from any goroutine, while their wheel is about to send: nothing may follow on a descriptor
// that was closed, and by then perhaps belongs to another call.
func TestCloseWhilePlaying(t *testing.T) {
	const calls, rounds = 20, 20
	p, reg := newTestPacer(t, 2)
	stop := running(t, p)
	to, clip := newCallee(t), randomClip(1000)
	ports, err := NewPorts(PortRange{IP: loopback})
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range calls {
		wg.Go(func() {
			for round := range rounds {
				s, err := p.Open(ports)
				if err != nil {
					t.Error(err)
					return
				}
				b, err := s.Play(to.addr, PCMA, clip, Options{LeadIn: NoLeadIn})
				if err != nil {
					t.Error(err)
					s.Close()
					return
				}
				timer := time.NewTimer(rand.N(25 * time.Millisecond))
				<-timer.C
				if round%2 == 0 {
					wg.Go(b.Stop)
					wg.Go(s.Close)
				}
				s.Close()
				frames := b.Stats().Frames
				<-b.Done()
				if frames < 1 || b.Stats().Frames != frames || b.Stats().SendErrors != 0 {
					t.Errorf("%d frames at close, then %+v", frames, b.Stats())
				}
			}
		})
	}
	wg.Wait()
	stop()
	require.Zero(t, metric(t, reg, "avanak_media_streams"))
	to.heard(int(metric(t, reg, "avanak_media_packets_total")))
	to.heardNothing()
}

func TestRunEndsWhatPlays(t *testing.T) {
	p, reg := newTestPacer(t, 2)
	stop := running(t, p)
	to := newCallee(t)
	var playing []*Playback
	for range 5 {
		b, err := openSession(t, p).Play(to.addr, PCMA, randomClip(100), Options{})
		require.NoError(t, err)
		playing = append(playing, b)
	}
	stop()
	for _, b := range playing {
		<-b.Done()
		require.False(t, b.Stats().Complete)
	}
	require.Zero(t, metric(t, reg, "avanak_media_streams"))
	_, err := openSession(t, p).Play(to.addr, PCMA, randomClip(1), Options{})
	require.ErrorIs(t, err, avanak.ErrUnavailable)
	require.Error(t, p.Run(context.Background()), "a pacer runs once")
}

func TestNewRefuses(t *testing.T) {
	for _, threads := range []int{-1, MaxThreads + 1} {
		_, err := New(Config{Threads: threads}, prometheus.NewRegistry())
		require.ErrorIs(t, err, avanak.ErrInvalid)
	}
	_, err := New(Config{}, nil)
	require.ErrorIs(t, err, avanak.ErrInvalid)

	reg := prometheus.NewRegistry()
	_, err = New(DefaultConfig(), reg)
	require.NoError(t, err)
	_, err = New(DefaultConfig(), reg)
	require.Error(t, err, "the metrics are taken")
	p, err := New(Config{}, prometheus.NewRegistry())
	require.NoError(t, err)
	require.Len(t, p.wheels, DefaultConfig().Threads)
}
