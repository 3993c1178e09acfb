package queue

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// scriptHeaders returns the first line of each script, preludes excepted, by its name.
func scriptHeaders(t *testing.T) map[string]string {
	t.Helper()
	headers := make(map[string]string)
	for name, body := range scriptTexts(t) {
		if !strings.HasSuffix(name, "prelude") {
			headers[name], _, _ = strings.Cut(body, "\n")
		}
	}
	return headers
}

func scriptTexts(t *testing.T) map[string]string {
	t.Helper()
	files, err := fs.Glob(scriptFiles, "scripts/*.lua")
	require.NoError(t, err)
	texts := make(map[string]string, len(files))
	for _, f := range files {
		b, err := scriptFiles.ReadFile(f)
		require.NoError(t, err)
		texts[strings.TrimSuffix(path.Base(f), ".lua")] = string(b)
	}
	return texts
}

func TestScriptsSayWhatTheyTakeGiveAndKeep(t *testing.T) {
	for name, body := range scriptTexts(t) {
		if strings.HasSuffix(name, "prelude") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			require.Regexp(t, `^-- `+name+`( \(allow-oom\))?: \S`, body)
			header := body
			if at := regexp.MustCompile(`(?m)^[^-]`).FindStringIndex(body); at != nil {
				header = body[:at[0]]
			}
			for _, part := range []string{"KEYS", "ARGV", "Returns", "Invariant:"} {
				require.Regexp(t, `(?m)^-- `+part+` *\S`, header)
			}
		})
	}
}

func TestScriptsKeepToTheCommonDialect(t *testing.T) {
	foreign := regexp.MustCompile(`#!lua|\b(struct|bit|cmsgpack|cjson)\.|redis\.(setresp|log|breakpoint|replicate_commands)`)
	for name, body := range scriptTexts(t) {
		require.NotRegexp(t, foreign, body, name)
	}
}

func TestFlagsAreAddedOnlyWhereTheServerKnowsThem(t *testing.T) {
	plain, err := loadScripts(false)
	require.NoError(t, err)
	flagged, err := loadScripts(true)
	require.NoError(t, err)
	require.Len(t, plain, len(scriptHeaders(t)))
	for name, body := range scriptTexts(t) {
		if strings.HasSuffix(name, "prelude") {
			continue
		}
		require.NotEqual(t, plain[name].Hash(), flagged[name].Hash(), name)
		require.Equal(t, strings.Contains(body, "-- "+name+" (allow-oom):"), shebang(body) == "#!lua flags=allow-oom\n", name)
	}
}
