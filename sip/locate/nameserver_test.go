package locate

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

// reply is what the name server says to one question.
type reply struct {
	code    dnsmessage.RCode
	records []dnsmessage.ResourceBody
	silent  bool            // says nothing at all
	gate    <-chan struct{} // waited for before the reply leaves; nil does not wait
}

// nameserver is a DNS server on loopback, UDP and TCP. What it was not told of does not exist.
type nameserver struct {
	udp net.PacketConn
	tcp net.Listener

	mu      sync.Mutex
	replies map[string]reply // guarded by mu; by "SRV name." and so on
	asked   map[string]int   // guarded by mu
	clients []net.Conn       // guarded by mu; of the resolver
	serving sync.WaitGroup
}

func newNameserver(t *testing.T) *nameserver {
	t.Helper()
	n := &nameserver{replies: map[string]reply{}, asked: map[string]int{}}
	var err error
	n.udp, err = net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	n.tcp, err = net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	n.serving.Go(n.serveUDP)
	n.serving.Go(n.serveTCP)
	t.Cleanup(func() {
		n.mu.Lock()
		clients := n.clients
		n.mu.Unlock()
		for _, c := range clients {
			_ = c.Close() // many are closed already
		}
		require.NoError(t, n.udp.Close())
		require.NoError(t, n.tcp.Close())
		n.serving.Wait()
	})
	return n
}

// resolver is Go's own, pointed at the name server.
func (n *nameserver) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, StrictErrors: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		addr := n.udp.LocalAddr()
		if strings.HasPrefix(network, "tcp") {
			addr = n.tcp.Addr()
		}
		c, err := (&net.Dialer{}).DialContext(ctx, addr.Network(), addr.String())
		if err == nil {
			n.mu.Lock()
			n.clients = append(n.clients, c)
			n.mu.Unlock()
		}
		return c, err
	}}
}

// set tells what is said to question, like "A sip.example.test." from now on.
func (n *nameserver) set(question string, r reply) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.replies[question] = r
}

// a sets the addresses of name.
func (n *nameserver) a(name string, addrs ...string) {
	var r reply
	for _, s := range addrs {
		r.records = append(r.records, &dnsmessage.AResource{A: netip.MustParseAddr(s).As4()})
	}
	n.set("A "+name, r)
}

func (n *nameserver) count(question string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked[question]
}

func (n *nameserver) serveUDP() {
	buf := make([]byte, 4096)
	for {
		size, from, err := n.udp.ReadFrom(buf)
		if err != nil {
			return
		}
		message := append([]byte(nil), buf[:size]...)
		n.serving.Go(func() {
			answer := n.answer(message, 1200)
			if answer != nil {
				_, _ = n.udp.WriteTo(answer, from) // the test ends
			}
		})
	}
}

func (n *nameserver) serveTCP() {
	for {
		c, err := n.tcp.Accept()
		if err != nil {
			return
		}
		n.serving.Go(func() {
			defer c.Close()
			var size [2]byte
			if _, err := io.ReadFull(c, size[:]); err != nil {
				return
			}
			message := make([]byte, binary.BigEndian.Uint16(size[:]))
			if _, err := io.ReadFull(c, message); err != nil {
				return
			}
			if answer := n.answer(message, 1<<16-1); answer != nil {
				_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
			}
		})
	}
}

// answer is nil where the server is silent. One over limit bytes is cut to a header that says so.
func (n *nameserver) answer(message []byte, limit int) []byte {
	var asked dnsmessage.Message
	if asked.Unpack(message) != nil || len(asked.Questions) != 1 {
		return nil
	}
	q := asked.Questions[0]
	question := strings.TrimPrefix(q.Type.String(), "Type") + " " + q.Name.String()
	n.mu.Lock()
	n.asked[question]++
	r, known := n.replies[question]
	n.mu.Unlock()
	if r.gate != nil {
		<-r.gate
	}
	if r.silent {
		return nil
	}
	if !known {
		r.code = dnsmessage.RCodeNameError
	}
	said := dnsmessage.Message{Questions: asked.Questions, Header: dnsmessage.Header{ID: asked.ID, Response: true, Authoritative: true,
		RecursionAvailable: true, RCode: r.code}}
	for _, body := range r.records {
		said.Answers = append(said.Answers, dnsmessage.Resource{Body: body,
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: dnsmessage.ClassINET, TTL: 1}})
	}
	packed, err := said.Pack()
	if err == nil && len(packed) > limit {
		said.Answers, said.Truncated = nil, true
		packed, err = said.Pack()
	}
	if err != nil {
		panic(err) // a test that cannot say what it means
	}
	return packed
}

// srv is one SRV record.
func srv(priority, weight, port uint16, target string) dnsmessage.ResourceBody {
	return &dnsmessage.SRVResource{Priority: priority, Weight: weight, Port: port, Target: dnsmessage.MustNewName(target)}
}

// counting counts the look-ups of a resolver, which itself may ask its server more than once.
type counting struct {
	Resolver
	srv, ip atomic.Int64
}

func (c *counting) LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error) {
	c.srv.Add(1)
	return c.Resolver.LookupSRV(ctx, service, proto, name)
}

func (c *counting) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	c.ip.Add(1)
	return c.Resolver.LookupNetIP(ctx, network, host)
}
