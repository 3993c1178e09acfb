package config

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const sample = "../deploy/avanak.yaml"

// sampleFiles is where the files stand that the sample names.
const sampleFiles = "/etc/avanak/"

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
	require.Len(t, c.Trunks, 2)
	for f := range reflect.TypeFor[Trunk]().Fields() {
		given := f.Type.Kind() == reflect.Bool // the example of a switch may be off
		for _, trunk := range c.Trunks {
			given = given || !reflect.ValueOf(trunk).FieldByIndex(f.Index).IsZero()
		}
		require.True(t, given, "%s has an example", f.Name)
	}
	require.Equal(t, "hunter2", string(c.Trunks[1].Auth.Password))
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

// uncommented writes the sample with its examples in force and the files that it names, and returns the path.
func uncommented(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(sample)
	require.NoError(t, err)
	dir := writeFiles(t)
	path := filepath.Join(dir, "avanak.yaml")
	text = bytes.ReplaceAll(example.ReplaceAll(text, []byte("$1")), []byte(sampleFiles), []byte(dir+"/"))
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return path
}

// keys lists the keys of a section and of those in it.
func keys(section reflect.Type) []string {
	var names []string
	for f := range section.Fields() {
		if name := f.Tag.Get("yaml"); name != "-" {
			names = append(names, name)
		}
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
