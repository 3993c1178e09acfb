package media

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/avanak/avanak"
)

// metrics are the pacer's numbers. The wheels gather into a tally and add once a slot, not once a packet.
type metrics struct {
	streams   prometheus.Gauge
	packets   prometheus.Counter
	lateness  prometheus.Histogram
	shifts    prometheus.Counter
	exhausted prometheus.Counter
	learned   prometheus.Counter

	unreachable, full, other prometheus.Counter // send errors by kind
}

// tally is what a wheel did since it last reported.
type tally struct {
	packets                  uint64 // given to the kernel
	stalls                   uint64 // shifts over maxShift
	learned                  uint64 // streams that moved to where RTP came from
	unreachable, full, other uint64 // send errors
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	if reg == nil {
		return nil, fmt.Errorf("%w: media needs a metrics registry", avanak.ErrInvalid)
	}
	edges := make([]float64, len(latenessEdges))
	for i, e := range latenessEdges {
		edges[i] = e.Seconds()
	}
	errorsBy := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "avanak_media_send_errors_total",
		Help: "Sends that the kernel refused: unreachable (ICMP answer to an earlier packet), full (no buffer), other.",
	}, []string{"error"})
	m := &metrics{
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "avanak_media_streams", Help: "Streams that the pacer holds.",
		}),
		packets: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "avanak_media_packets_total", Help: "RTP packets sent.",
		}),
		lateness: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "avanak_media_lateness_seconds", Buckets: edges,
			Help: "How long after it was due the latest packet of a slot left; one observation for each visited slot.",
		}),
		shifts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "avanak_media_shifts_total", Help: "Streams moved back because their frame was over 60 ms late.",
		}),
		exhausted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "avanak_media_ports_exhausted_total", Help: "Sessions that found no free RTP port.",
		}),
		learned: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "avanak_media_learned_total", Help: "Streams moved to where the callee's RTP came from (symmetric_once).",
		}),
		unreachable: errorsBy.WithLabelValues("unreachable"),
		full:        errorsBy.WithLabelValues("full"),
		other:       errorsBy.WithLabelValues("other"),
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.streams, m.packets, m.lateness, m.shifts, m.exhausted, m.learned, errorsBy} {
		errs = append(errs, reg.Register(c))
	}
	return m, errors.Join(errs...)
}

// report adds the tally to the counters and empties it.
func (m *metrics) report(t *tally) {
	m.packets.Add(float64(t.packets))
	if *t != (tally{packets: t.packets}) {
		m.shifts.Add(float64(t.stalls))
		m.learned.Add(float64(t.learned))
		m.unreachable.Add(float64(t.unreachable))
		m.full.Add(float64(t.full))
		m.other.Add(float64(t.other))
	}
	*t = tally{}
}
