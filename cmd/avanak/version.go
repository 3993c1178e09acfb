package main

import (
	"runtime"
	"runtime/debug"

	"github.com/avanak/avanak/app"
	"github.com/avanak/avanak/cmd/avanak/console"
)

type versionCmd struct {
	JSON bool `name:"json" help:"Print JSON for programs."`
}

// Run prints what the Go toolchain wrote into the binary.
func (c *versionCmd) Run(con *console.Console) error {
	b := build()
	if c.JSON {
		return con.JSON(b)
	}
	con.Line("avanak %s", b.Version)
	if b.Revision != "" {
		modified := ""
		if b.Modified {
			modified = ", modified"
		}
		con.Line("  from %s (%s%s)", b.Revision, b.Time, modified)
	}
	con.Line("  by %s for %s", b.Go, b.Platform)
	return nil
}

// origin is what this binary was made of.
type origin struct {
	Version  string `json:"version"` // of the module, or the revision, or "devel"
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"` // of the revision
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func build() origin {
	b := origin{Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	b.Version, _ = app.Version() // the words of log and metrics
	made, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range made.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}
