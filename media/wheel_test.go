package media

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

// at moves the bubble's clock to an instant since the pacer's base.
func at(p *Pacer, instant time.Duration) time.Time {
	time.Sleep(time.Until(p.base.Add(instant)))
	return time.Now()
}

func TestFrameLeavesAtItsTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newTestPacer(t, 1)
		w, to := p.wheels[0], newCallee(t)
		at(p, 3300*time.Microsecond)
		_, err := openSession(t, p).Play(to.addr, PCMA, randomClip(3), Options{LeadIn: NoLeadIn})
		require.NoError(t, err)
		to.heard(1)
		for _, due := range []time.Duration{23300 * time.Microsecond, 43300 * time.Microsecond} {
			w.step(at(p, due-time.Nanosecond))
			to.heardNothing()
			wait, busy := w.untilNext(time.Now())
			require.True(t, busy)
			require.Equal(t, 700*time.Microsecond+1, wait, "to the first whole millisecond after the frame was due")
			w.step(at(p, due+wait-time.Nanosecond))
			to.heard(1)
			to.heardNothing()
		}
		wait, busy := w.untilNext(time.Now())
		require.True(t, busy, "the last frame is still heard")
		w.step(time.Now().Add(wait))
	})
}

func TestWheelWithoutStreamsRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newTestPacer(t, 1)
		w, to := p.wheels[0], newCallee(t)
		const long = 100_000 * time.Hour // too many slots to visit one by one
		w.step(at(p, long))
		_, busy := w.untilNext(time.Now())
		require.False(t, busy)
		require.True(t, w.rest())
		require.Empty(t, w.wake)

		play := func() *Playback {
			b, err := openSession(t, p).Play(to.addr, PCMA, randomClip(2), Options{LeadIn: NoLeadIn})
			require.NoError(t, err)
			return b
		}
		first := play()
		require.Len(t, w.wake, 1)
		second := play()
		require.Len(t, w.wake, 1, "one signal wakes it")
		<-w.wake
		require.False(t, w.rest(), "the inbox holds streams")

		w.step(time.Now())
		wait, busy := w.untilNext(time.Now())
		require.True(t, busy)
		require.Equal(t, avanak.FrameTime, wait, "nineteen empty slots are slept through")
		w.step(at(p, long+avanak.FrameTime))
		w.step(at(p, long+2*avanak.FrameTime))
		<-first.Done()
		<-second.Done()
		_, busy = w.untilNext(time.Now())
		require.False(t, busy)
		require.True(t, w.rest())
	})
}

func TestStalledStreamShifts(t *testing.T) {
	tests := map[string]struct {
		stall      time.Duration
		missed     int // frames
		counted    float64
		overloaded bool
	}{
		"none":              {},
		"part of a frame":   {stall: 19 * time.Millisecond},
		"a frame":           {stall: 20 * time.Millisecond, missed: 1},
		"60 ms":             {stall: 60 * time.Millisecond, missed: 3},
		"over 60 ms":        {stall: 61 * time.Millisecond, missed: 3, counted: 1, overloaded: true},
		"between two turns": {stall: 97 * time.Millisecond, missed: 4, counted: 1, overloaded: true},
		"a minute":          {stall: time.Minute, missed: 3000, counted: 1, overloaded: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const frames = 10
				p, reg := newTestPacer(t, 1)
				w, to, clip := p.wheels[0], newCallee(t), randomClip(frames)
				start := 5 * time.Millisecond
				at(p, start)
				b, err := openSession(t, p).Play(to.addr, PCMA, clip, Options{LeadIn: NoLeadIn})
				require.NoError(t, err)

				heard := to.heard(1)
				for k := 1; k < frames; k++ {
					due := start + time.Duration(k)*avanak.FrameTime
					switch {
					case k == 3:
						due += tt.stall
					case k > 3:
						due += time.Duration(tt.missed) * avanak.FrameTime
					}
					w.step(at(p, due))
					heard = append(heard, to.heard(1)...)
					to.heardNothing() // one frame a turn, however late
				}
				require.Equal(t, clip, payload(heard), "nothing of the clip is lost")
				for k, packet := range heard {
					ts := heard[0].Timestamp + uint32(k*avanak.FrameBytes)
					if k >= 3 {
						ts += uint32(tt.missed * avanak.FrameBytes)
					}
					require.Equal(t, ts, packet.Timestamp, "frame %d", k)
					require.Equal(t, heard[0].SequenceNumber+uint16(k), packet.SequenceNumber)
					require.Equal(t, k == 0 || (k == 3 && tt.missed > 0), packet.Marker, "frame %d", k)
				}
				require.Equal(t, min(1, tt.missed), b.Stats().Shifts)
				require.InDelta(t, tt.counted, metric(t, reg, "avanak_media_shifts_total"), 0)
				require.Equal(t, tt.overloaded, p.Overloaded())

				last := start + time.Duration(frames+tt.missed)*avanak.FrameTime
				w.step(at(p, last-tick))
				require.False(t, b.Stats().Complete, "the last frame is still heard")
				w.step(at(p, last))
				<-b.Done()
				require.True(t, b.Stats().Complete)
				time.Sleep(6 * time.Second)
				require.False(t, p.Overloaded(), "an old stall is forgotten")
			})
		})
	}
}

// A wheel that cannot visit its slots in time slows each stream down alike, instead of dropping or bunching frames.
func TestOverloadSlowsEveryStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const streams, frames, turn = 60, 40, 25 * time.Millisecond
		p, reg := newTestPacer(t, 1)
		w, to, clip := p.wheels[0], newCallee(t), randomClip(frames)
		var playing []*Playback
		for range streams {
			time.Sleep(avanak.FrameTime / streams)
			b, err := openSession(t, p).Play(to.addr, PCMA, clip, Options{LeadIn: NoLeadIn})
			require.NoError(t, err)
			playing = append(playing, b)
		}
		to.heard(streams)
		for range 3 * frames {
			sent := make([]int, streams)
			for i, b := range playing {
				sent[i] = b.Stats().Frames
			}
			time.Sleep(turn)
			w.step(time.Now())
			for i, b := range playing {
				require.LessOrEqual(t, b.Stats().Frames-sent[i], 1)
			}
		}
		for _, b := range playing {
			<-b.Done()
			require.Equal(t, frames, b.Stats().Frames)
			require.InDelta(t, frames/4, b.Stats().Shifts, 2, "every turn is 5 ms late, a frame is 20")
		}
		to.heard(streams * (frames - 1))
		require.Zero(t, metric(t, reg, "avanak_media_shifts_total"), "no single stall was over 60 ms")
		require.True(t, p.lateness.overloaded(frames*turn), "but it is an overload")
	})
}

func TestPacketAllocatesNothing(t *testing.T) {
	p, _ := newTestPacer(t, 1)
	w := p.wheels[0]
	b, err := openSession(t, p).Play(newCallee(t).addr, PCMA, randomClip(2000), Options{})
	require.NoError(t, err)
	w.admit()
	slot := []*Playback{b}
	allocs := testing.AllocsPerRun(1000, func() {
		b.due = 0 // always due: each turn is a shift and a packet
		slot = w.visit(slot)
	})
	require.Zero(t, allocs)
	require.Greater(t, b.Stats().Frames, 900)
}
