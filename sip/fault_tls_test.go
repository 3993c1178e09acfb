package sip

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// keyPair writes a certificate that signs itself, with its key.
func keyPair(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	bare, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: bare}), 0o600))
	return cert, key
}

// Somebody on the way connected to us from the carrier's address and port, and got the calls of a TLS trunk without having
// shown any certificate.
func TestCallDoesNotLeaveByAConnectionThatNobodyVerified(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp4", "127.0.0.1:0") //nolint:noctx // a listener on loopback does not wait
	require.NoError(t, err)
	carrier := l.Addr().(*net.TCPAddr)
	require.NoError(t, l.Close())
	cert, key := keyPair(t)
	r := newRig(t, func(c *Config) {
		c.Transport, c.Targets = OverTLS, []string{carrier.String()}
		c.TLS = TLS{CertFile: cert, KeyFile: key, CAFile: cert}
	})
	dialer := &tls.Dialer{NetDialer: &net.Dialer{LocalAddr: carrier},
		Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // an attacker does not verify us
	stranger, err := dialer.DialContext(t.Context(), "tcp4", r.agent.Addr().String())
	if err == nil {
		defer stranger.Close() //nolint:errcheck // it was only to be there
		require.NoError(t, stranger.SetDeadline(time.Now().Add(time.Second)))
		_, _ = stranger.Write([]byte("\r\n\r\n")) // our reader is up when it answers
		b := make([]byte, 2)
		_, _ = stranger.Read(b)
	}
	out := r.invite(t.Context(), Invite{})
	if err == nil {
		b := make([]byte, 6)
		n, _ := stranger.Read(b)
		require.NotEqual(t, "INVITE", string(b[:n]))
	}
	res := r.result(out)
	require.Equal(t, NotSent, res.End, "%v", res.Err)
}
