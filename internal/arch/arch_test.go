package arch

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/avanak/avanak"

// layers lists every package with its layer; a new package adds its line in the same change. A package may import
// packages of lower layers only, and a neighbour only where joints says so.
var layers = map[string]int{
	"cmd/avanak": 8, "cmd/avanak/demo": 7, "cmd/avanak/client": 6, "cmd/avanak/console": 6,
	"app": 5, "config": 5,
	"api":      4,
	"campaign": 3, "dispatcher": 3, "call": 3,
	"audio": 1, "queue": 1, "store": 1, "store/embedded": 1, "sip": 1, "media": 1,
	"sip/siptest": 1, "sip/digest": 0, "sip/locate": 0,
	"internal/away": 0,
	"":              0,
}

// joints are the imports within a layer that are wanted.
var joints = map[[2]string]bool{
	{"app", "config"}:           true,
	{"store/embedded", "store"}: true,
}

// wires are the only packages of ours that a package may import besides the root, where its layer alone would allow too
// much: doors and behaviour reach down through interfaces of their own.
var wires = map[string][]string{
	"api":               {"campaign", "queue"}, // queue: the words of its refusals
	"campaign":          {"queue"},
	"dispatcher":        {"queue"},
	"call":              {"queue", "sip", "media"},
	"cmd/avanak/client": {},
	"sip/siptest":       {},
}

// foreign says which packages alone may import a third party's module.
var foreign = map[string][]string{
	"github.com/emiago/sipgo":       {"sip"},
	"github.com/pion/rtp":           {"media"},
	"github.com/zaf/g711":           {"audio"},
	"github.com/redis/go-redis":     {"internal/away", "queue", "store", "store/embedded", "app", "config"},
	"github.com/danielgtaylor/huma": {"api"},
	"github.com/alecthomas/kong":    {"cmd/avanak"},
	"github.com/goccy/go-yaml":      {"config"},
}

// helper tells whether a package is for tests and tools, outside the layers.
func helper(pkg string) bool {
	if _, layered := layers[pkg]; layered {
		return false
	}
	return strings.HasPrefix(pkg, "internal/") || pkg == "tools" || pkg == "queue/queuebench" || pkg == "sip/sipbench"
}

type arrow struct{ from, to string }

// wrong tells what is wrong with an import of ours, or "".
func (a arrow) wrong() string {
	from, known := layers[a.from]
	if !known {
		return "package " + a.from + " has no layer: add its line to internal/arch"
	}
	to, known := layers[a.to]
	switch {
	case helper(a.to):
		return "code must not import the test helper " + a.to
	case !known:
		return "package " + a.to + " has no layer: add its line to internal/arch"
	case to > from:
		return "points up"
	case to == from && !joints[[2]string{a.from, a.to}]:
		return "points sideways"
	}
	if only, ok := wires[a.from]; ok && a.to != "" && !slices.Contains(only, a.to) {
		return "is not wired: reach down through an interface of its own"
	}
	return ""
}

func TestImportsPointDown(t *testing.T) {
	seen := 0
	walk(t, func(pkg, file, imported string) {
		if strings.HasSuffix(file, "_test.go") || helper(pkg) {
			return
		}
		if imported != module && !strings.HasPrefix(imported, module+"/") {
			for name, allowed := range foreign {
				if imported == name || strings.HasPrefix(imported, name+"/") {
					require.Contains(t, allowed, pkg, "%s imports %s", file, imported)
				}
			}
			return
		}
		seen++
		a := arrow{pkg, strings.TrimPrefix(strings.TrimPrefix(imported, module), "/")}
		require.Empty(t, a.wrong(), "%s: import of %q from %q", file, a.to, a.from)
	})
	require.Greater(t, seen, 20, "the walk must have found the tree")
}

func TestWrongArrowsAreSeen(t *testing.T) {
	for name, a := range map[string]arrow{
		"up":           {"queue", "dispatcher"},
		"sideways":     {"campaign", "dispatcher"},
		"unwired":      {"api", "store"},
		"unknown":      {"nowhere", "queue"},
		"test helper":  {"queue", "internal/redistest"},
		"test peers":   {"call", "internal/peers"},
		"oracle":       {"sip/siptest", "sip"},
		"root is leaf": {"", "queue"},
	} {
		t.Run(name, func(t *testing.T) { require.NotEmpty(t, a.wrong()) })
	}
	require.Empty(t, arrow{"call", "sip"}.wrong())
}

func TestEveryPackageHasADoc(t *testing.T) {
	for pkg := range layers {
		require.FileExists(t, filepath.Join("..", "..", pkg, "doc.go"))
	}
}

// walk calls visit for each import of each Go file of the module.
func walk(t *testing.T, visit func(pkg, file, imported string)) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); file != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "tools") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		pkg := strings.TrimPrefix(filepath.ToSlash(rel), ".")
		for _, i := range parsed.Imports {
			imported, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			visit(pkg, filepath.ToSlash(file), imported)
		}
		return nil
	})
	require.NoError(t, err)
}
