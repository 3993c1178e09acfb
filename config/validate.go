package config

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/media"
)

// fault is a broken rule with the key that breaks it, as a YAML path ("$.trunks[0].cps").
type fault struct {
	path string
	err  error
}

func (f fault) Error() string { return f.err.Error() }
func (f fault) Unwrap() error { return f.err }

func broken(path, format string, args ...any) error {
	return fault{path, fmt.Errorf("%w: "+format, append([]any{avanak.ErrInvalid}, args...)...)}
}

// Validate names the first rule that the configuration breaks.
func (c Config) Validate() error {
	if c.Env != "development" && c.Env != "production" {
		return broken("$.env", "must be development or production")
	}
	if c.Dispatcher.Redial < time.Second || c.Dispatcher.Redial > time.Hour {
		return broken("$.dispatcher.redial", "must be 1s to 1h")
	}
	if err := c.QueueConfig().Validate(); err != nil {
		return fault{"$.node", err}
	}
	if c.Data == "" || !filepath.IsLocal(c.Data) && !filepath.IsAbs(c.Data) {
		return broken("$.data", "must be a directory")
	}
	for _, l := range []struct{ path, addr string }{{"$.http.listen", c.HTTP.Listen}, {"$.admin.listen", c.Admin.Listen}} {
		if err := listenable(l.addr); err != nil {
			return fault{l.path, err}
		}
	}
	if c.Redis.URL != "" {
		if _, err := redis.ParseURL(c.Redis.URL); err != nil {
			// The library's text may hold the URL, and the URL a password.
			return broken("$.redis.url", "must look like redis://host:6379/0, rediss://… or unix:///path")
		}
	}
	if _, err := c.Log.level(); err != nil {
		return fault{"$.log.level", err}
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		return broken("$.log.format", "must be text or json")
	}
	if err := c.DispatcherConfig().Validate(); err != nil {
		return fault{"$.dispatcher.drain", err}
	}
	if c.Media.LeadIn < 0 || c.Media.LeadIn > media.MaxLeadIn {
		return broken("$.media.lead_in", "must be 0s to %s", media.MaxLeadIn)
	}
	return c.validateTrunks()
}

func (c Config) validateTrunks() error {
	if len(c.Trunks) == 0 {
		if c.Production() {
			return broken("$.trunks", "env: production needs a trunk; the sandbox trunk calls nobody")
		}
		if err := (avanak.Trunk{Name: "sandbox", CPS: c.Sandbox.CPS, Channels: c.Sandbox.Channels}).Validate(); err != nil {
			return fault{"$.sandbox", err}
		}
		return nil
	}
	names := make(map[string]bool)
	for i, t := range c.Trunks {
		at := "$.trunks[" + strconv.Itoa(i) + "]"
		if names[t.Name] {
			return broken(at+".name", "two trunks are named %s", t.Name)
		}
		names[t.Name] = true
		if err := t.validate(at); err != nil {
			return err
		}
		for j := range i {
			if overlap(t, c.Trunks[j]) {
				return broken(at+".rtp", "its ports overlap with those of trunk %s", c.Trunks[j].Name)
			}
			if sameSocket(t, c.Trunks[j]) {
				return broken(at+".bind", "trunk %s is bound to that port", c.Trunks[j].Name)
			}
		}
	}
	return nil
}

func listenable(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%w: must be ip:port", avanak.ErrInvalid)
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" {
		return fmt.Errorf("%w: must be ip:port", avanak.ErrInvalid)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%w: must be ip:port", avanak.ErrInvalid)
	}
	return nil
}
