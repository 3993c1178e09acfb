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
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"github.com/avanak/avanak"
)

// Bounds of streams.
const (
	dialWait   = 4 * time.Second // for a connection to a target, TLS handshake included
	writeWait  = 5 * time.Second // for one message to leave: a peer that does not read holds nobody up
	aliveEvery = 15 * time.Second
	bindTries  = 20 // for a port that is free for UDP and TCP alike
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
		return net.Dialer{Timeout: dialWait, LocalAddr: local, KeepAlive: aliveEvery}
	}
	transports := sip.TransportsConfig{TCP: &sip.TransportTCP{DialerCreate: dialer, WriteTimeout: writeWait},
		TLS: &sip.TransportTLS{TransportTCP: &sip.TransportTCP{DialerCreate: dialer, WriteTimeout: writeWait}}}
	options := []sipgo.UserAgentOption{sipgo.WithUserAgent(a.cfg.UserAgent),
		sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(log), sip.WithTransportLayerTransports(transports)),
		sipgo.WithUserAgentTransactionLayerOptions(sip.WithTransactionLayerLogger(log),
			sip.WithTransactionLayerUnhandledResponseHandler(a.stray), sip.WithTransactionLayerTerminateOnConnClose())}
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
func (a *Agent) connect(ctx context.Context, req *sip.Request) error {
	if req.Transport() == OverUDP.network() {
		return nil
	}
	dialling, cancel := context.WithTimeout(ctx, dialWait)
	defer cancel()
	conn, err := a.ua.TransportLayer().ClientRequestConnection(dialling, req)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return ctx.Err()
	case dialling.Err() != nil:
		return &transportError{dialling.Err()}
	default:
		return sendFault(err)
	}
	_, _ = conn.TryClose() // gives our reference back; the pool keeps the connection
	return nil
}

// begin starts a client transaction. An error means that nothing left.
func (a *Agent) begin(ctx context.Context, req *sip.Request) (sip.ClientTransaction, error) {
	tx, err := a.ua.TransactionLayer().Request(ctx, req)
	if err != nil {
		a.breakOff(req, err)
		return nil, sendFault(err)
	}
	return tx, nil
}

// write sends a request that begins no transaction: an ACK.
func (a *Agent) write(req *sip.Request) error {
	if err := a.ua.TransportLayer().WriteMsg(req); err != nil {
		a.breakOff(req, err)
		return sendFault(err)
	}
	return nil
}

// breakOff closes a connection that did not take a message within writeWait. The far end may have got half of it, and would
// read the next message as the rest; over TLS nothing leaves on it ever again. sipgo keeps it, however.
func (a *Agent) breakOff(req *sip.Request, err error) {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "write" || !op.Timeout() || req.Transport() == OverUDP.network() {
		return
	}
	conn, err := a.ua.TransportLayer().GetConnection(req.Transport(), req.Destination())
	if err == nil {
		_ = conn.Close() // sipgo's reader of it ends, and tells its transactions
	}
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
	if a.connect(a.life, req) == nil {
		return
	}
	to.over = OverUDP
	a.address(req, to)
	if via := req.Via(); via != nil {
		via.Transport = OverUDP.network()
	}
}
