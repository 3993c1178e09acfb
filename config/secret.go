package config

import (
	"os"
	"strconv"
	"strings"
)

// Secret is a text that is shown to nobody: it prints as a mask.
type Secret string

const mask = "(secret)"

// String hides the text.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return mask
}

// GoString hides the text from %#v.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// MarshalText hides the text from encoders, and so from log handlers.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// maxSecret bounds a file that holds a password.
const maxSecret = 1 << 10

// passwordVariable names the environment variable that may hold a trunk's password.
func passwordVariable(trunk string) string {
	return "AVANAK_TRUNK_" + strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(trunk)) + "_PASSWORD"
}

// fetchPasswords gives each trunk its password, from the environment or else from its file, and notes in from which
// variables had a say.
func (c *Config) fetchPasswords(from map[string]string) error {
	heir := make(map[string]string) // of a variable: the trunk that took it
	for i := range c.Trunks {
		t, at := &c.Trunks[i], "$.trunks["+strconv.Itoa(i)+"].auth"
		variable := passwordVariable(t.Name)
		v, ok := os.LookupEnv(variable)
		switch {
		case ok:
			if other, taken := heir[variable]; taken && other != t.Name {
				return broken("$.trunks["+strconv.Itoa(i)+"].name", "another trunk also takes its password from %s", variable)
			}
			heir[variable], from[at+".password"] = t.Name, variable
			if fault := faultOfPassword(v); fault != "" {
				return broken(at+".password", "%s", fault)
			}
			t.Auth.Password = Secret(v)
		case t.Auth.PasswordFile != "":
			text, fault := c.readPrivate(t.Auth.PasswordFile, maxSecret)
			if fault == "" {
				t.Auth.Password = Secret(strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"))
				fault = faultOfPassword(string(t.Auth.Password))
			}
			if fault != "" {
				return broken(at+".password_file", "%s", fault)
			}
		}
	}
	return nil
}

// faultOfPassword says what is wrong with a password, or "".
func faultOfPassword(password string) string {
	switch {
	case password == "":
		return "holds no password"
	case strings.ContainsAny(password, "\r\n\x00"):
		return "must hold the password and nothing else, in one line"
	}
	return ""
}
