package siptest

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"
)

// Config says where the farm listens and how its callees behave. The zero value is a farm on a loopback port of the
// kernel's choice whose callees all answer.
type Config struct {
	// Addr is the IP address and port of the SIP socket; "" means 127.0.0.1:0.
	Addr string
	// Advertise is the address in Contact and SDP; needed where Addr is a wildcard, else the address of Addr.
	Advertise netip.Addr
	// Behave tells how the callee takes its nth call (from 1); nil means that all answer. It is called from the farm's
	// signalling goroutine and must not wait.
	Behave func(number string, nth int) Behaviour
	// KeepCalls is how many ended calls are remembered; 0 means all. A long-running farm sets it.
	KeepCalls int
	// CountRTP keeps only counts of media, no packets.
	CountRTP bool
	// MaxCalls is how many INVITE transactions may be held at once, those that ended in the last 64·T1 included; the
	// next INVITE is refused with 503. 0 means 20000.
	MaxCalls int
	// T1 is the SIP round-trip estimate that all retransmission timers hang on (RFC 3261 §17.1.1.1); 0 means 500 ms.
	T1 time.Duration
	// Logger receives state changes at Debug; nil means none.
	Logger *slog.Logger
}

// DefaultConfig returns the configuration that the zero value stands for.
func DefaultConfig() Config { return Config{}.withDefaults() }

func (c Config) withDefaults() Config {
	c.Addr = cmp.Or(c.Addr, "127.0.0.1:0")
	if c.Behave == nil {
		c.Behave = func(string, int) Behaviour { return Behaviour{} }
	}
	c.MaxCalls = cmp.Or(c.MaxCalls, 20000)
	c.T1 = cmp.Or(c.T1, 500*time.Millisecond)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Validate names the first setting that cannot work.
func (c Config) Validate() error {
	c = c.withDefaults()
	addr, err := netip.ParseAddrPort(c.Addr)
	switch {
	case err != nil:
		return fmt.Errorf("addr must be ip:port: %w", err)
	case addr.Addr().IsUnspecified() && (!c.Advertise.IsValid() || c.Advertise.IsUnspecified()):
		return errors.New("a wildcard addr needs an advertise address")
	case c.KeepCalls < 0:
		return errors.New("keep calls must not be negative")
	case c.MaxCalls < 1:
		return errors.New("max calls must be at least 1")
	case c.T1 < time.Millisecond || c.T1 > 10*time.Second:
		return errors.New("t1 must be 1ms to 10s")
	}
	return nil
}
