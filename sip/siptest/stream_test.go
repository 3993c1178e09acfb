package siptest

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkDrain is the farm's price of one recorded RTP packet, without the sender's.
func BenchmarkDrain(b *testing.B) {
	const burst = 100 // fits a socket's default buffer
	j := newJournal(0)
	s := newSweep(j, true)
	f, err := New(Config{})
	require.NoError(b, err)
	defer f.Close()
	st, err := s.open(&Call{}, f.Addr().Addr())
	require.NoError(b, err)
	defer func() { _ = st.conn.Close() }()
	packet := rtpPacket(1, 2, 8, clip(1))
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		for range burst {
			_, err := f.conn.WriteToUDPAddrPort(packet, st.addr)
			require.NoError(b, err)
		}
		b.StartTimer()
		s.drain(st)
	}
	require.Equal(b, b.N*burst, j.counts.Packets)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*burst), "ns/packet")
}

func TestMediaPortsAreEvenWhereTheKernelAllows(t *testing.T) {
	s := newSweep(newJournal(0), true)
	even := 0
	for range 10 {
		st, err := s.open(&Call{}, netip.MustParseAddr("127.0.0.1"))
		require.NoError(t, err)
		if st.addr.Port()%2 == 0 {
			even++
		}
		require.NoError(t, st.conn.Close())
	}
	require.GreaterOrEqual(t, even, 5, "each try is even with a chance of 255 in 256")
}
