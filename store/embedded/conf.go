package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// conf returns the text of redis.conf. All that comes from outside goes through quote.
func conf(dir, socket string, maxMemory int64) string {
	return strings.Join([]string{
		"# Written by avanak at each start: changes are lost.",
		"port 0",
		"unixsocket " + quote(socket),
		"unixsocketperm 700",
		"dir " + quote(dir),
		"daemonize no",
		"databases 1",
		"appendonly yes",
		"appendfsync always",
		"no-appendfsync-on-rewrite no",
		"aof-use-rdb-preamble yes",
		"aof-load-truncated yes",
		`save ""`,
		fmt.Sprintf("maxmemory %d", maxMemory),
		"maxmemory-policy noeviction",
		`logfile ""`,
		"loglevel notice",
		"",
	}, "\n")
}

// quote writes a value as redis.conf reads it: in double quotes, every byte that is not plain as \xHH.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			fmt.Fprintf(&b, `\x%02x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// writeConf puts redis.conf into the directory and returns its path.
func writeConf(dir, socket string, maxMemory int64) (string, error) {
	file := filepath.Join(dir, "redis.conf")
	if err := os.WriteFile(file, []byte(conf(dir, socket, maxMemory)), 0o600); err != nil {
		return "", fmt.Errorf("write redis.conf: %w", err)
	}
	return file, nil
}

// memoryLimit returns the smaller of what was configured and a quarter of the RAM that we may use.
func memoryLimit(configured int64) (int64, error) {
	var host syscall.Sysinfo_t
	if err := syscall.Sysinfo(&host); err != nil {
		return 0, fmt.Errorf("read size of memory: %w", err)
	}
	ram := int64(host.Totalram) * int64(host.Unit) //nolint:gosec // far below 2^63
	// A container sees its own limit here, cgroup v2 or v1; a machine has no such file, or a number above its RAM.
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		if b, err := os.ReadFile(file); err == nil {
			ram = cgroupLimit(string(b), ram)
		}
	}
	limit := max(ram/4, minMemory)
	if configured > 0 {
		limit = min(limit, configured)
	}
	return limit, nil
}

// cgroupLimit returns the smaller of the RAM and the limit in a cgroup's file ("max" means none).
func cgroupLimit(text string, ram int64) int64 {
	var limit int64
	if _, err := fmt.Sscanf(text, "%d", &limit); err != nil || limit <= 0 {
		return ram
	}
	return min(ram, limit)
}
