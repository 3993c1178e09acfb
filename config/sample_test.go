package config

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const sample = "../deploy/avanak.yaml"

// example is a line of the sample to uncomment: # and no space, or the indentation of a list.
var example = regexp.MustCompile(`(?m)^#(\S|  )`)

func TestSampleHoldsTheDefaults(t *testing.T) {
	clearEnv(t)
	c, err := Load(sample)
	require.NoError(t, err)
	require.Equal(t, Default(), c)
}

func TestSampleWithItsExamplesIsRight(t *testing.T) {
	clearEnv(t)
	c, err := Load(uncommented(t))
	require.NoError(t, err)
	require.Equal(t, "gateway-1", c.Node)
	require.Len(t, c.Trunks, 1)
	trunk := reflect.ValueOf(c.Trunks[0])
	for i := range trunk.NumField() {
		require.False(t, trunk.Field(i).IsZero(), "%s has an example", trunk.Type().Field(i).Name)
	}
}

func TestSampleNamesEveryKeyWithAComment(t *testing.T) {
	text, err := os.ReadFile(uncommented(t))
	require.NoError(t, err)
	for _, key := range keys(reflect.TypeFor[Config]()) {
		at := regexp.MustCompile(`(?m)^([ -]*)` + key + `:`).FindIndex(text)
		require.NotNil(t, at, "key %s", key)
	}
	require.GreaterOrEqual(t, strings.Count(string(text), "# "), 30)
}

// uncommented writes the sample with its examples in force, and returns the path.
func uncommented(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(sample)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "avanak.yaml")
	require.NoError(t, os.WriteFile(path, example.ReplaceAll(text, []byte("$1")), 0o600))
	return path
}

// keys lists the keys of a section and of those in it.
func keys(section reflect.Type) []string {
	var names []string
	for f := range section.Fields() {
		names = append(names, f.Tag.Get("yaml"))
		inner := f.Type
		if inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct {
			names = append(names, keys(inner)...)
		}
	}
	return names
}
