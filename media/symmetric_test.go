package media

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

// speech is a packet as a callee sends it.
func speech(kind uint8) []byte {
	h := newHeader(kind)
	return append(h[:], silenceALaw...)
}

// stage is a stream whose SDP names one host while the callee sits on another.
type stage struct {
	*testing.T
	pacer    *Pacer
	us       netip.AddrPort
	playback *Playback
	named    *callee // by the SDP
	real     *callee // on the host of SymmetricFrom
	other    *callee // on that host, too
	stranger *callee // on a third one
}

func newStage(t *testing.T, trusted netip.Addr, o Options) (*stage, *prometheus.Registry) {
	t.Helper()
	p, reg := newTestPacer(t, 1)
	on := func(host netip.Addr) *callee { return newCalleeAt(t, netip.AddrPortFrom(host, 0)) }
	session := openSession(t, p)
	s := &stage{T: t, pacer: p, us: netip.AddrPortFrom(loopback, session.LocalPort()), named: newCallee(t),
		real: on(trusted), other: on(trusted), stranger: on(ownLoopback())}
	var err error
	s.playback, err = session.Play(s.named.addr, PCMA, randomClip(1000), o)
	require.NoError(t, err)
	return s, reg
}

// where tells which of the callees hears the stream now: the real one, or the one that the SDP named.
func (s *stage) where(real bool) {
	s.Helper()
	all := []*callee{s.named, s.real, s.other, s.stranger}
	for _, c := range all {
		for _, ok := c.receive(); ok; _, ok = c.receive() {
			continue
		}
	}
	turns(s.pacer, 3)
	hearer := s.named
	if real {
		hearer = s.real
	}
	hearer.heard(3)
	for _, c := range all {
		c.heardNothing()
	}
}

// says sends a datagram to our port, and the wheel turns.
func (s *stage) says(c *callee, datagram []byte) {
	s.Helper()
	require.NoError(s, c.sock.sendTo(datagram, sockaddr(s.us)))
	turns(s.pacer, 1)
}

func TestOnlyTheTrustedHostMovesAStreamOnce(t *testing.T) {
	rtcp := append([]byte{0x80, 200, 0, 6}, make([]byte, 24)...)
	for name, tt := range map[string]struct {
		after  time.Duration // of Play
		act    func(s *stage)
		toReal bool
	}{
		"at once":                    {0, func(s *stage) { s.says(s.real, speech(PCMA)) }, true},
		"late in the window":         {SymmetricWindow - 2*avanak.FrameTime, func(s *stage) { s.says(s.real, speech(PCMA)) }, true},
		"at the end of the window":   {SymmetricWindow - avanak.FrameTime, func(s *stage) { s.says(s.real, speech(PCMA)) }, false},
		"after the window":           {SymmetricWindow + time.Second, func(s *stage) { s.says(s.real, speech(PCMA)) }, false},
		"a key":                      {0, func(s *stage) { s.says(s.real, speech(101)) }, true},
		"once only":                  {0, func(s *stage) { s.says(s.real, speech(PCMU)); s.says(s.other, speech(PCMA)) }, true},
		"after a stranger":           {0, func(s *stage) { s.says(s.stranger, speech(PCMA)); s.says(s.real, speech(PCMA)) }, true},
		"after junk":                 {0, func(s *stage) { s.says(s.real, []byte("hello")); s.says(s.real, speech(PCMA)) }, true},
		"a stranger":                 {0, func(s *stage) { s.says(s.stranger, speech(PCMA)) }, false},
		"not RTP":                    {0, func(s *stage) { s.says(s.real, []byte("OPTIONS sip:us@127.0.0.1 SIP/2.0\r\n\r\n")) }, false},
		"RTCP":                       {0, func(s *stage) { s.says(s.real, rtcp) }, false},
		"video":                      {0, func(s *stage) { s.says(s.real, speech(34)) }, false},
		"no payload":                 {0, func(s *stage) { s.says(s.real, speech(PCMA)[:headerBytes]) }, false},
		"an empty datagram":          {0, func(s *stage) { s.says(s.real, nil) }, false},
		"after the SDP proved right": {0, func(s *stage) { s.says(s.named, speech(PCMA)); s.says(s.real, speech(PCMA)) }, false},
		"during a hold": {0, func(s *stage) {
			s.playback.Hold(true)
			s.says(s.real, speech(PCMA))
			s.playback.Hold(false)
		}, false},
		"after a new description": {0, func(s *stage) {
			require.NoError(s, s.playback.Retarget(s.named.addr))
			s.says(s.real, speech(PCMA))
		}, false},
		"just before a new description": {0, func(s *stage) {
			require.NoError(s, s.real.sock.sendTo(speech(PCMA), sockaddr(s.us)))
			require.NoError(s, s.playback.Retarget(s.named.addr))
		}, false},
		"two of that host at once": {0, func(s *stage) {
			require.NoError(s, s.real.sock.sendTo(speech(PCMA), sockaddr(s.us)))
			s.says(s.other, speech(PCMA))
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				trusted := ownLoopback()
				s, reg := newStage(t, trusted, Options{LeadIn: NoLeadIn, SymmetricFrom: trusted})
				turns(s.pacer, int(tt.after/avanak.FrameTime))
				tt.act(s)
				s.where(tt.toReal)
				want := 0.0
				if tt.toReal {
					want = 1
				}
				require.InDelta(t, want, metric(t, reg, "avanak_media_learned_total"), 0)
				require.Equal(t, tt.toReal, s.playback.Stats().Learned)

				// And later nothing does.
				turns(s.pacer, int(SymmetricWindow/avanak.FrameTime))
				for _, c := range []*callee{s.other, s.stranger, s.real, s.named} {
					s.says(c, speech(PCMA))
				}
				s.where(tt.toReal)
			})
		})
	}
}

func TestNothingMovesAStreamByDefault(t *testing.T) {
	for name, from := range map[string]netip.Addr{"not asked for": {}, "another family": netip.IPv6Loopback()} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _ := newStage(t, ownLoopback(), Options{LeadIn: NoLeadIn, SymmetricFrom: from})
				for _, c := range []*callee{s.real, s.stranger, s.named} {
					s.says(c, speech(PCMA))
					s.where(false)
				}
			})
		})
	}
}

// What came before the answer may be another phone's early media.
func TestWhatCameBeforePlayMovesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newTestPacer(t, 1)
		s, named, early := openSession(t, p), newCallee(t), newCalleeAt(t, netip.AddrPortFrom(ownLoopback(), 0))
		us := sockaddr(netip.AddrPortFrom(loopback, s.LocalPort()))
		require.NoError(t, early.sock.sendTo(speech(PCMA), us))
		b, err := s.Play(named.addr, PCMA, randomClip(9), Options{LeadIn: NoLeadIn, SymmetricFrom: early.addr.Addr()})
		require.NoError(t, err)
		turns(p, 5)
		named.heard(6)
		early.heardNothing()
		require.NoError(t, early.sock.sendTo(speech(PCMA), us))
		turns(p, 3)
		early.heard(3)
		require.True(t, b.Stats().Learned)
	})
}

// A flood takes neither the stream's time nor the callee's place in the receive buffer.
func TestFloodInTheWindowIsNotHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trusted := ownLoopback()
		s, _ := newStage(t, trusted, Options{LeadIn: NoLeadIn, SymmetricFrom: trusted})
		flood := func() {
			for range 50 {
				_ = s.stranger.sock.sendTo(speech(PCMA), sockaddr(s.us)) // the kernel may refuse some
			}
		}
		for range 50 {
			flood()
			turns(s.pacer, 1)
		}
		require.Len(t, s.named.heard(50), 50)
		s.stranger.heardNothing()
		require.Zero(t, s.playback.Stats().Shifts)
		flood()
		s.says(s.real, speech(PCMA))
		s.where(true)
	})
}

func TestStreamLearnsOverIPv6(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newTestPacer(t, 1)
		local := netip.AddrPortFrom(netip.IPv6Loopback(), 0)
		ports, err := NewPorts(PortRange{IP: local.Addr()})
		require.NoError(t, err)
		session, err := p.Open(ports)
		require.NoError(t, err)
		t.Cleanup(session.Close)
		us := netip.AddrPortFrom(local.Addr(), session.LocalPort())
		named, real := newCalleeAt(t, local), newCalleeAt(t, local)
		_, err = session.Play(named.addr, PCMA, randomClip(9), Options{LeadIn: NoLeadIn, SymmetricFrom: local.Addr()})
		require.NoError(t, err)
		named.heard(1)
		require.NoError(t, real.sock.sendTo(speech(PCMA), sockaddr(us)))
		turns(p, 3)
		real.heard(3)
		named.heardNothing()
	})
}

func FuzzPlausible(f *testing.F) {
	f.Add(speech(PCMA))
	f.Add(speech(PCMU)[:13])
	f.Add(append([]byte{0x80, 200, 0, 6}, make([]byte, 24)...))
	f.Add(append([]byte{0x90, 101}, make([]byte, 15)...))
	f.Add(append([]byte{0x9f, 8}, make([]byte, 100)...))
	f.Add([]byte("\xa0a00000000000")) // padding that is longer than the datagram
	f.Fuzz(func(t *testing.T, datagram []byte) {
		var p rtp.Packet
		err := p.Unmarshal(datagram)
		ok := plausible(datagram, len(datagram))
		if ok {
			require.Equal(t, byte(2), datagram[0]>>6)
		}
		if ok && err != nil {
			require.NotZero(t, datagram[0]&0x30, "only padding and the inside of an extension are not looked at: %v", err)
		}
		if short := datagram[:min(len(datagram), packetBytes)]; plausible(short, len(datagram)) {
			require.True(t, ok, "of a long datagram we see the start, and guess no more than the whole says")
		}
	})
}
