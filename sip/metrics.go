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
	byClass    [len(classes)]prometheus.Counter
	late2xx    prometheus.Counter
	forked2xx  prometheus.Counter
	ackReplays prometheus.Counter
	library    prometheus.Counter
	panics     prometheus.Counter
	challenges prometheus.Counter
	pracks     prometheus.Counter
	callbacks  prometheus.Counter
	malformed  prometheus.Counter
	cut        prometheus.Counter
	dropped    *prometheus.CounterVec // why
	calls      prometheus.Gauge
	legs       prometheus.Gauge
	targetsUp  prometheus.Gauge
	registered prometheus.Gauge
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
		challenges: counter("challenges_total", "401 and 407 that asked for credentials; each answered one costs an INVITE more."),
		pracks:     counter("pracks_total", "Reliable provisional responses that were acknowledged."),
		callbacks:  counter("callbacks_total", "INVITEs from outside of a call: people who call the shown number back, or scans. Each got 480."),
		malformed:  counter("malformed_requests_total", "Requests that broke a rule of RFC 3261; each was refused."),
		cut:        counter("cut_connections_total", "INVITEs whose connection ended under them: it broke, or what came over it was no SIP."),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "avanak_sip_dropped_total",
			Help: "Datagrams and connections that were dropped unread: of strangers, in a flood, or responses without their head."}, []string{"why"}),
		targetsUp:  gauge("targets_up", "Targets of the trunk that may be chosen, as of the last keep-alive."),
		registered: gauge("registered", "1 while the registrar knows us; 0 too where the trunk wants no registration."),
		calls:      gauge("calls", "Answered calls that have not ended."),
		legs:       gauge("legs", "INVITEs that are placed, talking, or watched for a late answer."),
	}
	for i, class := range classes {
		m.byClass[i] = m.responses.WithLabelValues(class)
	}
	for _, why := range []string{"stranger", "flood", "garbage"} {
		m.dropped.WithLabelValues(why)
	}
	wrapped := prometheus.WrapRegistererWith(prometheus.Labels{"trunk": trunk}, reg)
	var errs []error
	for _, c := range []prometheus.Collector{m.invites, m.responses, m.late2xx, m.forked2xx, m.ackReplays, m.library,
		m.panics, m.calls, m.legs, m.challenges, m.pracks, m.callbacks, m.malformed, m.cut, m.dropped, m.targetsUp, m.registered} {
		errs = append(errs, wrapped.Register(c))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("register metrics of trunk %s: %w", trunk, err)
	}
	return m, nil
}

func (m *metrics) response(status int) {
	class := 0
	if d := status / 100; d > 0 && d < len(classes) {
		class = d
	}
	m.byClass[class].Inc()
}
