package sip

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// The zones of message.from: which transport a message came by. A UDP address has none.
const (
	byTCP = "tcp"
	byTLS = "tls"
)

// streamCallee is a callee that listens for connections too, on the port of its UDP socket. What comes by either is in
// one log; answers go back the way that the request came.
type streamCallee struct {
	*callee
	config *tls.Config // nil: plain TCP
	// meet, where set, has a new connection to itself and serves it instead of reading messages. It returns when it is over.
	meet func(net.Conn)

	lines struct {
		sync.Mutex
		listener net.Listener        // guarded; nil while nobody listens
		by       map[string]net.Conn // guarded; by message.from
		taken    int                 // guarded; how many there were
	}
	serving sync.WaitGroup
}

func newStreamCallee(t *testing.T, change ...func(*streamCallee)) *streamCallee {
	t.Helper()
	s := &streamCallee{}
	for _, f := range change {
		f(s)
	}
	s.lines.by = make(map[string]net.Conn)
	require.Eventually(t, func() bool { // until the kernel finds a port that is free for both
		s.callee = newCallee(t)
		return s.listen() == nil
	}, patience, 1)
	s.line = s.send
	t.Cleanup(s.hangUp)
	return s
}

// listen begins to accept connections.
func (s *streamCallee) listen() error {
	l, err := net.Listen("tcp4", s.addr())
	if err != nil {
		return err
	}
	s.lines.Lock()
	s.lines.listener = l
	s.lines.Unlock()
	s.serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.serving.Go(func() { s.take(c) })
		}
	})
	return nil
}

// take serves one connection, which either end made.
func (s *streamCallee) take(c net.Conn) {
	tcp, _ := c.RemoteAddr().(*net.TCPAddr)
	from := &net.UDPAddr{IP: tcp.IP, Port: tcp.Port, Zone: byTCP}
	if s.config != nil {
		from.Zone = byTLS
		secure := tls.Server(c, s.config)
		if secure.Handshake() != nil {
			_ = c.Close() // the test is about why
			return
		}
		c = secure
	}
	s.lines.Lock()
	s.lines.by[from.String()] = c
	s.lines.taken++
	s.lines.Unlock()
	defer func() {
		s.lines.Lock()
		delete(s.lines.by, from.String())
		s.lines.Unlock()
		_ = c.Close() // often closed by the other end
	}()
	if s.meet != nil {
		s.meet(c)
		return
	}
	for r := bufio.NewReader(c); ; {
		text, err := readMessage(r)
		if err != nil {
			return
		}
		s.keep(parse(text, from))
	}
}

// readMessage reads one message by its Content-Length.
func readMessage(r *bufio.Reader) ([]byte, error) {
	var b bytes.Buffer
	length := 0
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if b.Len() == 0 && strings.TrimSpace(line) == "" { // a keep-alive
			continue
		}
		b.WriteString(line)
		if name, value, _ := strings.Cut(line, ":"); strings.EqualFold(name, "Content-Length") {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return nil, err
			}
		}
		if line == "\r\n" {
			break
		}
	}
	_, err := io.CopyN(&b, r, int64(length))
	return b.Bytes(), err
}

// send writes by the connection that ends at to.
func (s *streamCallee) send(to *net.UDPAddr, text string) bool {
	if to.Zone == "" {
		return false
	}
	c := s.at(to)
	require.NotNil(s.t, c, "the connection to %s has ended", to)
	_, err := io.WriteString(c, strings.Replace(text, "Via: SIP/2.0/UDP", "Via: SIP/2.0/"+strings.ToUpper(to.Zone), 1))
	require.NoError(s.t, err)
	return true
}

func (s *streamCallee) at(to *net.UDPAddr) net.Conn {
	s.lines.Lock()
	defer s.lines.Unlock()
	return s.lines.by[to.String()]
}

// open counts the connections that live.
func (s *streamCallee) open() int {
	s.lines.Lock()
	defer s.lines.Unlock()
	return len(s.lines.by)
}

// accepted counts all connections that there were.
func (s *streamCallee) accepted() int {
	s.lines.Lock()
	defer s.lines.Unlock()
	return s.lines.taken
}

// deafen ends the listener; connections stay.
func (s *streamCallee) deafen() {
	s.lines.Lock()
	defer s.lines.Unlock()
	if s.lines.listener != nil {
		_ = s.lines.listener.Close() // its only error is that it is closed
		s.lines.listener = nil
	}
}

// hangUp ends the listener and all connections, and waits for them.
func (s *streamCallee) hangUp() {
	s.deafen()
	s.lines.Lock()
	for _, c := range s.lines.by {
		if secure, ok := c.(*tls.Conn); ok {
			c = secure.NetConn() // a farewell might wait for a far end that does not read
		}
		_ = c.Close() // the far end may have closed it
	}
	s.lines.Unlock()
	s.serving.Wait()
}

// dial connects to the agent from our address, as a far end may, and returns the name of the connection.
func (s *streamCallee) dial(to net.Addr) *net.UDPAddr {
	s.t.Helper()
	c, err := net.Dial("tcp4", to.String())
	require.NoError(s.t, err)
	s.serving.Go(func() { s.take(c) })
	tcp, _ := c.RemoteAddr().(*net.TCPAddr)
	name := &net.UDPAddr{IP: tcp.IP, Port: tcp.Port, Zone: byTCP}
	require.Eventually(s.t, func() bool { return s.at(name) != nil }, patience, 1)
	return name
}

// newStreamRig is an Agent on TCP with a stream callee.
func newStreamRig(t *testing.T, s *streamCallee, change ...func(*Config)) *rig {
	t.Helper()
	r := newRig(t, append([]func(*Config){func(c *Config) { c.Transport, c.Targets = OverTCP, []string{s.addr()} }}, change...)...)
	r.callee = s.callee
	return r
}
