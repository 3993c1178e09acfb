package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/avanak/avanak"
)

// misshapen is a node that does not fit the setting that it stands for.
type misshapen struct {
	line int
	key  string // dotted; "" for the file as a whole
	must string // what is wrong; never quotes a value, for values may be secrets
}

func (m misshapen) Error() string {
	if m.key == "" {
		return fmt.Sprintf("%d: %s", m.line, m.must)
	}
	return fmt.Sprintf("%d: %s: %s: %s", m.line, m.key, avanak.ErrInvalid, m.must)
}

// shape checks a node of the file against the Go type that it will be decoded into. The YAML library alone would take
// 2.5 for 2, and an unquoted 02100000000 for an octal number; and its error texts quote values.
func shape(n ast.Node, want reflect.Type, key string) error {
	at := misshapen{line: n.GetToken().Position.Line, key: key}
	switch n.(type) {
	case *ast.NullNode: // a section or value that is left empty keeps its default
		return nil
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		at.must = "anchors, aliases and tags have no use here"
		return at
	}
	if want == reflect.TypeFor[time.Duration]() {
		if text, ok := n.(*ast.StringNode); ok {
			if _, err := time.ParseDuration(text.Value); err == nil {
				return nil
			}
		}
		at.must = "must be a duration such as 500ms, 30s or 2m"
		return at
	}
	if want == reflect.TypeFor[Period]() {
		if _, plain := n.(ast.ScalarNode); plain && new(Period).UnmarshalText([]byte(n.GetToken().Value)) == nil {
			return nil
		}
		at.must = "must be off, or a duration such as 30s or 2m"
		return at
	}
	if want.Kind() == reflect.Struct {
		return shapeOfSection(n, want, at)
	}
	if want.Kind() == reflect.Slice {
		list, ok := n.(*ast.SequenceNode)
		if !ok {
			at.must = "must be a list"
			return at
		}
		for i, v := range list.Values {
			if err := shape(v, want.Elem(), fmt.Sprintf("%s[%d]", key, i)); err != nil {
				return err
			}
		}
		return nil
	}
	if at.must = scalar(n, want); at.must != "" {
		return at
	}
	return nil
}

// shapeOfSection checks a mapping against the fields of a struct.
func shapeOfSection(n ast.Node, want reflect.Type, at misshapen) error {
	section, ok := n.(*ast.MappingNode)
	if !ok {
		at.must = "must be a section of keys"
		if at.key == "" {
			at.must = "the file must hold keys such as http: or trunks:"
		}
		return at
	}
	fields := make(map[string]reflect.Type, want.NumField())
	for f := range want.Fields() {
		if name := f.Tag.Get("yaml"); name != "-" {
			fields[name] = f.Type
		}
	}
	for _, pair := range section.Values {
		name := pair.Key.GetToken().Value
		field, known := fields[name]
		if name == "password" && !known && strings.HasPrefix(at.key, "trunks[") {
			return misshapen{line: pair.Key.GetToken().Position.Line, key: join(at.key, name), must: "a password has no place in " +
				"this file: put it into a file of its own (auth.password_file) or into the environment (AVANAK_TRUNK_<NAME>_PASSWORD)"}
		}
		if _, plain := pair.Key.(*ast.StringNode); !plain || !known {
			return misshapen{line: pair.Key.GetToken().Position.Line, must: fmt.Sprintf("unknown key %q", join(at.key, name))}
		}
		if err := shape(pair.Value, field, join(at.key, name)); err != nil {
			return err
		}
	}
	return nil
}

// scalar says what a single value must be, or "" where it is.
func scalar(n ast.Node, want reflect.Type) string {
	switch want.Kind() {
	case reflect.String:
		switch n.(type) {
		case *ast.StringNode, *ast.LiteralNode:
			return ""
		case *ast.MappingNode, *ast.SequenceNode:
			return "must be text"
		}
		return "must be text: write it in quotes"
	case reflect.Bool:
		if _, ok := n.(*ast.BoolNode); !ok {
			return "must be true or false"
		}
	case reflect.Float64:
		if _, ok := n.(*ast.FloatNode); !ok && !whole(n) {
			return "must be a number"
		}
	default: // the whole numbers
		i, err := strconv.ParseInt(n.GetToken().Value, 10, 64)
		if err != nil || !whole(n) {
			return "must be a whole number"
		}
		if v := reflect.New(want).Elem(); v.CanUint() && (i < 0 || v.OverflowUint(uint64(i))) { //nolint:gosec // looked at
			return "must be 0 to " + strconv.FormatUint(1<<want.Bits()-1, 10)
		}
	}
	return ""
}

// whole tells whether a node is a whole number as people write it. YAML reads 020 as 16, 0x10 too, and 1_0 as 10.
func whole(n ast.Node) bool {
	_, ok := n.(*ast.IntegerNode)
	digits := strings.TrimPrefix(n.GetToken().Value, "-")
	return ok && strings.Trim(digits, "0123456789") == "" && (digits == "0" || !strings.HasPrefix(digits, "0"))
}

func join(section, name string) string {
	return strings.TrimPrefix(section+"."+name, ".")
}
