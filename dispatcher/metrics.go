package dispatcher

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/queue"
)

type metrics struct {
	attempts *prometheus.CounterVec // lane, outcome
	refused  *prometheus.CounterVec // reason: why a claim was not dialled
	settled  *prometheus.CounterVec // kind
	reaped   *prometheus.CounterVec // stage
	inFlight *prometheus.GaugeVec   // trunk
	channels *prometheus.GaugeVec   // trunk
	state    *prometheus.GaugeVec   // trunk, state: 1 for the one that it is in
	rate     *prometheus.GaugeVec   // trunk
	moves    *prometheus.CounterVec // trunk, to
	legs     *prometheus.CounterVec // trunk, class
	unheeded prometheus.Counter     // health of trunks that are not ours
	unwanted prometheus.Counter
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
		state: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "avanak_trunk_state",
			Help: "1 for the state that the trunk is in: up, resting, probing, paused or down."}, []string{"trunk", "state"}),
		rate: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "avanak_trunk_rate_cps",
			Help: "Calls a second at which we aim over the trunk; 0 while no calls go over it."}, []string{"trunk"}),
		moves: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "avanak_trunk_transitions_total",
			Help: "Changes of a trunk's state, by the new one."}, []string{"trunk", "to"}),
		legs: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "avanak_dispatcher_legs_total",
			Help: "Legs that ended, by trunk and by what their end says about whom."}, []string{"trunk", "class"}),
		unheeded: prometheus.NewCounter(prometheus.CounterOpts{Name: "avanak_trunk_health_ignored_total",
			Help: "Reports of the health of trunks that this node does not have."}),
		unwanted: prometheus.NewCounter(prometheus.CounterOpts{Name: "avanak_dispatcher_unwanted_total",
			Help: "Callees who want no more calls of this kind (607, 608); their numbers are suppressed."}),
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
	reg.MustRegister(m.attempts, m.refused, m.settled, m.reaped, m.inFlight, m.channels, m.state, m.rate, m.moves, m.legs,
		m.unheeded, m.unwanted, m.wait, m.ring, m.audio, m.latency, m.errors)
	return m
}

// trunk shows all series of a trunk from the start.
func (m *metrics) trunk(t avanak.Trunk) {
	m.channels.WithLabelValues(t.Name).Set(float64(t.Channels))
	m.inFlight.WithLabelValues(t.Name).Set(0)
	m.rate.WithLabelValues(t.Name).Set(t.CPS * avanak.PaceShare)
	for _, s := range states {
		m.state.WithLabelValues(t.Name, string(s)).Set(0)
		m.moves.WithLabelValues(t.Name, string(s))
	}
	m.state.WithLabelValues(t.Name, string(up)).Set(1)
	for _, c := range avanak.Classes() {
		m.legs.WithLabelValues(t.Name, c.String())
	}
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
