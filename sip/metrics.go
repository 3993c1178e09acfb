package sip

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of one Agent. The label trunk is added to each by the registerer that newMetrics wraps.
type metrics struct {
	invites    prometheus.Counter
	responses  *prometheus.CounterVec // class
	late2xx    prometheus.Counter
	forked2xx  prometheus.Counter
	ackReplays prometheus.Counter
	library    prometheus.Counter
	panics     prometheus.Counter
	calls      prometheus.Gauge
	legs       prometheus.Gauge
}

// classes are the label values of responses, by the first digit of the status.
var classes = [...]string{"other", "1xx", "2xx", "3xx", "4xx", "5xx", "6xx"}

func newMetrics(reg prometheus.Registerer, trunk string) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "avanak_sip_" + name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "avanak_sip_" + name, Help: help})
	}
	m := &metrics{
		invites: counter("invites_total", "INVITEs that left, retransmissions not counted."),
		responses: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "avanak_sip_responses_total",
			Help: "Responses to INVITEs by class; retransmitted final responses are not counted."}, []string{"class"}),
		late2xx:    counter("late_2xx_total", "Answers that came after we had given the call up; each got ACK and BYE."),
		forked2xx:  counter("forked_2xx_total", "Answers of further branches of a fork; each got ACK and BYE."),
		ackReplays: counter("ack_replays_total", "ACKs sent again because the answer was retransmitted."),
		library:    counter("library_warnings_total", "Warnings and errors that the SIP library logged."),
		panics:     counter("panics_total", "Panics that were caught; each ended one call or one request."),
		calls:      gauge("calls", "Answered calls that have not ended."),
		legs:       gauge("legs", "INVITEs that are placed, talking, or watched for a late answer."),
	}
	for _, class := range classes {
		m.responses.WithLabelValues(class)
	}
	wrapped := prometheus.WrapRegistererWith(prometheus.Labels{"trunk": trunk}, reg)
	var errs []error
	for _, c := range []prometheus.Collector{m.invites, m.responses, m.late2xx, m.forked2xx, m.ackReplays, m.library,
		m.panics, m.calls, m.legs} {
		errs = append(errs, wrapped.Register(c))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("register metrics of trunk %s: %w", trunk, err)
	}
	return m, nil
}

func (m *metrics) response(status int) {
	class := classes[0]
	if d := status / 100; d > 0 && d < len(classes) {
		class = classes[d]
	}
	m.responses.WithLabelValues(class).Inc()
}
