package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxFile bounds the configuration file.
const maxFile = 1 << 20

// overrides are the environment variables that beat the file.
var overrides = []struct {
	name, path string
	set        func(*Config, string)
}{
	{"AVANAK_ENV", "$.env", func(c *Config, v string) { c.Env = v }},
	{"AVANAK_NODE", "$.node", func(c *Config, v string) { c.Node = v }},
	{"AVANAK_DATA", "$.data", func(c *Config, v string) { c.Data = v }},
	{"AVANAK_HTTP_LISTEN", "$.http.listen", func(c *Config, v string) { c.HTTP.Listen = v }},
	{"AVANAK_ADMIN_LISTEN", "$.admin.listen", func(c *Config, v string) { c.Admin.Listen = v }},
	{"AVANAK_REDIS_URL", "$.redis.url", func(c *Config, v string) { c.Redis.URL = v }},
	{"AVANAK_LOG_LEVEL", "$.log.level", func(c *Config, v string) { c.Log.Level = v }},
	{"AVANAK_LOG_FORMAT", "$.log.format", func(c *Config, v string) { c.Log.Format = v }},
}

// Load reads the file (none where path is empty), applies the environment, fetches the trunks' passwords, validates, and
// looks into the files that the configuration names. The error is one line that names the file, the line and the key, or
// the variable.
func Load(path string) (Config, error) {
	c := Default()
	var text []byte
	if path != "" {
		var err error
		if text, err = read(path); err != nil {
			return Config{}, err
		}
		if err := decode(path, text, &c); err != nil {
			return Config{}, err
		}
	}
	from := make(map[string]string)
	for _, o := range overrides {
		if v, ok := os.LookupEnv(o.name); ok {
			o.set(&c, v)
			from[o.path] = o.name
		}
	}
	for _, check := range []func() error{func() error { return c.fetchPasswords(from) }, c.Validate, c.checkFiles} {
		if err := check(); err != nil {
			return Config{}, locate(path, text, from, err)
		}
	}
	return c, nil
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	defer f.Close() //nolint:errcheck // read only
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("configuration: %s is larger than %d bytes", path, maxFile)
	}
	return text, nil
}

// decode reads the one document of text into c. What the file leaves out keeps its value.
func decode(path string, text []byte, c *Config) error {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return syntax(path, err)
	}
	var body ast.Node
	for _, d := range file.Docs {
		switch {
		case d.Body == nil: // an empty file asks for the defaults
		case body != nil || d.Body.Type() == ast.DirectiveType:
			return fmt.Errorf("%s:%d: a configuration is one YAML document", path, d.Body.GetToken().Position.Line)
		default:
			body = d.Body
		}
	}
	if body == nil || body.Type() == ast.NullType {
		return nil
	}
	if err := shape(body, reflect.TypeFor[Config](), ""); err != nil {
		return fmt.Errorf("%s:%w", path, err)
	}
	if err := yaml.NodeToValue(body, c, yaml.DisallowUnknownField()); err != nil {
		return syntax(path, err)
	}
	return nil
}

// syntax turns an error of the YAML library into one line. The library's quotation of the file is left out: it may hold
// a secret.
func syntax(path string, err error) error {
	var positioned yaml.Error
	if !errors.As(err, &positioned) {
		return fmt.Errorf("%s: %s", path, firstLine(err.Error()))
	}
	message := firstLine(positioned.GetMessage())
	if t := positioned.GetToken(); t != nil && t.Position != nil {
		return fmt.Errorf("%s:%d: %s", path, t.Position.Line, message)
	}
	return fmt.Errorf("%s: %s", path, message)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

// locate turns a broken rule into a line that says where it stands: in the environment, in the file, or nowhere.
func locate(path string, text []byte, from map[string]string, err error) error {
	var f fault
	if !errors.As(err, &f) {
		return fmt.Errorf("configuration: %w", err)
	}
	key := strings.TrimPrefix(f.path, "$.")
	if variable, ok := from[f.path]; ok {
		return fmt.Errorf("environment %s: %w", variable, f.err)
	}
	if path == "" {
		return fmt.Errorf("configuration key %s: %w", key, f.err)
	}
	if line := lineOf(text, f.path); line > 0 {
		return fmt.Errorf("%s:%d: %s: %w", path, line, key, f.err)
	}
	return fmt.Errorf("%s: %s: %w", path, key, f.err)
}

// lineOf finds the line of a key, or of its nearest parent that the file has; 0 where it has none.
func lineOf(text []byte, path string) int {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return 0
	}
	for path != "$" && path != "" {
		p, err := yaml.PathString(path)
		if err == nil {
			if node, err := p.FilterFile(file); err == nil && node != nil && node.GetToken() != nil {
				return node.GetToken().Position.Line
			}
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return 0
		}
		path = path[:cut]
	}
	return 0
}
