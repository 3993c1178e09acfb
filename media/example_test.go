package media_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/media"
)

// A call opens its session before the INVITE, plays at the 2xx, and hangs up when the clip is done.
func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	pacer, err := media.New(media.Config{}, prometheus.NewRegistry())
	must(err)
	ended := make(chan error)
	go func() { ended <- pacer.Run(ctx) }()

	ports, err := media.NewPorts(media.PortRange{IP: netip.MustParseAddr("127.0.0.1")})
	must(err)
	session, err := pacer.Open(ports)
	must(err)
	fmt.Println("even port to offer:", session.LocalPort()%2 == 0)

	callee, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(err)
	answered := callee.LocalAddr().(*net.UDPAddr).AddrPort()
	clip := bytes.Repeat([]byte{0x55}, 5*avanak.FrameBytes)
	playback, err := session.Play(answered, media.PCMA, clip, media.Options{LeadIn: 60 * time.Millisecond})
	must(err)
	<-playback.Done()
	stats := playback.Stats()
	fmt.Println("frames:", stats.Frames, "complete:", stats.Complete)

	session.Close()
	must(callee.Close())
	cancel()
	fmt.Println("ended:", <-ended)
	// Output:
	// even port to offer: true
	// frames: 5 complete: true
	// ended: <nil>
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
