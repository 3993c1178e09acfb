package app

import (
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// newRegistry makes the one registry of metrics, with those about the process itself.
func newRegistry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "avanak_build_info",
		Help: "1, labelled with the version that runs."}, []string{"version", "go"})
	version, goVersion := Version()
	build.WithLabelValues(version, goVersion).Set(1)
	reg.MustRegister(build)
	return reg
}

// Version returns the version of the running binary (a module version, or the commit it was built from, or devel) and
// that of Go.
func Version() (version, goVersion string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel", ""
	}
	version = info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && (version == "" || version == "(devel)") {
			version = s.Value
		}
	}
	if version == "" || version == "(devel)" {
		version = "devel"
	}
	return version, info.GoVersion
}
