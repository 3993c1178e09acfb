package queue

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

//go:embed scripts/*.lua
var scriptFiles embed.FS

// scripts are the moves by name.
type scripts map[string]*redis.Script

// loadScripts reads the moves. The files keep to the dialect that Redis 7.0, Valkey and miniredis share (DESIGN D1);
// what they have in common stands in prelude.lua, and in fast_prelude.lua for the fast lane. Where the server knows
// script flags, those whose header says allow-oom may write when Redis is out of memory: a call that rang must be
// recorded, closing an attempt frees more than it takes, and a campaign must be stoppable at any time.
func loadScripts(flags bool) (scripts, error) {
	files, err := fs.Glob(scriptFiles, "scripts/*.lua")
	if err != nil {
		return nil, fmt.Errorf("list scripts: %w", err)
	}
	text := make(map[string]string, len(files))
	for _, f := range files {
		b, err := scriptFiles.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("read script: %w", err)
		}
		text[strings.TrimSuffix(path.Base(f), ".lua")] = string(b)
	}
	all := make(scripts, len(text))
	for name, body := range text {
		if strings.HasSuffix(name, "prelude") {
			continue
		}
		var b strings.Builder
		if flags {
			b.WriteString(shebang(body))
		}
		b.WriteString("local SEG = " + strconv.Itoa(SegmentSize) + "\n" + text["prelude"])
		if strings.HasPrefix(name, "fast_") {
			b.WriteString(text["fast_prelude"])
		}
		b.WriteString(body)
		all[name] = redis.NewScript(b.String())
	}
	return all, nil
}

// shebang is the line for servers that know script flags. With it, and without the flag, a script that may not run out of
// memory is refused as a whole, and not at whichever of its writes comes first.
func shebang(body string) string {
	if header, _, _ := strings.Cut(body, "\n"); strings.Contains(header, "(allow-oom)") {
		return "#!lua flags=allow-oom\n"
	}
	return "#!lua\n"
}

// run runs a script; errors name it. Redis being away wraps avanak.ErrUnavailable.
func (q *Queue) run(ctx context.Context, name string, keys []string, args ...any) (any, error) {
	s, ok := (*q.scripts.Load())[name]
	if !ok {
		return nil, fmt.Errorf("queue: no script %q", name)
	}
	reply, err := s.Run(ctx, q.rdb, keys, args...).Result()
	if err != nil {
		return nil, fmt.Errorf("queue %s: %w", name, unavailable(err))
	}
	return reply, nil
}

// runInt runs a script that returns one integer.
func (q *Queue) runInt(ctx context.Context, name string, keys []string, args ...any) (int, error) {
	reply, err := q.run(ctx, name, keys, args...)
	if err != nil {
		return 0, err
	}
	n, ok := reply.(int64)
	if !ok {
		return 0, fmt.Errorf("queue %s: reply %T is not an integer", name, reply)
	}
	return int(n), nil
}

// runList runs a script that returns a list.
func (q *Queue) runList(ctx context.Context, name string, keys []string, args ...any) ([]any, error) {
	reply, err := q.run(ctx, name, keys, args...)
	if err != nil {
		return nil, err
	}
	list, ok := reply.([]any)
	if !ok {
		return nil, fmt.Errorf("queue %s: reply %T is not a list", name, reply)
	}
	return list, nil
}

// runCode runs a script whose list begins with a code.
func (q *Queue) runCode(ctx context.Context, name string, keys []string, args ...any) (int, []any, error) {
	list, err := q.runList(ctx, name, keys, args...)
	if err != nil {
		return 0, nil, err
	}
	if len(list) == 0 {
		return 0, nil, fmt.Errorf("queue %s: empty reply", name)
	}
	code, err := asInt(list[0])
	if err != nil {
		return 0, nil, fmt.Errorf("queue %s: %w", name, err)
	}
	return int(code), list[1:], nil
}

// asInt reads an integer that Lua returned as a number or as digits.
func asInt(v any) (int64, error) {
	switch v := v.(type) {
	case int64:
		return v, nil
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("script returned %q where an integer belongs", v)
		}
		return n, nil
	}
	return 0, fmt.Errorf("script returned %T where an integer belongs", v)
}
