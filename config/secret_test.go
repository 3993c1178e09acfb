package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const withAuth = "auth: {username: avanak}"

func TestPasswordOfTheEnvironmentBeatsItsFile(t *testing.T) {
	clearEnv(t)
	file := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(file, []byte("from-file\r\n"), 0o600))
	both := "auth: {username: avanak, password_file: " + file + "}"
	trunk, err := loadTrunk(t, both)
	require.NoError(t, err)
	require.Equal(t, Secret("from-file"), trunk.Auth.Password)
	t.Setenv("AVANAK_TRUNK_CARRIER_PASSWORD", " hunter2 ")
	trunk, err = loadTrunk(t, both)
	require.NoError(t, err)
	require.Equal(t, Secret(" hunter2 "), trunk.Auth.Password, "as it stands")
	trunk, err = loadTrunk(t, withAuth)
	require.NoError(t, err)
	require.Equal(t, Secret(" hunter2 "), trunk.Auth.Password)
}

func TestVariableOfAPasswordHasTheTrunksName(t *testing.T) {
	for name, want := range map[string]string{"carrier": "CARRIER", "Carrier-2.b": "CARRIER_2_B", "a_b": "A_B", "آ": "_"} {
		require.Equal(t, "AVANAK_TRUNK_"+want+"_PASSWORD", passwordVariable(name))
	}
}

func TestFaultOfAPasswordInTheEnvironmentNamesTheVariable(t *testing.T) {
	for name, tt := range map[string]struct{ value, line, want string }{
		"empty":       {"", withAuth, "invalid: holds no password"},
		"two lines":   {"hunter2\n", withAuth, "invalid: must hold the password and nothing else, in one line"},
		"no username": {"hunter2", "", "invalid: trunk carrier has a password but no auth.username"},
	} {
		t.Run(name, func(t *testing.T) {
			clearEnv(t)
			t.Setenv("AVANAK_TRUNK_CARRIER_PASSWORD", tt.value)
			_, err := loadTrunk(t, tt.line)
			require.EqualError(t, err, "environment AVANAK_TRUNK_CARRIER_PASSWORD: "+tt.want)
		})
	}
}

func TestTwoTrunksDoNotShareAVariable(t *testing.T) {
	clearEnv(t)
	c := Config{Trunks: []Trunk{{Name: "a-b"}, {Name: "a_b"}}}
	require.NoError(t, c.fetchPasswords(map[string]string{}), "which is not set")
	t.Setenv("AVANAK_TRUNK_A_B_PASSWORD", "hunter2")
	err := c.fetchPasswords(map[string]string{})
	require.EqualError(t, err, "invalid: another trunk also takes its password from AVANAK_TRUNK_A_B_PASSWORD")
}

func TestFilesOfATrunkAreLookedInto(t *testing.T) {
	const auth, tls = "auth: {username: avanak, password_file: ", "transport: tls\n    tls: {cert_file: "
	for name, tt := range map[string]struct {
		text, line, want string
	}{
		"empty password":      {"", auth + "FILE}", "8: trunks[0].auth.password_file: invalid: holds no password"},
		"empty line":          {"\n", auth + "FILE}", "8: trunks[0].auth.password_file: invalid: holds no password"},
		"two passwords":       {"hunter2\nhunter3\n", auth + "FILE}", "8: trunks[0].auth.password_file: invalid: must hold the password and nothing else, in one line"},
		"no password at all":  {string(bytes.Repeat([]byte("hunter2"), 200)), auth + "FILE}", "8: trunks[0].auth.password_file: invalid: must be smaller than 1024 bytes"},
		"no certificate":      {"hunter2", tls + "FILE, key_file: DIR/our.key}", "9: trunks[0].tls.cert_file: invalid: must hold our certificate (PEM)"},
		"key for certificate": {"KEY", tls + "FILE, key_file: DIR/our.key}", "9: trunks[0].tls.cert_file: invalid: must hold our certificate (PEM)"},
		"no key":              {"hunter2", tls + "DIR/our.pem, key_file: FILE}", "9: trunks[0].tls.key_file: invalid: must hold the key (PEM, without passphrase) of the certificate in cert_file"},
		"no such key":         {"", tls + "DIR/our.pem, key_file: DIR/none}", "9: trunks[0].tls.key_file: invalid: cannot be read: no such file or directory"},
		"another's key":       {"OTHER", tls + "DIR/our.pem, key_file: FILE}", "9: trunks[0].tls.key_file: invalid: must hold the key (PEM, without passphrase) of the certificate in cert_file"},
	} {
		t.Run(name, func(t *testing.T) {
			clearEnv(t)
			dir, other := writeFiles(t), writeFiles(t)
			file := filepath.Join(dir, "file")
			text := []byte(tt.text)
			var err error
			switch tt.text {
			case "KEY":
				text, err = os.ReadFile(filepath.Join(dir, "our.key"))
			case "OTHER":
				text, err = os.ReadFile(filepath.Join(other, "our.key"))
			}
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(file, text, 0o600))
			line := tt.line
			for from, to := range map[string]string{"FILE": file, "DIR": dir} {
				line = string(bytes.ReplaceAll([]byte(line), []byte(from), []byte(to)))
			}
			_, err = loadTrunk(t, line)
			require.ErrorContains(t, err, "avanak.yaml:"+tt.want)
			require.NotContains(t, err.Error(), "hunter")
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestProductionWantsSecretsToBePrivate(t *testing.T) {
	clearEnv(t)
	const want = "invalid: others may read or write it: let it belong to the gateway's user with mode 0600, or to root with mode 0640"
	dir := writeFiles(t)
	for file, line := range map[string]string{
		"secure.password": "auth: {username: avanak, password_file: " + dir + "/secure.password}",
		"our.key":         "transport: tls\n    tls: {cert_file: " + dir + "/our.pem, key_file: " + dir + "/our.key}",
	} {
		require.NoError(t, os.Chmod(filepath.Join(dir, file), 0o644))
		_, err := loadTrunk(t, line)
		require.NoError(t, err, "in development")
		t.Setenv("AVANAK_ENV", "production")
		_, err = loadTrunk(t, line)
		require.ErrorContains(t, err, want)
		require.NoError(t, os.Chmod(filepath.Join(dir, file), 0o600))
		_, err = loadTrunk(t, line)
		require.NoError(t, err)
		require.NoError(t, os.Unsetenv("AVANAK_ENV"))
	}
}

// info is a file's mode and owner.
type info struct {
	mode  fs.FileMode
	owner uint32
}

func (i info) Name() string       { return "" }
func (i info) Size() int64        { return 0 }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return false }
func (i info) Sys() any           { return &syscall.Stat_t{Uid: i.owner} }

func TestFileIsPrivate(t *testing.T) {
	for i, want := range map[info]bool{
		{0o600, 1000}: true, {0o400, 1000}: true, {0o640, 1000}: false, {0o620, 1000}: false, {0o604, 1000}: false,
		{0o600, 0}: true, {0o640, 0}: true, {0o440, 0}: true, {0o660, 0}: false, {0o644, 0}: false, {0o602, 0}: false,
	} {
		require.Equal(t, want, private(i), "%o of %d", i.mode, i.owner)
	}
}

func TestSecretPrintsAsAMask(t *testing.T) {
	c := Default()
	c.Trunks = []Trunk{{Name: "carrier", Auth: Auth{Username: "avanak", Password: "hunter2"}}}
	encoded, err := json.Marshal(c)
	require.NoError(t, err)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "auth", c.Trunks[0].Auth, "password", c.Trunks[0].Auth.Password)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "auth", c.Trunks[0].Auth, "password", c.Trunks[0].Auth.Password)
	for _, text := range []string{fmt.Sprintf("%v %+v %#v", c, c, c), fmt.Sprintf("%s %q", c.Trunks[0].Auth, c.Trunks[0].Auth.Password),
		string(encoded), log.String()} {
		require.NotContains(t, text, "hunter2")
	}
	require.Contains(t, log.String(), mask)
	require.Empty(t, Secret("").String())
}
