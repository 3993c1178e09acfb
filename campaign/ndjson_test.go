package campaign

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

func readNDJSON(text string) ([]line, error) {
	return readAll(&ndjsonList{lines: newLines(strings.NewReader(text))})
}

func TestNDJSONReadsNumbers(t *testing.T) {
	got, err := readNDJSON("\ufeff{\"number\":\"+989120000001\"}\r\n\n  \n { \"number\" : \"۰۹۱۲ ۰۰۰ ۰۰۰۲\" } \n{\"number\":\"\"}\n" +
		`{"num\u0062er":"0912\u0030000003"}` + "\n" + `{"number":"a\u0000b"}`)
	require.NoError(t, err)
	require.Equal(t, []line{{1, "+989120000001"}, {4, "۰۹۱۲ ۰۰۰ ۰۰۰۲"}, {5, ""}, {6, "09120000003"}, {7, "a\x00b"}}, got)
}

func TestNDJSONRefusesBrokenFiles(t *testing.T) {
	const good = `{"number":"09120000001"}` + "\n"
	for name, tt := range map[string]struct{ text, reason string }{
		"no json":          {"09120000001", "not a JSON object"},
		"array":            {`["09120000001"]`, "not a JSON object"},
		"string":           {`"09120000001"`, "not a JSON object"},
		"null":             {`null`, "not a JSON object"},
		"cut":              {`{"number":"0912`, "not a JSON object"},
		"cut behind value": {`{"number":"09120000001"`, "not a JSON object"},
		"comma":            {`{"number":"09120000001",}`, "not a JSON object"},
		"single quotes":    {`{'number':'09120000001'}`, "not a JSON object"},
		"control byte":     {"{\"number\":\"0912\t0000001\"}", "not a JSON object"},
		"two objects":      {`{"number":"09120000001"}{"number":"09120000002"}`, "one object a line"},
		"trailing comma":   {`{"number":"09120000001"},`, "one object a line"},
		"empty":            {`{}`, "number is missing"},
		"unknown field":    {`{"number":"09120000001","name":"x"}`, "unknown field"},
		"other case":       {`{"Number":"09120000001"}`, "unknown field"},
		"number as name":   {`{"09120000001":""}`, "unknown field"},
		"twice":            {`{"number":"09120000001","number":"09120000002"}`, "given twice"},
		"no string":        {`{"number":9120000001}`, "must be a string"},
		"null number":      {`{"number":null}`, "must be a string"},
		"object number":    {`{"number":{"number":"09120000001"}}`, "must be a string"},
		"nul":              {"{\"number\":\"\x00\"}", "NUL byte"},
		"not utf-8":        {"{\"number\":\"\xff\"}", "not UTF-8"},
		"deep":             {`{"number":` + strings.Repeat("[", 50000), "must be a string"},
		"long":             {`{"number":"` + strings.Repeat("0", maxLine) + `"}`, "longer than 64 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readNDJSON(good + tt.text + "\n" + good)
			require.Equal(t, []line{{1, "09120000001"}}, got)
			var broken *ListError
			require.ErrorAs(t, err, &broken)
			require.ErrorIs(t, err, avanak.ErrInvalid)
			require.Contains(t, broken.Reason, tt.reason)
			require.Equal(t, 2, broken.Line)
			require.NotContains(t, err.Error(), "0912")
		})
	}
}

func FuzzNDJSON(f *testing.F) {
	for _, seed := range []string{`{"number":"09120000001"}`, `{"number":"\ud800"}`, `{"number":"+98"} `, `{}`, `{"number":1}`,
		`{"number":"a","number":"b"}`, "\n\n", `{"number":""}`, `{"number":"0","x":[{}]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.NewReplacer("\n", "", "\r", "", "\ufeff", "").Replace(text)
		got, err := readNDJSON(text)
		if err != nil {
			var broken *ListError
			require.ErrorAs(t, err, &broken)
			require.Equal(t, 1, broken.Line)
			return
		}
		if blank([]byte(text)) {
			require.Empty(t, got)
			return
		}
		require.Len(t, got, 1)
		var object map[string]string
		require.NoError(t, json.Unmarshal([]byte(text), &object))
		require.Equal(t, map[string]string{"number": got[0].text}, object)
	})
}
