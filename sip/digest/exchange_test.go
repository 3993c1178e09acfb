package digest

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/icholy/digest"
	"github.com/stretchr/testify/require"
)

const target = "sip:+989120000001@carrier.example;user=phone"

func newCarrier() *carrier {
	return &carrier{user: "avanak", password: `s3cret "q:`, realm: "carrier.example", algorithms: []string{"MD5"},
		qop: `, qop="auth"`, status: 407}
}

func (c *carrier) credentials() Credentials {
	return Credentials{Username: c.user, Password: c.password, Realm: c.realm}
}

func TestVectorsOfRFC7616(t *testing.T) { // section 3.9.1
	for algorithm, response := range map[string]string{
		"MD5":     "8ca523f5e9506fed4657c9700eebdbec",
		"SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		t.Run(algorithm, func(t *testing.T) {
			a := New(Credentials{Username: "Mufasa", Password: "Circle of Life", Realm: "http-auth@example.org"})
			a.cnonce = func() string { return "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ" }
			x := a.Exchange()
			require.NoError(t, x.Challenged(401, []string{`Digest realm="http-auth@example.org", qop="auth, auth-int", ` +
				`algorithm=` + algorithm + `, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", ` +
				`opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`}))
			require.Equal(t, []Header{{"Authorization", `Digest username="Mufasa", realm="http-auth@example.org", ` +
				`nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", uri="/dir/index.html", algorithm=` + algorithm +
				`, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", ` +
				`opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", qop=auth, nc=00000001, response="` + response + `"`}},
				x.Authorize("GET", "/dir/index.html", nil))
		})
	}
}

func TestEveryAlgorithmAndQOPIsLetIn(t *testing.T) {
	for _, status := range []int{401, 407} {
		for _, algorithm := range []string{"MD5", "SHA-256", "SHA-512-256"} {
			for _, qop := range []string{"", `, qop="auth"`, `, qop=auth`, `, qop="auth-int"`, `, qop="auth-int , AUTH"`, `, qop=""`} {
				t.Run(fmt.Sprint(status, algorithm, qop), func(t *testing.T) {
					c := newCarrier()
					c.status, c.algorithms, c.qop = status, []string{algorithm}, qop
					a := New(c.credentials())
					with, without, err := place(a, c, "INVITE", target, "v=0\r\n")
					require.NoError(t, err)
					require.Equal(t, []int{1, 1}, []int{with, without})
					with, without, err = place(a, c, "BYE", "sip:x@192.0.2.1", "")
					require.NoError(t, err)
					require.Equal(t, []int{1, 0}, []int{with, without}, "the nonce serves the next exchange in advance")
				})
			}
		}
	}
}

func TestAnotherImplementationAgrees(t *testing.T) {
	value := `Digest realm="r", nonce="n", opaque="o", algorithm=SHA-256, qop="auth"`
	x := New(Credentials{Username: "u", Password: "p"}).Exchange()
	require.NoError(t, x.Challenged(401, []string{value}))
	got, err := digest.ParseCredentials(x.Authorize("INVITE", target, nil)[0].Value)
	require.NoError(t, err)
	asked, err := digest.ParseChallenge(value)
	require.NoError(t, err)
	want, err := digest.Digest(asked, digest.Options{Method: "INVITE", URI: target, Username: "u", Password: "p",
		Count: 1, Cnonce: got.Cnonce})
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestWrongPasswordEnds(t *testing.T) {
	for _, algorithm := range []string{"MD5", "SHA-256"} {
		c := newCarrier()
		c.algorithms = []string{algorithm}
		wrong := c.credentials()
		wrong.Password = "other"
		a := New(wrong)
		for range 3 {
			with, _, err := place(a, c, "INVITE", target, "")
			require.ErrorIs(t, err, ErrRejected)
			require.Equal(t, 1, with, "a nonce that was never accepted is not used in advance")
		}
	}
	t.Run("changed while we run", func(t *testing.T) {
		c := newCarrier()
		a := New(c.credentials())
		_, _, err := place(a, c, "INVITE", target, "")
		require.NoError(t, err)
		c.password = "other"
		with, without, err := place(a, c, "INVITE", target, "")
		require.ErrorIs(t, err, ErrRejected)
		require.Equal(t, []int{2, 0}, []int{with, without})
		with, without, err = place(a, c, "INVITE", target, "")
		require.ErrorIs(t, err, ErrRejected)
		require.Equal(t, []int{1, 1}, []int{with, without}, "the refused nonce is forgotten")
	})
}

func TestPlainRefusalOfAnAnswerIsRejected(t *testing.T) {
	x := New(Credentials{Username: "u", Password: "p"}).Exchange()
	require.ErrorIs(t, x.Challenged(401, nil), ErrChallenge, "nobody asked yet")
	require.NoError(t, x.Challenged(401, []string{`Digest realm="r", nonce="1"`}))
	x.Authorize("INVITE", target, nil)
	require.ErrorIs(t, x.Challenged(401, nil), ErrRejected)
}

func TestExpiredNonceIsNoWordAboutThePassword(t *testing.T) {
	for _, mute := range []bool{false, true} {
		t.Run("mute="+strconv.FormatBool(mute), func(t *testing.T) {
			c := newCarrier()
			c.mute = mute
			a := New(c.credentials())
			for range 3 {
				_, _, err := place(a, c, "INVITE", target, "")
				require.NoError(t, err)
				c.expire()
			}
			with, without, err := place(a, c, "INVITE", target, "")
			require.NoError(t, err)
			require.Equal(t, []int{2, 0}, []int{with, without})
		})
	}
}

func TestSameNonceAgainIsJudgedByWhoseItWas(t *testing.T) {
	again := []string{`Digest realm="r", nonce="same", qop="auth"`}
	a := New(Credentials{Username: "u", Password: "p"})
	first := a.Exchange()
	require.NoError(t, first.Challenged(407, again))
	first.Authorize("INVITE", target, nil)
	first.Accepted()

	second := a.Exchange()
	require.Contains(t, second.Authorize("INVITE", target, nil)[0].Value, "nc=00000002")
	require.NoError(t, second.Challenged(407, again), "used in advance: many calls on the way may have come out of order")
	require.Contains(t, second.Authorize("INVITE", target, nil)[0].Value, "nc=00000003", "the count goes on")
	require.ErrorIs(t, second.Challenged(407, again), ErrRejected)
	require.Empty(t, a.Exchange().Authorize("INVITE", target, nil), "a refused nonce serves nobody")
}

func TestStaleEarnsOneRetry(t *testing.T) {
	a := New(Credentials{Username: "u", Password: "p"})
	x := a.Exchange()
	stale := func(n int) []string {
		return []string{fmt.Sprintf(`Digest realm="r", nonce="%d", stale=True, qop="auth"`, n)}
	}
	require.NoError(t, x.Challenged(401, stale(1)), "nothing of ours was refused")
	require.Contains(t, x.Authorize("INVITE", target, nil)[0].Value, `nonce="1"`)
	require.NoError(t, x.Challenged(401, stale(2)))
	require.Contains(t, x.Authorize("INVITE", target, nil)[0].Value, `nonce="2"`)
	require.ErrorIs(t, x.Challenged(401, stale(3)), ErrStale)
	require.NotErrorIs(t, x.Challenged(401, stale(4)), ErrRejected)
}

func TestProxyAndServerBothAsk(t *testing.T) {
	a := New(Credentials{Username: "u", Password: "p"})
	x := a.Exchange()
	require.NoError(t, x.Challenged(407, []string{`Digest realm="r", nonce="proxy", qop="auth"`}))
	require.Len(t, x.Authorize("INVITE", target, nil), 1)
	require.NoError(t, x.Challenged(401, []string{`Digest realm="r", nonce="server", qop="auth"`}), "a first answer to each")
	both := x.Authorize("INVITE", target, nil)
	require.Len(t, both, 2)
	require.Equal(t, "Authorization", both[0].Name)
	require.Contains(t, both[0].Value, `nonce="server"`)
	require.Equal(t, "Proxy-Authorization", both[1].Name)
	require.Contains(t, both[1].Value, `nonce="proxy"`)
	x.Accepted()
	require.Len(t, a.Exchange().Authorize("BYE", target, nil), 2)
	require.Empty(t, a.Exchange().Authorize("REGISTER", target, nil), "registrations keep their own")
}

func TestOlderNonceDoesNotTakeThePlaceOfANewerOne(t *testing.T) {
	a := New(Credentials{Username: "u", Password: "p"})
	older, newer := a.Exchange(), a.Exchange()
	require.NoError(t, older.Challenged(407, []string{`Digest realm="r", nonce="older", qop="auth"`}))
	require.NoError(t, newer.Challenged(407, []string{`Digest realm="r", nonce="newer", qop="auth"`}))
	require.Contains(t, older.Authorize("INVITE", target, nil)[0].Value, `nonce="older"`, "each answers its own challenge")
	require.Contains(t, newer.Authorize("INVITE", target, nil)[0].Value, `nonce="newer"`)
	require.Empty(t, a.Exchange().Authorize("INVITE", target, nil), "nothing is shared before it was accepted")
	newer.Accepted()
	older.Accepted()
	refused := a.Exchange()
	require.Contains(t, refused.Authorize("INVITE", target, nil)[0].Value, `nonce="newer"`)
	require.NoError(t, refused.Challenged(407, []string{`Digest realm="r", nonce="newest", qop="auth"`}))
	newer.Accepted() // its 200 after its 180
	require.Empty(t, a.Exchange().Authorize("INVITE", target, nil), "what was refused since stays forgotten")
}

func TestUsedUpNonceCountIsNotUsedAgain(t *testing.T) {
	x := New(Credentials{Username: "u", Password: "p"}).Exchange()
	require.NoError(t, x.Challenged(401, []string{`Digest realm="r", nonce="1", qop="auth"`}))
	x.own[server].uses.n = ^uint32(0) - 1
	require.Contains(t, x.Authorize("INVITE", target, nil)[0].Value, "nc=ffffffff")
	require.Empty(t, x.Authorize("INVITE", target, nil))
}

func TestLedgerIsBoundedAndKeepsWhatIsInUse(t *testing.T) {
	a := New(Credentials{Username: "u", Password: "p"})
	answer := func(nonce string) string {
		x := a.Exchange()
		require.NoError(t, x.Challenged(407, []string{`Digest realm="r", nonce="` + nonce + `", qop="auth"`}))
		return x.Authorize("INVITE", target, nil)[0].Value
	}
	kept := a.Exchange()
	require.NoError(t, kept.Challenged(407, []string{`Digest realm="r", nonce="kept", qop="auth"`}))
	kept.Authorize("INVITE", target, nil)
	kept.Accepted()
	for i := range 2 * maxNonces {
		require.Contains(t, answer(strconv.Itoa(i)), "nc=00000001")
	}
	require.Len(t, a.ledger.uses, maxNonces)
	require.Len(t, a.ledger.order, maxNonces)
	require.Contains(t, answer(strconv.Itoa(maxNonces)), "nc=00000002", "the oldest that is remembered")
	require.Contains(t, answer("kept"), "nc=00000002", "cached, however old")
}

func TestCallsAtOnce(t *testing.T) {
	const (
		callers = 64
		calls   = 20
	)
	for name, change := range map[string]func(*carrier){
		"any order":       func(*carrier) {},
		"strict order":    func(c *carrier) { c.ordered = true },
		"never stale":     func(c *carrier) { c.ordered, c.mute = true, true },
		"one-time nonces": func(c *carrier) { c.once, c.mute = true, true },
		"auth-int by 401": func(c *carrier) { c.qop, c.status = `, qop="auth-int"`, 401 },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCarrier()
			change(c)
			a := New(c.credentials())
			faults := make(chan error, callers*calls)
			var wg sync.WaitGroup
			for i := range callers {
				wg.Go(func() {
					for j := range calls {
						with, without, err := place(a, c, "INVITE", fmt.Sprintf("sip:%d.%d@x", i, j), "v=0")
						if err == nil && (with > 2 || with+without > 2) {
							err = fmt.Errorf("%d and %d requests", with, without)
						}
						faults <- err
					}
				})
			}
			wg.Wait()
			close(faults)
			for err := range faults {
				require.NoError(t, err)
			}
			require.Zero(t, c.replays, "no nonce count came twice")
			require.Zero(t, c.wrong)
			if !c.ordered && !c.once {
				require.LessOrEqual(t, c.asked, callers*calls+callers, "at most the first of each caller was challenged")
			}
		})
	}
}

func TestOneNonceForAllCallsIsCountedOnce(t *testing.T) {
	const callers = 200
	a := New(Credentials{Username: "u", Password: "p"})
	got := make(chan string, callers)
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			x := a.Exchange()
			if x.Challenged(407, []string{`Digest realm="r", nonce="static", qop="auth"`}) != nil {
				return
			}
			got <- x.Authorize("INVITE", target, nil)[0].Value
			x.Accepted()
		})
	}
	wg.Wait()
	close(got)
	counts, cnonces := map[string]bool{}, map[string]bool{}
	for value := range got {
		f, ok := fields(value)
		require.True(t, ok)
		counts[f["nc"]], cnonces[f["cnonce"]] = true, true
	}
	require.Len(t, cnonces, callers)
	for n := range callers {
		require.Contains(t, counts, fmt.Sprintf("%08x", n+1))
	}
}

func TestNoHeaderIsInjected(t *testing.T) {
	a := New(Credentials{Username: `u"\`, Password: "p", Realm: `r "x", nonce="y\`})
	x := a.Exchange()
	require.NoError(t, x.Challenged(401, []string{`Digest realm="r \"x\", nonce=\"y\\", nonce="a\"b\\c", opaque="\"" , qop="auth"`}))
	headers := x.Authorize("INVITE", `sip:"x`, nil)
	f, ok := fields(headers[0].Value)
	require.True(t, ok, headers[0].Value)
	require.Equal(t, []string{`u"\`, `r "x", nonce="y\`, `a"b\c`, `"`, `sip:"x`},
		[]string{f["username"], f["realm"], f["nonce"], f["opaque"], f["uri"]})
	require.True(t, fits(f, "INVITE", "", `u"\`, `r "x", nonce="y\`, "p"))

	require.Empty(t, x.Authorize("INVITE", "sip:x\r\nEvil: 1", nil))
	y := New(Credentials{Username: "u\r\nEvil: 1", Password: "p"}).Exchange()
	require.NoError(t, y.Challenged(401, []string{`Digest realm="r", nonce="1"`}))
	require.Empty(t, y.Authorize("INVITE", target, nil))
}

func TestErrorsHoldNoTextOfTheChallenge(t *testing.T) {
	x := New(Credentials{Username: "u", Password: "hidden", Realm: "ours"}).Exchange()
	for _, v := range []string{`Digest realm="evil"`, `Digest realm="evil", nonce="1"`, `evil`, `Digest realm="ours", nonce="evil", algorithm=evil`} {
		err := x.Challenged(401, []string{v})
		require.Error(t, err)
		require.NotContains(t, err.Error(), "evil")
		require.NotContains(t, err.Error(), "hidden")
		require.True(t, strings.HasPrefix(err.Error(), "answer 401: digest: "), err)
	}
}
