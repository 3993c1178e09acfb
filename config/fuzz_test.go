package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	require.NoError(f, err)
	for _, path := range append(files, sample) {
		text, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(string(text))
	}
	for _, text := range []string{"", "~", "--- ", "%YAML 1.2\n---\nenv: x\n", "? a\n: b\n", "<<: {env: x}\n", "\x00", "\xff\xfe",
		"env: |\n  production\n", "trunks: [~]\n", "trunks:\n- {rtp: ~, callers: [~]}\n", "env: 'a\r\nb'\n",
		"trunks:\n- {name: \"a\\nb\", cps: 1, channels: 1, callers: [\"+989120009999\"]}\n", "trunks:\n- {auth: {\"-\": x}}\n",
		"trunks:\n- {auth: {password: y}, options: off, session: 0}\n", "\"a\rb\": 1\n\"a\rb\": 2\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := Default()
		err := decode("avanak.yaml", []byte(text), &c)
		if err == nil {
			if err = c.Validate(); err != nil {
				err = locate("avanak.yaml", []byte(text), nil, err)
			}
		}
		if err != nil {
			require.True(t, strings.HasPrefix(err.Error(), "avanak.yaml:"), err)
			require.False(t, strings.ContainsAny(err.Error(), "\r\n"), "%q", err.Error())
		}
	})
}
