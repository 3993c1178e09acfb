package digest

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNothingPrintsThePassword(t *testing.T) {
	const password = "zq7Secret"
	c := Credentials{Username: "avanak", Password: password, Realm: "carrier.example"}
	a := New(c)
	x := a.Exchange()
	require.NoError(t, x.Challenged(401, []string{`Digest realm="carrier.example", nonce="1"`}))
	x.Authorize("INVITE", target, nil)
	type holder struct{ Auth Credentials }
	leaks := []string{password, fmt.Sprintf("%x", password), fmt.Sprintf("%X", password), fmt.Sprintf("%d", []byte(password))}
	check := func(got string) {
		t.Helper()
		for _, leak := range leaks {
			require.NotContains(t, got, leak)
		}
	}
	for _, v := range []any{c, &c, holder{c}, &holder{c}, []Credentials{c}, map[string]Credentials{"x": c}, a, x, struct{ A *Answerer }{a}} {
		// Not %p and %w: fmt takes them as mistakes before it asks for methods, and vet refuses both.
		for _, verb := range []string{"%v", "%+v", "%#v", "%q", "%s", "%d", "%x", "%X", "% x", "%t", "%f", "%c", "%U", "%o", "%b", "%e", "%T", "%10.3v", "%"} {
			check(fmt.Sprintf(verb, v))
		}
		check(fmt.Errorf("trunk: %v", v).Error())
		b, err := json.Marshal(v)
		require.NoError(t, err)
		check(string(b))
		for _, handler := range []func(*bytes.Buffer) slog.Handler{
			func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
			func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		} {
			var out bytes.Buffer
			slog.New(handler(&out)).Info("trunk", "auth", v)
			require.NotEmpty(t, out.String())
			check(out.String())
		}
	}
	b, err := xml.Marshal(holder{c})
	require.NoError(t, err)
	check(string(b))
	require.Equal(t, `digest user "avanak" realm "carrier.example" weakest "" password ***`, fmt.Sprint(c))
	require.Equal(t, c.String(), c.GoString())
	require.Equal(t, c.String(), a.String())
}

func TestCredentialsAreChecked(t *testing.T) {
	good := Credentials{Username: "98912000@carrier.example", Password: `pass "word" \ گذر`, Realm: "carrier.example", Weakest: SHA256}
	require.NoError(t, good.Validate())
	require.NoError(t, Credentials{Username: "u", Password: "p"}.Validate())
	require.NoError(t, Credentials{Username: strings.Repeat("u", maxUsername), Password: strings.Repeat("p", maxPassword),
		Realm: strings.Repeat("r", maxRealm)}.Validate())
	for name, change := range map[string]func(*Credentials){
		"no user":            func(c *Credentials) { c.Username = "" },
		"long user":          func(c *Credentials) { c.Username = strings.Repeat("u", maxUsername+1) },
		"quote in user":      func(c *Credentials) { c.Username = `a"b` },
		"backslash in user":  func(c *Credentials) { c.Username = `a\b` },
		"line in user":       func(c *Credentials) { c.Username = "a\r\nb" },
		"no password":        func(c *Credentials) { c.Password = "" },
		"long password":      func(c *Credentials) { c.Password = strings.Repeat("p", maxPassword+1) },
		"line in password":   func(c *Credentials) { c.Password = "zq7Secret\n" },
		"no text":            func(c *Credentials) { c.Password = "zq7Secret\xff" },
		"long realm":         func(c *Credentials) { c.Realm = strings.Repeat("r", maxRealm+1) },
		"quote in realm":     func(c *Credentials) { c.Realm = `a"b` },
		"nul in realm":       func(c *Credentials) { c.Realm = "a\x00" },
		"unknown algorithm":  func(c *Credentials) { c.Weakest = "SHA-1" },
		"algorithm by nick":  func(c *Credentials) { c.Weakest = "sha256" },
		"session algorithm":  func(c *Credentials) { c.Weakest = "MD5-sess" },
		"direction override": func(c *Credentials) { c.Username = "a\u202eb" },
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			change(&c)
			err := c.Validate()
			require.Error(t, err)
			require.NotContains(t, err.Error(), "zq7Secret")
		})
	}
}
