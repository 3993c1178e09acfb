package media

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

// turns steps the wheel through so many turns of 20 ms.
func turns(p *Pacer, n int) {
	for range n {
		time.Sleep(avanak.FrameTime)
		p.wheels[0].step(time.Now())
	}
}

// requireHolds checks a stream that was held: before packet k passed holds[k] turns without any.
func requireHolds(tb testing.TB, heard []rtp.Packet, holds map[int]int) {
	tb.Helper()
	timestamp := heard[0].Timestamp
	for k, packet := range heard {
		if k > 0 {
			timestamp += uint32((1 + holds[k]) * avanak.FrameBytes)
		}
		require.Equal(tb, heard[0].SSRC, packet.SSRC)
		require.Equal(tb, timestamp, packet.Timestamp, "packet %d", k)
		require.Equal(tb, heard[0].SequenceNumber+uint16(k), packet.SequenceNumber)
		require.Equal(tb, k == 0 || holds[k] > 0, packet.Marker, "packet %d", k)
	}
}

func TestHoldLosesNothingOfTheClip(t *testing.T) {
	const lead, frames = 2, 10
	for name, holds := range map[string]map[int]int{ // packet before which is held: for how many turns
		"in the clip":              {5: 7},
		"in the lead-in":           {1: 1},
		"between lead-in and clip": {lead: 3},
		"before the last frame":    {lead + frames - 1: 2},
		"for an hour":              {4: int(time.Hour / avanak.FrameTime)},
		"again and again":          {1: 1, 2: 1, 3: 50, 9: 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, reg := newTestPacer(t, 1)
				to, clip := newCallee(t), randomClip(frames)
				b, err := openSession(t, p).Play(to.addr, PCMA, clip, Options{LeadIn: lead * avanak.FrameTime})
				require.NoError(t, err)
				heard := to.heard(1)
				for k := 1; k < lead+frames; k++ {
					if n := holds[k]; n > 0 {
						b.Hold(true)
						b.Hold(true)
						turns(p, n)
						b.Hold(false)
						b.Hold(false)
						to.heardNothing()
					}
					turns(p, 1)
					heard = append(heard, to.heard(1)...)
					to.heardNothing()
				}
				requireHolds(t, heard, holds)
				require.Equal(t, clip, payload(heard[lead:]))
				require.False(t, b.Stats().Complete, "the last frame is still heard")
				turns(p, 1)
				<-b.Done()
				require.True(t, b.Stats().Complete)
				require.Equal(t, frames, b.Stats().Frames)
				require.Zero(t, b.Stats().Shifts, "a hold is no stall")
				require.False(t, p.Overloaded())
				require.InDelta(t, lead+frames, metric(t, reg, "avanak_media_packets_total"), 0)
			})
		})
	}
}

// A wheel that stalls while a stream is held finds the time gone, and no lateness in it.
func TestStallWhileHeldIsTimeHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newTestPacer(t, 1)
		to, clip := newCallee(t), randomClip(3)
		b, err := openSession(t, p).Play(to.addr, PCMA, clip, Options{LeadIn: NoLeadIn})
		require.NoError(t, err)
		b.Hold(true)
		time.Sleep(9 * avanak.FrameTime)
		turns(p, 1)
		b.Hold(false)
		turns(p, 2)
		heard := to.heard(3)
		requireHolds(t, heard, map[int]int{1: 10})
		require.Equal(t, clip, payload(heard))
		require.Zero(t, b.Stats().Shifts)
		require.False(t, p.Overloaded())
	})
}

func TestHeldPlaybackDoesNotEndByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, reg := newTestPacer(t, 1)
		stop := running(t, p)
		to := newCallee(t)
		b, err := openSession(t, p).Play(to.addr, PCMA, randomClip(5), Options{LeadIn: NoLeadIn, Held: true})
		require.NoError(t, err)
		time.Sleep(time.Hour)
		require.Zero(t, b.Stats(), "held from the beginning")
		b.Hold(false)
		time.Sleep(3*avanak.FrameTime + tick)
		b.Hold(true)
		sent := b.Stats().Frames
		require.Contains(t, []int{3, 4}, sent)
		to.heard(sent)
		time.Sleep(time.Hour)
		to.heardNothing()
		select {
		case <-b.Done():
			require.Fail(t, "frames are left")
		default:
		}
		b.Stop()
		<-b.Done()
		require.Equal(t, sent, b.Stats().Frames)
		require.False(t, b.Stats().Complete)
		time.Sleep(time.Second)
		stop()
		require.Zero(t, metric(t, reg, "avanak_media_streams"))
	})
}

func TestHoldAfterTheLastFrameCompletes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newTestPacer(t, 1)
		b, err := openSession(t, p).Play(newCallee(t).addr, PCMA, randomClip(1), Options{LeadIn: NoLeadIn})
		require.NoError(t, err)
		b.Hold(true)
		turns(p, 1)
		<-b.Done()
		require.True(t, b.Stats().Complete)
	})
}

func TestRetargetGoesOnElsewhere(t *testing.T) {
	for name, mode := range map[string]Options{
		"sdp":            {LeadIn: NoLeadIn},
		"symmetric once": {LeadIn: NoLeadIn, SymmetricFrom: netip.MustParseAddr("127.0.0.9")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _ := newTestPacer(t, 1)
				s, first, second, clip := openSession(t, p), newCallee(t), newCallee(t), randomClip(12)
				b, err := s.Play(first.addr, PCMA, clip, mode)
				require.NoError(t, err)
				turns(p, 3)
				for _, remote := range []string{"0.0.0.0:4000", "[::1]:4000", "224.0.0.1:4000", "127.0.0.1:0"} {
					require.ErrorIs(t, b.Retarget(netip.MustParseAddrPort(remote)), avanak.ErrInvalid, remote)
				}
				require.Error(t, b.Retarget(netip.MustParseAddrPort("255.255.255.255:4000")), "the kernel refuses it")
				turns(p, 1) // as before
				heard := first.heard(5)

				mapped := netip.AddrPortFrom(netip.AddrFrom16(second.addr.Addr().As16()), second.addr.Port())
				require.NoError(t, b.Retarget(mapped))
				turns(p, 4)
				heard = append(heard, second.heard(4)...)
				first.heardNothing()
				require.NoError(t, b.Retarget(first.addr), "and back")
				turns(p, 3)
				heard = append(heard, first.heard(3)...)
				second.heardNothing()
				requireOneStream(t, heard, PCMA)
				require.Equal(t, clip, payload(heard))

				turns(p, 1)
				<-b.Done()
				require.NoError(t, b.Retarget(second.addr), "after the end it does nothing")
				s.Close()
				require.NoError(t, b.Retarget(second.addr))
				b.Hold(true)
			})
		})
	}
}

func TestHeldPlaybackNeedsNoAddress(t *testing.T) {
	for name, remote := range map[string]netip.AddrPort{
		"hold of RFC 2543": netip.MustParseAddrPort("0.0.0.0:4000"),
		"none":             {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _ := newTestPacer(t, 1)
				to, clip := newCallee(t), randomClip(3)
				b, err := openSession(t, p).Play(remote, PCMU, clip, Options{LeadIn: NoLeadIn, Held: true, SymmetricFrom: loopback})
				require.NoError(t, err)
				turns(p, 5)
				b.Hold(false)
				turns(p, 5)
				require.Zero(t, b.Stats(), "there is nowhere to send to")
				time.Sleep(SymmetricWindow)
				turns(p, 1)
				require.NoError(t, b.Retarget(to.addr))
				turns(p, 3)
				heard := to.heard(3)
				require.Equal(t, clip, payload(heard))
				require.True(t, heard[0].Marker)
			})
		})
	}
	p, _ := newTestPacer(t, 1)
	_, err := openSession(t, p).Play(netip.MustParseAddrPort("[::1]:4000"), PCMA, randomClip(1), Options{Held: true})
	require.ErrorIs(t, err, avanak.ErrInvalid, "what can never be played to is no hold")
}

func TestRecodeGoesOnInTheOtherLaw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newTestPacer(t, 1)
		to, alaw, ulaw := newCallee(t), randomClip(5), randomClip(5)
		b, err := openSession(t, p).Play(to.addr, PCMA, alaw, Options{LeadIn: 2 * avanak.FrameTime})
		require.NoError(t, err)
		require.ErrorIs(t, b.Recode(101, ulaw), avanak.ErrInvalid)
		require.ErrorIs(t, b.Recode(PCMU, ulaw[avanak.FrameBytes:]), avanak.ErrInvalid)
		require.NoError(t, b.Recode(PCMU, ulaw))
		turns(p, 4)
		require.NoError(t, b.Recode(PCMA, alaw))
		turns(p, 2)
		heard := to.heard(7)
		requireHolds(t, heard, nil)
		types := make([]uint8, 0, len(heard))
		for _, packet := range heard {
			types = append(types, packet.PayloadType)
		}
		require.Equal(t, []uint8{PCMA, PCMU, PCMU, PCMU, PCMU, PCMA, PCMA}, types)
		require.Equal(t, silenceALaw, heard[0].Payload)
		require.Equal(t, silenceULaw, heard[1].Payload)
		require.Equal(t, ulaw[:3*avanak.FrameBytes], payload(heard[2:5]))
		require.Equal(t, alaw[3*avanak.FrameBytes:], payload(heard[5:]))
	})
}

// Signalling turns a stream about while its wheel sends and its call ends: nothing may touch a descriptor that was closed.
func TestCloseWhileTheCalleeMoves(t *testing.T) {
	p, reg := newTestPacer(t, 2)
	stop := running(t, p)
	first, second, clip := newCallee(t), newCallee(t), randomClip(1000)
	ports, err := NewPorts(PortRange{IP: loopback})
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 20 {
				s, err := p.Open(ports)
				if err != nil {
					t.Error(err)
					return
				}
				b, err := s.Play(first.addr, PCMA, clip, Options{LeadIn: NoLeadIn, SymmetricFrom: loopback})
				if err != nil {
					t.Error(err)
					s.Close()
					return
				}
				over := make(chan struct{})
				wg.Go(func() {
					timer := time.NewTimer(rand.N(25 * time.Millisecond))
					<-timer.C
					s.Close()
					close(over)
				})
				for i, to := 0, second; ; i++ {
					b.Hold(i%3 == 0)
					if err := b.Retarget(to.addr); err != nil {
						t.Error(err)
					}
					select {
					case <-over:
					default:
						continue
					}
					break
				}
				<-b.Done()
			}
		})
	}
	wg.Wait()
	stop()
	require.Zero(t, metric(t, reg, "avanak_media_streams"))
	require.Zero(t, metric(t, reg, "avanak_media_send_errors_total"))
}
