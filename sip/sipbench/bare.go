package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	ourssip "github.com/avanak/avanak/sip"
)

// bare calls through sipgo's dialog client, as sipgo's documentation shows it.
type bare struct {
	ua      *sipgo.UserAgent
	conn    *net.UDPConn
	served  chan struct{} // closed when the server has ended
	dialogs *sipgo.DialogClientCache
	target  sip.Uri
	ip      netip.Addr
}

func newBare(_ context.Context, target netip.AddrPort) (caller, error) {
	log := slog.New(slog.DiscardHandler)
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(buffer) // as package sip asks; what the kernel grants is the same for both
	_ = conn.SetWriteBuffer(buffer)
	own := netip.MustParseAddrPort(conn.LocalAddr().String())
	ua, err := sipgo.NewUA(sipgo.WithUserAgent("Avanak"),
		sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(log)),
		sipgo.WithUserAgentTransactionLayerOptions(sip.WithTransactionLayerLogger(log),
			sip.WithTransactionLayerUnhandledResponseHandler(func(*sip.Response) {}))) // a late copy; by default it is logged
	if err != nil {
		return nil, err
	}
	srv, err := sipgo.NewServer(ua, sipgo.WithServerLogger(log))
	if err != nil {
		return nil, err
	}
	client, err := sipgo.NewClient(ua, sipgo.WithClientLogger(log), sipgo.WithClientConnectionAddr(own.String()))
	if err != nil {
		return nil, err
	}
	b := &bare{ua: ua, conn: conn, served: make(chan struct{}), ip: own.Addr(),
		target: sip.Uri{Scheme: "sip", User: fmt.Sprintf("+%d", callee), Host: target.Addr().String(), Port: int(target.Port())}}
	b.dialogs = sipgo.NewDialogClientCache(client, sip.ContactHeader{
		Address: sip.Uri{Scheme: "sip", User: "02191000000", Host: own.Addr().String(), Port: int(own.Port())}})
	srv.OnBye(func(req *sip.Request, tx sip.ServerTransaction) {
		_ = b.dialogs.ReadBye(req, tx) // the callee never sends one
	})
	reading := &firstRead{PacketConn: conn, begun: make(chan struct{})}
	go func() {
		defer close(b.served)
		_ = srv.ServeUDP(reading) // ends when the socket is closed
	}()
	<-reading.begun // sipgo opens a second socket for a request that comes earlier
	return b, nil
}

// firstRead tells when a socket is read for the first time.
type firstRead struct {
	net.PacketConn
	begun chan struct{} // closed at the first read
	once  sync.Once
}

func (f *firstRead) ReadFrom(p []byte) (int, net.Addr, error) {
	f.once.Do(func() { close(f.begun) })
	return f.PacketConn.ReadFrom(p)
}

func (b *bare) place(ctx context.Context) (answered, error) {
	id, n := nextCall()
	kind, callID := sip.ContentTypeHeader("application/sdp"), sip.CallIDHeader(id)
	from := &sip.FromHeader{Address: sip.Uri{Scheme: "sip", User: "02191000000", Host: b.ip.String()}, Params: sip.NewParams()}
	from.Params.Add("tag", sip.GenerateTagN(16))
	d, err := b.dialogs.Invite(ctx, b.target, ourssip.Offer(b.ip, 40000, n), from, &callID, &kind,
		sip.NewHeader("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS"), sip.NewHeader("User-Agent", "Avanak"))
	if err != nil {
		return nil, fmt.Errorf("invite: %s", constant(err))
	}
	if err := d.WaitAnswer(ctx, sipgo.AnswerOptions{}); err != nil {
		return nil, errors.Join(fmt.Errorf("answer: %s", constant(err)), d.Close())
	}
	if err := d.Ack(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("ack: %s", constant(err)), d.Close())
	}
	return bareCall{d}, nil
}

func (b *bare) close(context.Context) error {
	err := errors.Join(b.ua.Close(), b.conn.Close())
	if errors.Is(err, net.ErrClosed) { // the user agent was first
		err = nil
	}
	<-b.served
	return err
}

// buffer is asked of the kernel for each direction of a socket, in bytes.
const buffer = 4 << 20

type bareCall struct{ dialog *sipgo.DialogClientSession }

func (c bareCall) over() bool { return c.dialog.LoadState() == sip.DialogStateEnded }

func (c bareCall) hangup(ctx context.Context) error {
	begin := time.Now()
	err := errors.Join(c.dialog.Bye(ctx), c.dialog.Close())
	if err == nil && time.Since(begin) > answerTime {
		err = errors.New("no answer")
	}
	if err != nil {
		return fmt.Errorf("bye: %s", constant(err))
	}
	return nil
}

// constant is the part of an error's text that is the same for every call, so that faults can be counted by it.
func constant(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return '#'
		}
		return r
	}, text)
}
