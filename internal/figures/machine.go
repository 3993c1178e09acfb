package figures

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// Machine says where the figures were taken; what cannot be read stays empty.
type Machine struct {
	CPU    string  `json:"cpu"`
	Cores  int     `json:"cores"`
	Kernel string  `json:"kernel"`
	Load1  float64 `json:"load1"` // before the first run
	Busy   bool    `json:"busy,omitempty"`
}

func thisMachine() Machine {
	m := Machine{Cores: runtime.NumCPU(), Kernel: line("/proc/sys/kernel/osrelease")}
	info, _ := os.ReadFile("/proc/cpuinfo") // absent on other systems
	for l := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(name) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	load, _, _ := strings.Cut(line("/proc/loadavg"), " ")
	m.Load1, _ = strconv.ParseFloat(load, 64)
	m.Busy = m.Load1 > 1
	return m
}

func line(path string) string {
	b, _ := os.ReadFile(path) //nolint:gosec // names of /proc only
	return strings.TrimSpace(string(b))
}

// commit names the tree that was measured; empty outside a checkout.
func commit(ctx context.Context) string {
	out, _ := exec.CommandContext(ctx, "git", "rev-parse", "HEAD").Output()
	return strings.TrimSpace(string(out))
}
