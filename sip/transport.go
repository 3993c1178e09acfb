package sip

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"github.com/avanak/avanak"
)

// errBroken is a connection that ended while a message was being written: the far end has a part of it at most.
var errBroken = errors.New("connection broke")

// Bounds of streams.
const (
	dialFactor  = 8  // of T1: for a connection to a target, TLS handshake included
	writeFactor = 10 // of T1: for one message to leave
	stallFactor = 20 // of T1: until a connection is given up whose far end acknowledges or reads nothing
	aliveEvery  = 15 * time.Second
	bindTries   = 20 // for a port that is free for UDP and TCP alike
)

// open binds the sockets that the trunk's transport needs: UDP or TCP on the same port where both are in use, none for
// TLS without a certificate of ours (the far end then comes over the connection that we made).
func (a *Agent) open(ctx context.Context) error {
	bind, err := netip.ParseAddrPort(a.cfg.Bind)
	if err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	if a.tls, err = a.tlsConfig(); err != nil {
		return err
	}
	for try := range bindTries {
		if err = a.bind(bind); err == nil || bind.Port() != 0 || try == bindTries-1 {
			break
		}
	}
	if err != nil {
		return err
	}
	return a.introduce(ctx, bind.Addr())
}

func (a *Agent) bind(addr netip.AddrPort) error {
	var err error
	switch {
	case a.cfg.Transport == OverUDP:
		if a.sock, err = listen(addr, a.door); err != nil {
			return err
		}
		if a.cfg.Oversize != SwitchTCP {
			return nil
		}
		if a.stream, err = listenStream(a.sock.addr(), a.door); err != nil {
			err = errors.Join(err, a.sock.Close())
			a.sock = nil
		}
		return err
	case a.cfg.Transport == OverTLS && a.cfg.TLS.CertFile == "":
		return nil
	}
	if a.stream, err = listenStream(addr, a.door); err == nil && a.cfg.Transport == OverTLS {
		// sipgo would send our calls, and credentials, by a connection that comes from a target's own port as by one that we
		// made: but nobody has verified a certificate there.
		a.stream.poses = a.targets.has
	}
	return err
}

// bound is the address that we listen on, or would if we listened.
func (a *Agent) bound() netip.AddrPort {
	switch {
	case a.sock != nil:
		return a.sock.addr()
	case a.stream != nil:
		return a.stream.addr()
	}
	addr, _ := netip.ParseAddrPort(a.cfg.Bind) //nolint:errcheck // Validate has seen it
	if addr.Port() == 0 {
		addr = netip.AddrPortFrom(addr.Addr(), a.cfg.Transport.port())
	}
	return addr
}

// introduce finds out what the far end is told of us (Via, Contact): what is configured, else the bound address, else
// (bound to all) the address from which the kernel reaches the target.
func (a *Agent) introduce(ctx context.Context, bind netip.Addr) error {
	at := a.bound()
	self := hostPort{at.Addr().String(), int(at.Port())}
	switch {
	case a.cfg.AdvertiseSIP != "":
		host, port, err := splitHost(a.cfg.AdvertiseSIP, at.Port())
		if err != nil {
			return err
		}
		self = hostPort{host, int(port)}
	case at.Addr().IsUnspecified():
		places, err := a.find.Places(ctx)
		if err != nil {
			return err
		}
		ip, err := sourceFor(places[0].Addr)
		if err != nil {
			return err
		}
		self.host = ip.String()
	}
	a.self = map[Transport]hostPort{OverUDP: self, OverTCP: self, OverTLS: self}
	source := sip.Addr{}
	if !bind.IsUnspecified() {
		source.IP = net.IP(bind.AsSlice())
	}
	a.local = map[Transport]sip.Addr{OverTCP: source, OverTLS: source}
	if a.sock != nil {
		bound := a.sock.addr()
		a.local[OverUDP] = sip.Addr{IP: net.IP(bound.Addr().AsSlice()), Port: int(bound.Port())}
	}
	return nil
}

// assemble builds the sipgo parts on the open sockets.
func (a *Agent) assemble() error {
	var err error
	log := newLibraryLogger(a.log, a.m.library)
	dialer := func(local net.Addr) net.Dialer {
		if tcp, ok := local.(*net.TCPAddr); !ok || tcp == nil {
			local = nil
		}
		return net.Dialer{Timeout: dialFactor * sip.T1, LocalAddr: local, KeepAlive: aliveEvery,
			Control: func(_, _ string, conn syscall.RawConn) error { return limitStall(conn) }}
	}
	tcp := func() *sip.TransportTCP {
		return &sip.TransportTCP{DialerCreate: dialer, WriteTimeout: writeFactor * sip.T1}
	}
	transports := sip.TransportsConfig{TCP: tcp(), TLS: &sip.TransportTLS{TransportTCP: tcp()}}
	options := []sipgo.UserAgentOption{sipgo.WithUserAgent(a.cfg.UserAgent),
		sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(log), sip.WithTransportLayerTransports(transports)),
		sipgo.WithUserAgentTransactionLayerOptions(sip.WithTransactionLayerLogger(log),
			sip.WithTransactionLayerUnhandledResponseHandler(a.stray))}
	if a.tls != nil {
		options = append(options, sipgo.WithUserAgenTLSConfig(a.tls))
	}
	if a.ua, err = sipgo.NewUA(options...); err != nil {
		return fmt.Errorf("make user agent: %w", err)
	}
	a.ua.TransportLayer().OnMessage(a.overhear)
	if a.server, err = sipgo.NewServer(a.ua, sipgo.WithServerLogger(log)); err != nil {
		return fmt.Errorf("make server: %w", err)
	}
	a.register(a.server)
	return nil
}

// tlsConfig reads the certificates; nil where the trunk has no use for them. The far end's certificate is verified
// against the configured name always (RFC 5922): there is no setting that would turn it off, and nothing falls back.
func (a *Agent) tlsConfig() (*tls.Config, error) {
	if a.cfg.Transport != OverTLS {
		return nil, nil //nolint:nilnil // no TLS, no configuration
	}
	name := a.cfg.TLS.ServerName
	if name == "" {
		host, _, err := splitHost(a.cfg.Targets[0], defaultTLSPort)
		if err != nil {
			return nil, err
		}
		name = host
	}
	c := &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12}
	if file := a.cfg.TLS.CAFile; file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("tls authorities: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls authorities: %w: %s holds no certificate", avanak.ErrInvalid, file)
		}
	}
	if a.cfg.TLS.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(a.cfg.TLS.CertFile, a.cfg.TLS.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("tls certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// connect makes sure that there is a connection to the hop before the gate is asked: what passed the gate must leave at
// once, and a transport that reports failure here has carried nothing.
//
// One dial serves all who wait for it (sipgo sees to that), so that it must not end with the call that began it.
func (a *Agent) connect(ctx context.Context, to hop) error {
	if !to.over.stream() || a.connected(to) {
		return nil
	}
	dialled := make(chan error, 1)
	if !a.crew.run(func() { dialled <- a.dial(to) }) {
		return ErrClosing
	}
	select {
	case err := <-dialled:
		if err != nil && ctx.Err() == nil {
			return &transportError{err}
		}
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// dial connects to the hop. The request that it shows to sipgo is not sent. Its error tells why, a certificate that was
// refused too, and holds no number.
func (a *Agent) dial(to hop) (err error) {
	defer a.guard("dial")
	err = errPanic //nolint:wastedassign // what a panic leaves
	ctx, cancel := context.WithTimeout(a.life, dialFactor*sip.T1)
	defer cancel()
	unsent := a.newRequest(sip.OPTIONS, sip.Uri{Scheme: "sip", Host: to.addr.Addr().String()}, a.via(to.over), to)
	conn, err := a.ua.TransportLayer().ClientRequestConnection(ctx, unsent)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", to, err)
	}
	_, _ = conn.TryClose() // gives our reference back; the pool keeps the connection
	return nil
}

// connected tells whether there is a connection to the hop.
func (a *Agent) connected(to hop) bool {
	conn, err := a.ua.TransportLayer().GetConnection(to.over.network(), to.String())
	if err != nil {
		return false
	}
	_, _ = conn.TryClose() // gives our reference back
	return true
}

// begin starts a client transaction. An error means that nothing left.
func (a *Agent) begin(ctx context.Context, req *sip.Request) (sip.ClientTransaction, error) {
	to := hopOf(req)
	if err := a.connect(ctx, to); err != nil {
		return nil, err
	}
	// Where the connection ended just now, this dials.
	bounded, cancel := context.WithTimeout(ctx, dialFactor*sip.T1)
	defer cancel()
	tx, err := a.ua.TransactionLayer().Request(bounded, req)
	if err != nil {
		a.mend(to, err)
		return nil, a.sendFault(ctx, to, err)
	}
	return tx, nil
}

// write sends a request that begins no transaction: an ACK.
func (a *Agent) write(req *sip.Request) error {
	to := hopOf(req)
	if err := a.connect(a.life, to); err != nil {
		return err
	}
	if err := a.ua.TransportLayer().WriteMsg(req); err != nil {
		a.mend(to, err)
		return a.sendFault(a.life, to, err)
	}
	return nil
}

// sendFault is sendFault, but for a stream that closed under a write: with the Agent at work that is the trunk's fault.
func (a *Agent) sendFault(ctx context.Context, to hop, err error) error {
	if to.over.stream() && errors.Is(err, net.ErrClosed) && ctx.Err() == nil && a.life.Err() == nil {
		return &transportError{errBroken}
	}
	return sendFault(ctx, err)
}

// mend closes a connection on which a message was cut short: the rest of it never comes, and the far end would take the
// next message for that rest. Many writes may fail by one connection, the last of them when a new one has taken its place.
func (a *Agent) mend(to hop, err error) {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "write" || op.Source == nil || !to.over.stream() {
		return
	}
	conn, err := a.ua.TransportLayer().GetConnection(to.over.network(), to.String())
	if err != nil {
		return
	}
	if conn.LocalAddr().String() != op.Source.String() {
		_, _ = conn.TryClose() // gives our reference back
		return
	}
	// It leaves the pool at once, before its reader has noticed. Its error is of no use: it is broken already.
	_ = a.ua.TransportLayer().Pool(to.over.network()).CloseAndDelete(conn, to.String())
}

// fit lets an in-dialog request that outgrew UDP go by TCP where the trunk allows that and the far end takes it. Where it
// does not, it goes by UDP in fragments: our ACK and BYE carry the route set that the carrier chose, and a BYE that
// cannot leave is a call that never ends.
func (a *Agent) fit(req *sip.Request) {
	if a.cfg.Oversize != SwitchTCP || req.Transport() != OverUDP.network() || sizeOf(req) <= a.cfg.MTU {
		return
	}
	to, ok := parseHop(req.Destination(), OverTCP)
	if !ok {
		return
	}
	a.address(req, to)
	if via := req.Via(); via != nil {
		via.Transport = OverTCP.network()
	}
	if a.connect(a.life, to) == nil {
		return
	}
	to.over = OverUDP
	a.address(req, to)
	if via := req.Via(); via != nil {
		via.Transport = OverUDP.network()
	}
}
