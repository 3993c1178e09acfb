package digest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	offerMD5    = `Digest realm="r", nonce="md5", algorithm=MD5, qop="auth"`
	offerSHA256 = `Digest realm="r", nonce="sha256", algorithm=SHA-256, qop="auth"`
	offerSHA512 = `Digest realm="r", nonce="sha512", algorithm=SHA-512-256, qop="auth"`
)

func TestTheStrongestOfAllChallengesIsAnswered(t *testing.T) { // RFC 8760 section 2.4
	for name, c := range map[string]struct {
		values  []string
		weakest Algorithm
		nonce   string
	}{
		"weakest first":            {values: []string{offerMD5, offerSHA256, offerSHA512}, nonce: "sha512"},
		"strongest first":          {values: []string{offerSHA512, offerSHA256, offerMD5}, nonce: "sha512"},
		"in one header":            {values: []string{offerMD5 + ", " + offerSHA256}, nonce: "sha256"},
		"in one, next in another":  {values: []string{offerMD5 + " ,\t," + offerSHA256, offerSHA512}, nonce: "sha512"},
		"behind other schemes":     {values: []string{`Basic realm="r"`, `Negotiate, NTLM x=y, ` + offerSHA256 + `, Bearer`}, nonce: "sha256"},
		"as strong as demanded":    {values: []string{offerMD5, offerSHA256}, weakest: SHA256, nonce: "sha256"},
		"unknown ones passed over": {values: []string{strings.Replace(offerSHA512, "SHA-512-256", "SHA-3", 1), strings.Replace(offerSHA256, "SHA-256", "SHA-256-sess", 1), offerMD5}, nonce: "md5"},
		"first of equals":          {values: []string{offerMD5, strings.Replace(offerMD5, `"md5"`, `"other"`, 1)}, nonce: "md5"},
		"auth before auth-int":     {values: []string{`Digest realm="r", nonce="int", qop="auth-int"`, `Digest realm="r", nonce="none"`, offerMD5}, nonce: "md5"},
		"auth-int before none":     {values: []string{`Digest realm="r", nonce="none"`, `Digest realm="r", nonce="int", qop="auth-int"`}, nonce: "int"},
		"algorithm before qop":     {values: []string{offerMD5, `Digest realm="r", nonce="none", algorithm=SHA-256`}, nonce: "none"},
		"unknown qop passed over":  {values: []string{strings.Replace(offerSHA256, `"auth"`, `"auth-conf"`, 1), offerMD5}, nonce: "md5"},
		"malformed passed over":    {values: []string{`Digest realm="r", nonce="open`, offerMD5}, nonce: "md5"},
		"foreign realm passed over": {values: []string{strings.Replace(offerSHA512, `"r"`, `"R"`, 1), offerMD5,
			strings.Replace(offerSHA256, `"r"`, `"evil"`, 1)}, nonce: "md5"},
		"any case":           {values: []string{`dIGEST Realm="r",NONCE="x",Algorithm=sha-256,QoP="AUTH",sTale=FALSE`, offerMD5}, nonce: "x"},
		"quoted algorithm":   {values: []string{`Digest realm="r", nonce="x", algorithm="SHA-256", qop="auth"`, offerMD5}, nonce: "x"},
		"folded":             {values: []string{"Digest\r\n realm = \"r\" ,\r\n\tnonce=\"x\""}, nonce: "x"},
		"commas in quotes":   {values: []string{`Digest realm="r", domain="sip:a, Digest realm=\"x\"", nonce="x", charset=UTF-8`}, nonce: "x"},
		"unquoted":           {values: []string{`Digest realm=r, nonce=x`}, nonce: "x"},
		"letters of anybody": {values: []string{`Digest realm="r", nonce="شرکت"`}, nonce: "شرکت"},
	} {
		t.Run(name, func(t *testing.T) {
			x := New(Credentials{Username: "u", Password: "p", Realm: "r", Weakest: c.weakest}).Exchange()
			require.NoError(t, x.Challenged(401, c.values))
			headers := x.Authorize("INVITE", target, []byte("v=0"))
			require.Len(t, headers, 1)
			f, ok := fields(headers[0].Value)
			require.True(t, ok, headers[0].Value)
			require.Equal(t, c.nonce, f["nonce"])
			require.Equal(t, target, f["uri"])
			f["algorithm"] = strings.ToUpper(f["algorithm"])
			require.True(t, fits(f, "INVITE", "v=0", "u", "r", "p"))
		})
	}
}

func TestChallengesThatGetNoAnswer(t *testing.T) {
	many := make([]string, maxChallenges+1)
	for i := range many {
		many[i] = offerMD5
	}
	params := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, ", p%d=x", i)
		}
		return `Digest realm="r", nonce="x"` + b.String()
	}
	for name, c := range map[string]struct {
		status  int
		values  []string
		weakest Algorithm
		want    error
	}{
		"foreign realm":            {401, []string{`Digest realm="evil", nonce="x"`}, "", ErrRealm},
		"our realm in other case":  {407, []string{`Digest realm="R", nonce="x"`}, "", ErrRealm},
		"too weak":                 {401, []string{offerMD5}, SHA256, ErrAlgorithm},
		"too weak by default":      {401, []string{`Digest realm="r", nonce="x"`}, SHA256, ErrAlgorithm},
		"not the strongest":        {401, []string{offerMD5, offerSHA256}, SHA512256, ErrAlgorithm},
		"weak, stronger elsewhere": {401, []string{offerMD5, strings.Replace(offerSHA256, `"r"`, `"evil"`, 1)}, SHA256, ErrAlgorithm},
		"unknown algorithm":        {401, []string{`Digest realm="r", nonce="x", algorithm=SHA-3`}, "", ErrAlgorithm},
		"session":                  {401, []string{`Digest realm="r", nonce="x", algorithm=MD5-sess, qop="auth"`}, "", ErrAlgorithm},
		"AKA":                      {401, []string{`Digest realm="r", nonce="x", algorithm=AKAv1-MD5, qop="auth"`}, "", ErrAlgorithm},
		"unknown qop":              {401, []string{`Digest realm="r", nonce="x", qop="auth-conf"`}, "", ErrAlgorithm},
		"other schemes":            {401, []string{`Basic realm="r"`, "Negotiate"}, "", ErrAlgorithm},
		"no challenge":             {401, nil, "", ErrChallenge},
		"an empty one":             {401, []string{"", " , ,"}, "", ErrChallenge},
		"status 403":               {403, []string{offerMD5}, "", ErrChallenge},
		"no nonce":                 {401, []string{`Digest realm="r"`}, "", ErrChallenge},
		"empty nonce":              {401, []string{`Digest realm="r", nonce=""`}, "", ErrChallenge},
		"no realm":                 {401, []string{`Digest nonce="x"`}, "", ErrChallenge},
		"empty realm":              {401, []string{`Digest realm="", nonce="x"`}, "", ErrChallenge},
		"no scheme":                {401, []string{`realm="r", nonce="x"`}, "", ErrChallenge},
		"no blank":                 {401, []string{`Digest/realm="r", nonce="x"`}, "", ErrChallenge},
		"a second realm":           {401, []string{`Digest realm="r", nonce="x", REALM="r"`}, "", ErrChallenge},
		"no comma":                 {401, []string{`Digest realm="r" nonce="x"`}, "", ErrChallenge},
		"no value":                 {401, []string{`Digest realm="r", nonce="x", opaque=`}, "", ErrChallenge},
		"open quote":               {401, []string{`Digest realm="r", nonce="x`}, "", ErrChallenge},
		"open escape":              {401, []string{`Digest realm="r", nonce="x\`}, "", ErrChallenge},
		"line in nonce":            {401, []string{"Digest realm=\"r\", nonce=\"x\r\nEvil: 1\""}, "", ErrChallenge},
		"escaped line in nonce":    {401, []string{"Digest realm=\"r\", nonce=\"x\\\r\\\nEvil: 1\""}, "", ErrChallenge},
		"line in opaque":           {401, []string{"Digest realm=\"r\", nonce=\"x\", opaque=\"\n\""}, "", ErrChallenge},
		"nul in realm":             {401, []string{"Digest realm=\"r\x00\", nonce=\"x\""}, "", ErrChallenge},
		"rubbish":                  {401, []string{"\x00\xff", `"`, "=", ";"}, "", ErrChallenge},
		"long nonce":               {401, []string{`Digest realm="r", nonce="` + strings.Repeat("x", maxNonce+1) + `"`}, "", ErrChallenge},
		"long opaque":              {401, []string{`Digest realm="r", nonce="x", opaque="` + strings.Repeat("x", maxOpaque+1) + `"`}, "", ErrChallenge},
		"long realm":               {401, []string{`Digest nonce="x", realm="` + strings.Repeat("x", maxRealm+1) + `"`}, "", ErrChallenge},
		"long value":               {401, []string{offerMD5 + `, x="` + strings.Repeat("x", maxValue) + `"`}, "", ErrChallenge},
		"many headers":             {401, many, "", ErrChallenge},
		"many empty headers":       {401, append(make([]string, maxChallenges), offerMD5), "", ErrChallenge},
		"many schemes":             {401, []string{strings.Repeat("Basic, ", maxChallenges) + offerMD5}, "", ErrChallenge},
		"many in one header":       {401, []string{strings.Join(many, ",")}, "", ErrChallenge},
		"many in two headers":      {401, []string{strings.Join(many[:10], ","), strings.Join(many[:10], ",")}, "", ErrChallenge},
		"many parameters":          {401, []string{params(maxParams - 1)}, "", ErrChallenge},
	} {
		t.Run(name, func(t *testing.T) {
			a := New(Credentials{Username: "u", Password: "p", Realm: "r", Weakest: c.weakest})
			x := a.Exchange()
			require.ErrorIs(t, x.Challenged(c.status, c.values), c.want)
			require.Empty(t, x.Authorize("INVITE", target, nil))
			x.Accepted()
			require.Empty(t, a.Exchange().Authorize("INVITE", target, nil))
		})
	}
	x := New(Credentials{Username: "u", Password: "p", Realm: "r"}).Exchange()
	require.NoError(t, x.Challenged(401, []string{params(maxParams - 2)}), "the bound itself is fine")
	require.ErrorIs(t, New(Credentials{}).Exchange().Challenged(401, []string{offerMD5}), ErrNoCredentials)
}

func TestFirstRealmThatAsksIsBound(t *testing.T) {
	a := New(Credentials{Username: "u", Password: "p", Weakest: SHA256})
	require.ErrorIs(t, a.Exchange().Challenged(407, []string{`Digest realm="weak", nonce="x"`}), ErrAlgorithm, "binds nothing")
	x := a.Exchange()
	require.NoError(t, x.Challenged(407, []string{offerSHA256, strings.Replace(offerSHA512, `"r"`, `"s"`, 1)}))
	require.Contains(t, x.Authorize("INVITE", target, nil)[0].Value, `realm="r"`)
	require.ErrorIs(t, a.Exchange().Challenged(401, []string{strings.Replace(offerSHA256, `"r"`, `"s"`, 1)}), ErrRealm)
	require.ErrorIs(t, x.Challenged(407, []string{strings.Replace(offerSHA256, `"r"`, `"s"`, 1)}), ErrRealm, "of a second proxy")
}

func TestWhatTheServerSentIsEchoed(t *testing.T) {
	for name, c := range map[string]struct{ value, has, hasNot string }{
		"spelling":         {`Digest realm="r", nonce="x", algorithm=md5`, `, algorithm=md5, `, ""},
		"no algorithm":     {`Digest realm="r", nonce="x"`, "", "algorithm"},
		"opaque":           {`Digest realm="r", nonce="x", opaque="5c\\c"`, `opaque="5c\\c"`, ""},
		"empty opaque":     {`Digest realm="r", nonce="x", opaque=""`, `opaque=""`, ""},
		"no opaque":        {`Digest realm="r", nonce="x"`, "", "opaque"},
		"no userhash":      {`Digest realm="r", nonce="x", userhash=true`, `username="u"`, "userhash"},
		"no qop, no count": {`Digest realm="r", nonce="x"`, "", "nc="},
	} {
		t.Run(name, func(t *testing.T) {
			x := New(Credentials{Username: "u", Password: "p"}).Exchange()
			require.NoError(t, x.Challenged(401, []string{c.value}))
			got := x.Authorize("INVITE", target, nil)[0].Value
			require.Contains(t, got, c.has)
			if c.hasNot != "" {
				require.NotContains(t, got, c.hasNot)
			}
		})
	}
}

func FuzzChallenge(f *testing.F) {
	for _, v := range []string{offerMD5, offerMD5 + ", " + offerSHA256 + "\x01" + offerSHA512, `Basic realm="x", Digest realm="a\"b", nonce="\\", opaque=""`,
		"Digest realm=\"r\", nonce=\"x\r\nEvil: 1\"", `Digest realm=r,nonce=x,stale=true,qop="auth-int"`, `Digest realm="`, ",,=", "Digest"} {
		f.Add(v, "avanak", target)
	}
	f.Fuzz(func(t *testing.T, values, user, uri string) {
		a := New(Credentials{Username: user, Password: "hidden-password"})
		x := a.Exchange()
		err := x.Challenged(407, strings.Split(values, "\x01"))
		if err != nil {
			require.NotContains(t, strings.TrimPrefix(err.Error(), "answer 407: digest: "), "\n")
			require.Empty(t, x.Authorize("INVITE", uri, nil))
			return
		}
		for _, h := range x.Authorize("INVITE", uri, []byte("v=0")) {
			require.False(t, strings.ContainsFunc(h.Value, func(r rune) bool { return r < ' ' || r == 0x7f }), h.Value)
			require.Equal(t, "Proxy-Authorization", h.Name)
			got, ok := fields(h.Value)
			require.True(t, ok, h.Value)
			require.Equal(t, []string{user, uri}, []string{got["username"], got["uri"]})
			require.NotEmpty(t, got["realm"])
			require.NotEmpty(t, got["nonce"])
			got["algorithm"] = strings.ToUpper(got["algorithm"])
			require.True(t, fits(got, "INVITE", "v=0", user, got["realm"], "hidden-password"), h.Value)
			// Our own reader agrees with the carrier's about where things begin and end.
			offers, ok := readOffers(h.Value)
			require.True(t, ok || len(h.Value) > maxValue, h.Value)
			if ok {
				require.Len(t, offers, 1)
				require.Equal(t, got["nonce"], offers[0].params["nonce"])
			}
		}
	})
}
