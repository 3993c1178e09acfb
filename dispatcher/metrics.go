package dispatcher

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/queue"
)

type metrics struct {
	attempts *prometheus.CounterVec   // lane, outcome
	refused  *prometheus.CounterVec   // reason: why a claim was not dialled
	settled  *prometheus.CounterVec   // kind
	reaped   *prometheus.CounterVec   // stage
	inFlight *prometheus.GaugeVec     // trunk
	channels *prometheus.GaugeVec     // trunk
	open     *prometheus.GaugeVec     // trunk
	wait     *prometheus.HistogramVec // lane: accepted (or due) to INVITE
	ring     prometheus.Histogram     // INVITE to answer
	audio    prometheus.Histogram     // answer to first RTP
	latency  prometheus.Histogram     // fast messages: what we answer for
	errors   *prometheus.CounterVec   // step: Redis would not serve
}

func newMetrics(reg prometheus.Registerer) *metrics {
	// Edges around what is promised (15 s) and aimed at (20 ms, 100 ms).
	edges := []float64{.001, .005, .01, .02, .05, .1, .25, .5, 1, 2.5, 5, 10, 15, 30, 60}
	m := &metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "avanak_dispatcher_attempts_total",
			Help: "Attempts that ended, by lane and outcome."}, []string{"lane", "outcome"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "avanak_dispatcher_refused_total",
			Help: "Claims that were not dialled, by reason."}, []string{"reason"}),
		settled: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "avanak_dispatcher_settled_total",
			Help: "Attempts that were settled, by what the queue found."}, []string{"kind"}),
		reaped: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "avanak_dispatcher_reaped_total",
			Help: "Leases of silent nodes that were taken up, by stage."}, []string{"stage"}),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "avanak_dispatcher_calls",
			Help: "Channels in use, by trunk."}, []string{"trunk"}),
		channels: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "avanak_dispatcher_channels",
			Help: "Channels that the trunk has."}, []string{"trunk"}),
		open: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "avanak_dispatcher_trunk_failing",
			Help: "1 while calls over the trunk fail in a row and only probes are placed."}, []string{"trunk"}),
		wait: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "avanak_dispatcher_invite_wait_seconds",
			Help: "Accepted, or due again, to INVITE on the wire, by lane (bulk: retries only).", Buckets: edges}, []string{"lane"}),
		ring: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "avanak_dispatcher_ring_seconds",
			Help: "INVITE to answer, of answered attempts.", Buckets: edges}),
		audio: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "avanak_dispatcher_audio_start_seconds",
			Help: "Answer to first RTP packet.", Buckets: edges}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "avanak_dispatcher_fast_latency_seconds",
			Help: "Fast messages: acceptance to first audio without the ring time (promise: under 15 s on average).", Buckets: edges}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "avanak_dispatcher_store_errors_total",
			Help: "Steps that Redis did not serve, by step."}, []string{"step"}),
	}
	reg.MustRegister(m.attempts, m.refused, m.settled, m.reaped, m.inFlight, m.channels, m.open, m.wait, m.ring, m.audio,
		m.latency, m.errors)
	return m
}

func (m *metrics) ended(c queue.Claim, r avanak.Report) {
	m.attempts.WithLabelValues(c.Lane.String(), r.Result.Outcome.String()).Inc()
	t := r.Timeline
	observe := func(h prometheus.Observer, from, to time.Time) {
		if !from.IsZero() && !to.IsZero() {
			h.Observe(to.Sub(from).Seconds())
		}
	}
	observe(m.wait.WithLabelValues(c.Lane.String()), t.Accepted, t.Invited)
	observe(m.ring, t.Invited, t.Answered)
	observe(m.audio, t.Answered, t.FirstRTP)
	if latency := t.FastLatency(); c.Lane == avanak.Fast && latency >= 0 {
		m.latency.Observe(latency.Seconds())
	}
}
