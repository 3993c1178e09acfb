package sip_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/avanak/avanak/sip"
)

// busy is a callee that is always busy: it turns each INVITE into a 486 with the same headers.
func busy(conn net.PacketConn) {
	buf := make([]byte, 2048)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		request, headers, _ := strings.Cut(string(buf[:n]), "\r\n")
		if !strings.HasPrefix(request, "INVITE ") {
			continue
		}
		headers, _, _ = strings.Cut(headers, "Content-Type:")
		headers = strings.Replace(headers, "\r\nCall-ID:", ";tag=callee\r\nCall-ID:", 1)
		_, _ = conn.WriteTo([]byte("SIP/2.0 486 Busy Here\r\n"+headers+"Reason: Q.850;cause=17\r\nContent-Length: 0\r\n\r\n"), from)
	}
}

func ExampleAgent_Invite() {
	callee, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer callee.Close()
	go busy(callee)

	cfg := sip.DefaultConfig()
	cfg.Name, cfg.Targets, cfg.Bind, cfg.Callers = "carrier", []string{callee.LocalAddr().String()}, "127.0.0.1:0", []string{"02191000000"}
	agent, err := sip.New(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := agent.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	res := agent.Invite(ctx, sip.Invite{CallID: "cmp_example-0-1", To: 989120000001, RingLimit: 35 * time.Second,
		SDP: sip.Offer(agent.Addr().Addr(), 40000, 1)})
	fmt.Println(res.End, res.Status, res.Reason, res.Cause)
	fmt.Println(agent.Close(ctx))
	// Output:
	// refused 486 Busy Here 17
	// <nil>
}
