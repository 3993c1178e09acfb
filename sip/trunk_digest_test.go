package sip

import (
	"context"
	"crypto/md5" //nolint:gosec // what carriers use
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/sip/digest"
)

const (
	trunkUser  = "trunk-user"
	trunkRealm = "carrier.test"
)

func withAuth(change ...func(*digest.Credentials)) func(*Config) {
	return func(c *Config) {
		c.Auth = digest.Credentials{Username: trunkUser, Password: "correct horse", Realm: trunkRealm}
		for _, f := range change {
			f(&c.Auth)
		}
	}
}

func challenge(header, realm, nonce, algorithm string, extra ...string) string {
	return fmt.Sprintf(`%s: Digest realm=%q, nonce=%q, algorithm=%s, qop="auth"%s`, header, realm, nonce, algorithm, strings.Join(extra, ""))
}

var digestField = regexp.MustCompile(`(\w+)=(?:"([^"]*)"|([^,\s]+))`)

// proves tells whether credentials are those of RFC 7616 section 3.4.1 for the request, and returns their fields.
func proves(m message, header, password string) (map[string]string, bool) {
	f := make(map[string]string)
	for _, p := range digestField.FindAllStringSubmatch(m.get(header), -1) {
		f[p[1]] = p[2] + p[3]
	}
	h := func(parts ...string) string {
		text := strings.Join(parts, ":")
		if f["algorithm"] == "SHA-256" {
			sum := sha256.Sum256([]byte(text))
			return hex.EncodeToString(sum[:])
		}
		sum := md5.Sum([]byte(text)) //nolint:gosec // see the import
		return hex.EncodeToString(sum[:])
	}
	line := strings.Fields(m.start)
	want := h(h(f["username"], f["realm"], password), f["nonce"], f["nc"], f["cnonce"], f["qop"], h(line[0], line[1]))
	return f, f["response"] == want && f["uri"] == line[1] && f["username"] == trunkUser
}

func TestChallengeIsAnsweredWithTheStrongestAlgorithm(t *testing.T) {
	for _, tt := range []struct {
		status          int
		ask, credential string
	}{{401, "WWW-Authenticate", "Authorization"}, {407, "Proxy-Authenticate", "Proxy-Authorization"}} {
		t.Run(tt.ask, func(t *testing.T) {
			r := newRig(t, withAuth())
			gates := 0
			out := r.invite(t.Context(), Invite{BeforeSend: func(context.Context) error { gates++; return nil }})
			first := r.next("INVITE")
			require.Empty(t, first.get(tt.credential))
			r.reply(first, tt.status, "Who are you", "p1", "", challenge(tt.ask, trunkRealm, "n-md5", "MD5"),
				challenge(tt.ask, trunkRealm, "n-sha", "SHA-256"), challenge(tt.ask, trunkRealm, "n-odd", "SHA-999"))
			require.Equal(t, "1 ACK", r.next("ACK").get("CSeq"))
			second := r.next("INVITE")
			require.Equal(t, "2 INVITE", second.get("CSeq"))
			require.Equal(t, first.get("Call-ID"), second.get("Call-ID"))
			require.Equal(t, first.get("From"), second.get("From"), "the same leg")
			require.NotEqual(t, first.branch(), second.branch())
			f, ok := proves(second, tt.credential, "correct horse")
			require.True(t, ok, second.get(tt.credential))
			require.Equal(t, "SHA-256", f["algorithm"])
			require.Equal(t, "n-sha", f["nonce"])
			r.ok(second, "leg1")
			res := r.result(out)
			require.Equal(t, Answered, res.End)
			require.Equal(t, 2, gates, "each INVITE counts against the pace")
			ack := r.next("ACK")
			require.Equal(t, "2 ACK", ack.get("CSeq"))
			require.Equal(t, second.get(tt.credential), ack.get(tt.credential), "the ACK carries the INVITE's (RFC 3261 section 22.1)")
			r.hangup(res.Call)

			// The nonce is known: one INVITE is enough.
			out = r.invite(t.Context(), Invite{CallID: "second"})
			third := r.next("INVITE")
			f, ok = proves(third, tt.credential, "correct horse")
			require.True(t, ok)
			require.Equal(t, "00000002", f["nc"])
			r.reply(third, 486, "Busy Here", "leg2", "")
			require.Equal(t, Refused, r.result(out).End)
			r.next("ACK")

			// A stale one costs one more.
			out = r.invite(t.Context(), Invite{CallID: "third"})
			r.reply(r.next("INVITE"), tt.status, "Stale", "p2", "", challenge(tt.ask, trunkRealm, "n-2", "SHA-256", ", stale=TRUE"))
			r.next("ACK")
			fourth := r.next("INVITE")
			f, ok = proves(fourth, tt.credential, "correct horse")
			require.True(t, ok)
			require.Equal(t, "n-2", f["nonce"])
			r.reply(fourth, 486, "Busy Here", "leg3", "")
			require.Equal(t, 486, r.result(out).Status)
		})
	}
}

// asks answers every INVITE with what challenge says, until Invite returns, and returns the INVITEs.
func (r *rig) asks(status int, challenge func(n int) []string, inv Invite) (Result, []message) {
	r.t.Helper()
	out := r.invite(r.t.Context(), inv)
	var came []message
	for {
		m := r.next("INVITE")
		came = append(came, m)
		header := challenge(len(came))
		r.reply(m, status, "Who are you", "p", "", header...)
		r.next("ACK")
		if len(came) > 2*maxAgain {
			r.t.Fatal("the storm does not end")
		}
		select {
		case res := <-out:
			return res, came
		case <-r.another(len(came)):
		}
	}
}

// another is readable once more than n INVITEs have come.
func (r *rig) another(n int) <-chan struct{} {
	more := make(chan struct{}, 1)
	stop := time.Now().Add(patience)
	go func() {
		for time.Now().Before(stop) {
			count := 0
			for _, kind := range r.kinds() {
				if kind == "INVITE" {
					count++
				}
			}
			select {
			case <-r.t.Context().Done():
				return
			default:
			}
			if count > n {
				more <- struct{}{}
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	return more
}

func TestChallengesThatDoNotEndAreBounded(t *testing.T) {
	for name, tt := range map[string]struct {
		challenge func(n int) []string
		with      int // INVITEs with credentials at most
		want      error
	}{
		"wrong password": {func(n int) []string {
			return []string{challenge("WWW-Authenticate", trunkRealm, fmt.Sprintf("n%d", n), "SHA-256")}
		}, 2, digest.ErrRejected},
		"stale for ever": {func(n int) []string {
			return []string{challenge("WWW-Authenticate", trunkRealm, fmt.Sprintf("n%d", n), "SHA-256", ", stale=true")}
		}, 2, digest.ErrStale},
		"foreign realm": {func(int) []string {
			return []string{challenge("WWW-Authenticate", "evil.test", "n", "MD5")}
		}, 0, digest.ErrRealm},
		"only MD5 where SHA-256 is wanted": {func(int) []string {
			return []string{challenge("WWW-Authenticate", trunkRealm, "n", "MD5")}
		}, 0, digest.ErrAlgorithm},
		"no challenge": {func(int) []string { return nil }, 0, digest.ErrChallenge},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, withAuth(func(c *digest.Credentials) { c.Weakest = digest.SHA256 }))
			res, came := r.asks(401, tt.challenge, Invite{})
			require.Equal(t, Refused, res.End)
			require.Equal(t, 401, res.Status)
			require.Equal(t, avanak.ClassFault, res.Class)
			require.ErrorIs(t, res.Err, tt.want)
			with := 0
			for _, m := range came {
				if m.get("Authorization") != "" {
					with++
				}
			}
			require.LessOrEqual(t, with, tt.with)
			require.LessOrEqual(t, len(came)-with, 1)
			require.NotContains(t, r.logged(), "correct horse")
		})
	}
}

func TestTrunkWithoutCredentialsIsRefused(t *testing.T) {
	r := newRig(t)
	res, came := r.asks(407, func(int) []string { return []string{challenge("Proxy-Authenticate", trunkRealm, "n", "MD5")} }, Invite{})
	require.Equal(t, avanak.ClassFault, res.Class)
	require.ErrorIs(t, res.Err, digest.ErrNoCredentials)
	require.Len(t, came, 1)
}

func TestByeThatIsChallengedIsAnswered(t *testing.T) {
	r := newRig(t, withAuth())
	c, _ := r.answer()
	done := make(chan error, 1)
	go func() { done <- c.Hangup(t.Context(), CauseNormal) }()
	first := r.next("BYE")
	r.reply(first, 407, "Who are you", "", "", challenge("Proxy-Authenticate", trunkRealm, "n", "SHA-256"))
	second := r.next("BYE")
	_, ok := proves(second, "Proxy-Authorization", "correct horse")
	require.True(t, ok)
	require.Equal(t, "2 BYE", first.get("CSeq"))
	require.Equal(t, "3 BYE", second.get("CSeq"))
	r.reply(second, 200, "OK", "", "")
	require.NoError(t, <-done)
}

func TestCancelCarriesNoCredentials(t *testing.T) {
	r := newRig(t, withAuth())
	ctx, leave := context.WithCancel(t.Context())
	out := r.invite(ctx, Invite{})
	r.reply(r.next("INVITE"), 401, "Who are you", "p", "", challenge("WWW-Authenticate", trunkRealm, "n", "SHA-256"))
	r.next("ACK")
	second := r.next("INVITE")
	r.reply(second, 180, "Ringing", "leg1", "")
	r.heard(1)
	leave()
	cancel := r.next("CANCEL")
	require.Equal(t, "2 CANCEL", cancel.get("CSeq"))
	require.Equal(t, second.branch(), cancel.branch())
	require.Empty(t, cancel.get("Authorization"))
	r.reply(cancel, 200, "OK", "leg1", "")
	r.reply(second, 487, "Request Terminated", "leg1", "")
	require.Equal(t, Cancelled, r.result(out).End)
}

func TestGateThatRefusesTheRetryEndsTheLegWithoutBlame(t *testing.T) {
	full := errors.New("no slot")
	for name, refuse := range map[string]func(context.Context, context.CancelFunc) error{
		"refused":            func(context.Context, context.CancelFunc) error { return full },
		"caller leaves":      func(ctx context.Context, leave context.CancelFunc) error { leave(); <-ctx.Done(); return ctx.Err() },
		"caller left before": func(_ context.Context, leave context.CancelFunc) error { leave(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, withAuth())
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			gates := 0
			out := r.invite(ctx, Invite{BeforeSend: func(ctx context.Context) error {
				if gates++; gates == 1 {
					return nil
				}
				return refuse(ctx, leave)
			}})
			r.reply(r.next("INVITE"), 407, "Who are you", "p", "", challenge("Proxy-Authenticate", trunkRealm, "n", "SHA-256"))
			res := r.result(out)
			r.next("ACK")
			require.Equal(t, NotSent, res.End)
			require.Equal(t, avanak.ClassUs, res.Class)
			require.False(t, res.Dead)
			require.Equal(t, []string{"INVITE", "ACK"}, r.kinds())
		})
	}
}

func TestCloseEndsTheWaitAtTheGate(t *testing.T) {
	r := newRig(t, withAuth())
	waiting := make(chan struct{})
	gates := 0
	out := r.invite(t.Context(), Invite{BeforeSend: func(ctx context.Context) error {
		if gates++; gates == 1 {
			return nil
		}
		close(waiting)
		<-ctx.Done()
		return ctx.Err()
	}})
	r.reply(r.next("INVITE"), 401, "Who are you", "p", "", challenge("WWW-Authenticate", trunkRealm, "n", "SHA-256"))
	<-waiting
	soon, cancel := context.WithTimeout(t.Context(), patience/2)
	defer cancel()
	require.NoError(t, r.agent.Close(soon))
	res := r.result(out)
	require.Equal(t, NotSent, res.End)
	require.Equal(t, avanak.ClassUs, res.Class)
	r.agent = idleAgent(t)
}
