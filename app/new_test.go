package app

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/config"
	"github.com/avanak/avanak/internal/redistest"
	"github.com/avanak/avanak/sip/siptest"
)

func TestSecondGatewayOnADirectoryIsRefused(t *testing.T) {
	cfg := loopbackConfig(t)
	first, err := open(t, cfg, Options{})
	require.NoError(t, err)
	_, err = open(t, cfg, Options{})
	require.ErrorIs(t, err, avanak.ErrConflict)
	require.ErrorContains(t, err, "another gateway (process "+strconv.Itoa(os.Getpid())+") uses this directory")
	require.NoError(t, first.Close())
	again, err := open(t, cfg, Options{})
	require.NoError(t, err, "the directory is free again")
	require.NoError(t, again.Close())
}

func TestProductionRefusesWhatForgetsOrCallsNobody(t *testing.T) {
	farm, err := siptest.New(siptest.Config{})
	require.NoError(t, err)
	t.Cleanup(farm.Close)
	for name, tt := range map[string]struct {
		change func(t *testing.T, cfg *config.Config)
		want   string
		is     error
	}{
		"no trunk": {func(_ *testing.T, cfg *config.Config) { cfg.Trunks = nil },
			"configuration: invalid: env: production needs a trunk", avanak.ErrInvalid},
		"redis without AOF": {func(t *testing.T, cfg *config.Config) {
			t.Helper()
			cfg.Redis.URL = "unix://" + redistest.Start(t).Socket()
		},
			"invalid: env: production refuses a store that forgets: store durability volatile", avanak.ErrInvalid},
		"no redis-server": {func(t *testing.T, _ *config.Config) {
			t.Helper()
			t.Setenv("PATH", t.TempDir())
		},
			"install redis-server", avanak.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := loopbackConfig(t)
			cfg.Env, cfg.Trunks = "production", []config.Trunk{trunkTo(farm)}
			tt.change(t, &cfg)
			_, err := open(t, cfg, Options{})
			require.ErrorIs(t, err, tt.is)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestVolatileStoreIsAnnounced(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	var out bytes.Buffer
	g, err := open(t, loopbackConfig(t), Options{Out: &out})
	require.NoError(t, err)
	require.Contains(t, out.String(), "THE STORE IS VOLATILE")
	require.Equal(t, "volatile", g.StoreKind())
	require.Contains(t, strings.Join(g.Describe(), "\n"), "store: volatile; store durability volatile")
	require.NoError(t, g.Close())

	cfg := loopbackConfig(t)
	cfg.Redis.RequireDurable = true
	_, err = open(t, cfg, Options{})
	require.ErrorIs(t, err, avanak.ErrUnavailable)
}

// What a failed start had opened is closed again: goroutines are TestMain's to see.
func TestFailedStartLeavesNothingBehind(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = tcp.Close(), udp.Close() })
	farm, err := siptest.New(siptest.Config{})
	require.NoError(t, err)
	t.Cleanup(farm.Close)
	for name, tt := range map[string]struct {
		change func(t *testing.T, cfg *config.Config)
		want   string
		store  bool // the store had been started by then
	}{
		"api port is taken": {func(_ *testing.T, cfg *config.Config) { cfg.HTTP.Listen = tcp.Addr().String() },
			"http.listen " + tcp.Addr().String() + ": ", true},
		"admin port is taken": {func(_ *testing.T, cfg *config.Config) { cfg.Admin.Listen = tcp.Addr().String() },
			"admin.listen " + tcp.Addr().String() + ": ", true},
		"second trunk's port is taken": {func(_ *testing.T, cfg *config.Config) {
			second := trunkTo(farm)
			second.Name, second.Bind = "second", udp.LocalAddr().String()
			cfg.Trunks = []config.Trunk{trunkTo(farm), second}
		}, "trunk second: start trunk second: ", true},
		"blobs cannot be stored": {func(t *testing.T, cfg *config.Config) {
			t.Helper()
			require.NoError(t, os.WriteFile(filepath.Join(cfg.Data, "blobs"), nil, 0o600))
		}, "blobs", true},
		"key file is a directory": {func(t *testing.T, cfg *config.Config) {
			t.Helper()
			require.NoError(t, os.Mkdir(filepath.Join(cfg.Data, "operator.key"), 0o700))
		}, "operator key: ", true},
		"data is a file": {func(t *testing.T, cfg *config.Config) {
			t.Helper()
			cfg.Data = filepath.Join(cfg.Data, "file")
			require.NoError(t, os.WriteFile(cfg.Data, nil, 0o600))
		}, "data directory: ", false},
		"redis is not there": {func(t *testing.T, cfg *config.Config) {
			t.Helper()
			cfg.Redis.URL = "unix://" + filepath.Join(t.TempDir(), "none")
		}, "probe redis: ", false},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := loopbackConfig(t)
			good := cfg
			tt.change(t, &cfg)
			before := sockets(t)
			g, err := open(t, cfg, Options{})
			require.ErrorContains(t, err, tt.want)
			require.Nil(t, g.App)
			require.Equal(t, before, sockets(t), "sockets are left")
			pid := regexp.MustCompile(`"redis server is up".*"pid":(\d+)`).FindStringSubmatch(g.logs.String())
			require.Equal(t, tt.store, pid != nil)
			if tt.store {
				require.ErrorIs(t, syscall.Kill(processID(t, pid[1]), 0), syscall.ESRCH, "redis-server is left")
				_ = os.Remove(filepath.Join(good.Data, "blobs"))
				_ = os.Remove(filepath.Join(good.Data, "operator.key"))
				again, err := open(t, good, Options{})
				require.NoError(t, err, "the directory is free again")
				require.NoError(t, again.Close())
			}
		})
	}
}

// sockets counts the sockets of this process.
func sockets(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	n := 0
	for _, f := range files {
		if at, err := os.Readlink("/proc/self/fd/" + f.Name()); err == nil && strings.HasPrefix(at, "socket:") {
			n++
		}
	}
	return n
}

func TestDescriptionSaysWhereCallsGo(t *testing.T) {
	farm, err := siptest.New(siptest.Config{})
	require.NoError(t, err)
	t.Cleanup(farm.Close)
	cfg := loopbackConfig(t)
	sandbox, err := open(t, cfg, Options{})
	require.NoError(t, err)
	text := strings.Join(sandbox.Describe(), "\n")
	for _, want := range []string{"avanak ", "(development)", "store: embedded; store durability always", "trunk: SANDBOX (20 calls/s, 300 channels)",
		"nobody is called", "operator key: " + sandbox.OperatorKeyFile() + " (new)", "api: " + sandbox.URL(), "admin: " + sandbox.AdminURL()} {
		require.Contains(t, text, want)
	}
	require.NoError(t, sandbox.Close())

	cfg.Trunks = []config.Trunk{trunkTo(farm)}
	cfg.Trunks[0].Targets = append(cfg.Trunks[0].Targets, "192.0.2.10")
	carrier, err := open(t, cfg, Options{})
	require.NoError(t, err)
	text = strings.Join(carrier.Describe(), "\n")
	require.Contains(t, text, "trunk: farm to "+farm.Addr().String()+", 192.0.2.10 by udp (50 calls/s, 50 channels)")
	require.NotContains(t, text, "SANDBOX")
	require.NotContains(t, text, "(new)", "the key of the first start is still good")
	require.NoError(t, carrier.Close())
}

func TestCallersAreThoseOfAllTrunksOnceEach(t *testing.T) {
	const first, second = "+989120009999", "+989120009998"
	a := &App{cfg: config.Config{Trunks: []config.Trunk{{Callers: []string{first, second}}, {Callers: []string{"09120009998"}, CallerPool: true}}}}
	var shown []string
	for _, n := range a.callers() {
		shown = append(shown, n.E164())
	}
	require.Equal(t, []string{first, second}, shown)
	require.Nil(t, (&App{}).callers(), "on the sandbox any will do")
}
