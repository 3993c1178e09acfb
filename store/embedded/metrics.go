package embedded

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/avanak/avanak/store"
)

// newMetrics registers the state of the store; it is read when the metrics are.
func newMetrics(reg prometheus.Registerer, s Store) error {
	for _, c := range []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "avanak_store_durable",
			Help: "1 where what the embedded store has acknowledged survives a power cut, else 0.",
		}, func() float64 { return number(s.Guarantee().Durability == store.Always) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "avanak_store_up",
			Help: "1 while the embedded store runs and has loaded its data, else 0.",
		}, func() float64 { return number(s.Up()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "avanak_store_restarts_total",
			Help: "How often the embedded store was started again after it had died.",
		}, func() float64 { return float64(s.Restarts()) }),
	} {
		if err := reg.Register(c); err != nil {
			return err
		}
	}
	return nil
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
