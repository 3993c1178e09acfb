package digest

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Credentials are what a trunk knows us by. However they are printed, logged or encoded, the password stays out; but fmt
// asks no methods of an unexported field, so whoever keeps Credentials in one must not be printed whole.
type Credentials struct {
	Username string
	Password string
	Realm    string    // the only realm that gets an answer; "" binds to the first that asks, so better name it
	Weakest  Algorithm // a challenge that offers nothing as strong gets no answer; "" means MD5
}

// Bounds of Credentials, in bytes.
const (
	maxUsername = 128
	maxPassword = 256
	maxRealm    = 256 // of challenges too
)

// Validate names the first rule that the credentials break, and never holds the password. Whoever owns the configuration
// adds which trunk it is, and avanak.ErrInvalid.
func (c Credentials) Validate() error {
	switch {
	case c.Username == "" || len(c.Username) > maxUsername || !plain(c.Username):
		return fmt.Errorf("digest username must be 1 to %d bytes, printable, without quotes and backslashes", maxUsername)
	case c.Password == "" || len(c.Password) > maxPassword || !printable(c.Password):
		return fmt.Errorf("digest password must be 1 to %d bytes, printable", maxPassword)
	case len(c.Realm) > maxRealm || !plain(c.Realm):
		return fmt.Errorf("digest realm must be at most %d bytes, printable, without quotes and backslashes", maxRealm)
	case c.Weakest != "" && c.Weakest.strength() == 0:
		return fmt.Errorf("digest algorithm must be %s, %s or %s", MD5, SHA256, SHA512256)
	}
	return nil
}

// printable tells whether s is text without control characters; spaces are fine.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// plain tells whether s may stand between quotes as it is: servers differ in what they make of escapes.
func plain(s string) bool { return printable(s) && !strings.ContainsAny(s, `"\`) }

// permits tells whether an algorithm is known and strong enough.
func (c Credentials) permits(a Algorithm) bool {
	return a.strength() >= max(c.Weakest.strength(), MD5.strength())
}

// masked stands where the password was.
const masked = "***"

// String names user and realm.
func (c Credentials) String() string {
	return fmt.Sprintf("digest user %q realm %q weakest %q password %s", c.Username, c.Realm, string(c.Weakest), masked)
}

// GoString is String: %#v shows no password either.
func (c Credentials) GoString() string { return c.String() }

// Format writes String for every verb: those that do not ask for a String (%d, %t) would print the fields.
func (c Credentials) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, c.String()) // a fmt.State keeps its own error
}

// LogValue shows user, realm and the weakest algorithm.
func (c Credentials) LogValue() slog.Value {
	return slog.GroupValue(slog.String("username", c.Username), slog.String("realm", c.Realm),
		slog.String("weakest", string(c.Weakest)))
}

// MarshalText writes String.
func (c Credentials) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// MarshalJSON writes an object with everything but the password.
func (c Credentials) MarshalJSON() ([]byte, error) {
	b, err := json.Marshal(map[string]string{"username": c.Username, "realm": c.Realm, "weakest": string(c.Weakest),
		"password": masked})
	if err != nil {
		return nil, fmt.Errorf("encode digest credentials: %w", err)
	}
	return b, nil
}
