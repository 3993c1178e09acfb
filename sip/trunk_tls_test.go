package sip

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

// authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	a.cert, a.key = a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "test authority"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// sign completes c and signs it; an authority that has no certificate yet, and nil, have it sign itself.
func (a *authority) sign(c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(time.Hour)
	}
	c.NotBefore = time.Now().Add(-2 * time.Hour)
	parent, by := c, key
	if a.cert != nil {
		parent, by = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, by)
	require.NoError(a.t, err)
	signed, err := x509.ParseCertificate(der)
	require.NoError(a.t, err)
	return signed, key
}

// pair makes a certificate for TLS.
func (a *authority) pair(c *x509.Certificate) tls.Certificate {
	a.t.Helper()
	cert, key := a.sign(c)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}

// file writes PEM blocks.
func (a *authority) file(kind string, der []byte) string {
	a.t.Helper()
	name := filepath.Join(a.t.TempDir(), kind+".pem")
	block := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	require.NoError(a.t, os.WriteFile(name, block, 0o600))
	return name
}

func carrierCert() *x509.Certificate {
	return &x509.Certificate{DNSNames: []string{"sip.carrier.test"}}
}

func newTLSRig(t *testing.T, config *tls.Config, ca *authority, change ...func(*Config)) (*rig, *streamCallee) {
	t.Helper()
	s := newStreamCallee(t, func(s *streamCallee) { s.config = config })
	file := ca.file("CERTIFICATE", ca.cert.Raw)
	return newStreamRig(t, s, append([]func(*Config){func(c *Config) {
		c.Transport, c.TLS = OverTLS, TLS{CAFile: file, ServerName: "sip.carrier.test"}
	}}, change...)...), s
}

func TestCallOverTLS(t *testing.T) {
	ca := newAuthority(t)
	r, _ := newTLSRig(t, &tls.Config{Certificates: []tls.Certificate{ca.pair(carrierCert())}}, ca)
	c, inv := r.answer()
	require.Equal(t, byTLS, inv.from.Zone)
	require.Contains(t, inv.get("Via"), "SIP/2.0/TLS ")
	require.Contains(t, inv.get("Contact"), ";transport=tls>")
	require.Equal(t, inv.from.String(), r.hangup(c).from.String(), "the BYE goes by the same connection")
}

func TestCertificateThatIsNotTheCarriersGetsNothing(t *testing.T) {
	ca, other, nobody := newAuthority(t), newAuthority(t), &authority{t: t}
	old := carrierCert()
	old.NotAfter = time.Now().Add(-time.Minute)
	for name, tt := range map[string]struct {
		config *tls.Config
		want   string
	}{
		"expired":           {&tls.Config{Certificates: []tls.Certificate{ca.pair(old)}}, "expired"},
		"wrong name":        {&tls.Config{Certificates: []tls.Certificate{ca.pair(&x509.Certificate{DNSNames: []string{"other.test"}})}}, "not sip.carrier.test"},
		"self-signed":       {&tls.Config{Certificates: []tls.Certificate{nobody.pair(carrierCert())}}, "unknown authority"},
		"unknown authority": {&tls.Config{Certificates: []tls.Certificate{other.pair(carrierCert())}}, "unknown authority"},
		"TLS 1.1 only": {&tls.Config{Certificates: []tls.Certificate{ca.pair(carrierCert())}, MinVersion: tls.VersionTLS10,
			MaxVersion: tls.VersionTLS11}, "protocol version"},
		"no TLS at all": {nil, "TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			r, s := newTLSRig(t, tt.config, ca, func(c *Config) { c.Options = 100 * time.Millisecond })
			res := r.result(r.invite(t.Context(), Invite{}))
			require.Equal(t, NotSent, res.End)
			require.Equal(t, avanak.ClassCongestion, res.Class)
			require.True(t, res.Dead, "another trunk may have the call")
			require.ErrorContains(t, res.Err, tt.want)
			require.Eventually(t, func() bool { return !r.agent.Health().Usable }, patience, time.Millisecond)
			require.Contains(t, r.agent.Health().Why, tt.want)
			require.Contains(t, r.logged(), tt.want, "the log tells why")
			require.Empty(t, s.kinds(), "nothing is sent, in clear or by UDP")
		})
	}
}

func TestClientCertificateIsGiven(t *testing.T) {
	ca := newAuthority(t)
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	ours, key := ca.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "avanak"}, DNSNames: []string{"gateway.test"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}})
	der, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	server := &tls.Config{Certificates: []tls.Certificate{ca.pair(carrierCert())}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots}
	r, s := newTLSRig(t, server, ca, func(c *Config) {
		c.TLS.CertFile, c.TLS.KeyFile = ca.file("CERTIFICATE", ours.Raw), ca.file("EC PRIVATE KEY", der)
	})
	c, inv := r.answer()
	conn, ok := s.at(inv.from).(*tls.Conn)
	require.True(t, ok)
	require.Equal(t, "avanak", conn.ConnectionState().PeerCertificates[0].Subject.CommonName)
	r.hangup(c)

	// With a certificate we listen too, and the far end may come to us.
	in, err := tls.Dial("tcp4", r.agent.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "gateway.test"})
	require.NoError(t, err)
	require.NoError(t, in.Close())
}

func TestHandshakeThatNeverEndsHoldsNoAnswerUp(t *testing.T) {
	release := make(chan struct{})
	slow := newStreamCallee(t, func(s *streamCallee) { s.meet = func(net.Conn) { <-release } })
	defer close(release)
	r := newStreamRig(t, slow, func(c *Config) { c.Transport = OverTLS })
	done := make(chan error, 1)
	req := r.agent.newRequest(sip.BYE, sip.Uri{Scheme: "sip", Host: "carrier.test"}, r.agent.via(OverTLS), hop{mustHop(t, slow.addr()).addr, OverTLS})
	go func() { done <- r.agent.write(req) }()
	select {
	case err := <-done:
		require.Error(t, err)
	case <-time.After(patience):
		t.Fatal("a message waits for a handshake for ever")
	}
}
