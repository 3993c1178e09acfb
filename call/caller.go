package call

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/media"
	"github.com/avanak/avanak/queue"
	"github.com/avanak/avanak/sip"
)

// hangupTime bounds the wait for our BYE's answer; the BYE itself goes on in sip after it.
const hangupTime = 5 * time.Second

// unheard is how long sip watches for a late answer where the far end did not confirm our CANCEL (64*T1, RFC 3261 section
// 17.1.1.2): no other attempt may begin before it is over.
const unheard = 32 * time.Second

// Clips gives the encoded frames of a clip.
type Clips interface {
	Frames(ctx context.Context, id string) (avanak.Frames, error)
}

// Line is one trunk's way out: who signals, where media leaves from, and which address the far end is told.
type Line struct {
	Agent   *sip.Agent
	Ports   *media.Ports
	Address netip.Addr // in the SDP offer
	// Symmetric lets media move once, right after the answer, to where the callee's comes from, if that is the host that
	// we signal with.
	Symmetric bool
}

// Caller places calls.
type Caller struct {
	lines map[string]Line
	pacer *media.Pacer
	clips Clips
	lead  time.Duration
	hold  time.Duration // a call is held for so long, all holds together
	log   *slog.Logger
}

// New returns a caller over the named lines. lead is the silence before the clip; 0 means media.DefaultLeadIn.
func New(lines map[string]Line, pacer *media.Pacer, clips Clips, lead time.Duration, log *slog.Logger) (*Caller, error) {
	for name, l := range lines {
		if l.Agent == nil || l.Ports == nil || !l.Address.IsValid() {
			return nil, fmt.Errorf("call: %w: line %s is not complete", avanak.ErrInvalid, name)
		}
	}
	if lead > media.MaxLeadIn {
		return nil, fmt.Errorf("call: %w: lead-in is over %s", avanak.ErrInvalid, media.MaxLeadIn)
	}
	return &Caller{lines: lines, pacer: pacer, clips: clips, lead: lead, hold: maxHold, log: log}, nil
}

// Place calls the intent's number over a route's trunk, plays the clip to whoever answers, and returns when the call is over.
// When ctx ends, a ringing call is cancelled and an answered one is hung up. gate is asked immediately before the INVITE
// leaves; where it errs, nothing does. The targets that earlier legs tried are
// not chosen again.
func (c *Caller) Place(ctx context.Context, i queue.Intent, via avanak.Route, gate func(context.Context) error) avanak.Report {
	if !i.Valid() {
		return failed(avanak.Failed, "no intent")
	}
	line, ok := c.lines[via.Trunk]
	if !ok {
		return failed(avanak.Failed, "no such trunk")
	}
	order := i.Claim().Order
	frames, err := c.clips.Frames(ctx, order.Clip)
	if err != nil {
		c.log.Error("clip cannot be played", "call_id", i.CallID(), "clip", order.Clip, "err", err)
		if errors.Is(err, avanak.ErrUnavailable) || ctx.Err() != nil {
			return failed(avanak.Congestion, "clip store unavailable")
		}
		return failed(avanak.Failed, "clip cannot be read")
	}
	if frames.Count() == 0 { // a phone would ring for nothing
		return failed(avanak.Failed, "clip is empty")
	}
	session, err := c.pacer.Open(line.Ports)
	if err != nil {
		c.log.Warn("no media port", "call_id", i.CallID(), "trunk", via.Trunk, "err", err)
		return failed(avanak.Congestion, "no media port")
	}
	defer session.Close()

	result := line.Agent.Invite(ctx, sip.Invite{CallID: i.CallID(), To: i.Claim().Number, From: order.Caller, Avoid: via.Tried,
		SDP:       sip.Offer(line.Address, int(session.LocalPort()), uint64(i.Attempt())), //nolint:gosec // 1..15
		RingLimit: order.Ring, BeforeSend: gate})
	if result.End != sip.Answered {
		return c.report(i, via, result)
	}
	return c.play(ctx, result, line, session, frames)
}

// failed is the report of an attempt that left no trace on the wire.
func failed(o avanak.Outcome, detail string) avanak.Report {
	return avanak.Report{Result: avanak.Result{Outcome: o}, Timeline: avanak.Timeline{Ended: time.Now()},
		Class: avanak.ClassUs, Detail: detail}
}

// report is that of an attempt that nobody answered.
func (c *Caller) report(i queue.Intent, via avanak.Route, r sip.Result) avanak.Report {
	outcome, detail := unanswered(r)
	if r.Err != nil {
		c.log.Info("leg not placed", "call_id", i.CallID(), "trunk", via.Trunk, "end", r.End.String(), "err", r.Err)
	}
	t := r.Timing
	if (r.End == sip.RingLimit || r.End == sip.Cancelled) && r.Status == 0 && !r.Late {
		r.RetryAfter = max(r.RetryAfter, unheard) // nothing confirmed our CANCEL: the phone may ring on
	}
	ended := t.Ended
	if ended.IsZero() {
		ended = time.Now()
	}
	report := avanak.Report{Class: r.Class, Dead: r.Dead, Target: r.Target, Detail: detail, RetryAfter: r.RetryAfter,
		Result:   avanak.Result{Outcome: outcome, SIP: r.Status, Cause: r.Cause, Started: t.Sent},
		Timeline: avanak.Timeline{Invited: t.Sent, Ringing: t.Ringing, Answered: t.Answered, Ended: ended}}
	if !t.Sent.IsZero() {
		report.Result.Ring = ended.Sub(t.Sent)
	}
	return report
}

// play is the answered part of a call.
func (c *Caller) play(ctx context.Context, r sip.Result, line Line, session *media.Session, frames avanak.Frames) avanak.Report {
	call, t := r.Call, r.Timing
	report := avanak.Report{Class: r.Class, Target: r.Target,
		Result:   avanak.Result{Outcome: avanak.Partial, SIP: r.Status, Started: t.Sent, Ring: t.Answered.Sub(t.Sent)},
		Timeline: avanak.Timeline{Invited: t.Sent, Ringing: t.Ringing, Answered: t.Answered},
	}
	if report.Result.SIP == 0 {
		report.Result.SIP = 200
	}
	if report.Timeline.Ringing.IsZero() {
		report.Timeline.Ringing = t.Answered
	}
	p, err := c.start(r, line, session, frames)
	if err != nil {
		c.log.Warn("call answered, but nothing could be played", "call_id", call.CallID(), "err", err)
		report.Result.Outcome, report.Detail = avanak.Failed, noMedia(err)
		c.hangup(call, sip.CauseIncompatible)
	} else {
		var cause int
		cause, report.Detail = c.follow(ctx, p)
		p.playback.Stop()
		stats := p.playback.Stats()
		c.hangup(call, cause)
		report.Timeline.FirstRTP, report.Timeline.FirstClip, report.Timeline.LastRTP = stats.FirstRTP, stats.FirstClip, stats.Last
		report.Result.Played = time.Duration(stats.Frames) * avanak.FrameTime
		if stats.Complete {
			report.Result.Outcome = avanak.Completed
		}
	}
	report.Ended, report.Result.Cause = call.EndedBy(), call.Cause()
	report.Timeline.Ended = call.Ended()
	if report.Timeline.Ended.IsZero() { // our BYE is still unanswered
		report.Timeline.Ended = time.Now()
	}
	report.Result.Talk = report.Timeline.Ended.Sub(t.Answered)
	return report
}

// noMedia says for people why an answered call had no sound: the far end's session description holds nothing that we can
// play to, or the fault is ours.
func noMedia(err error) string {
	if errors.Is(err, sip.ErrSDP) || errors.Is(err, sip.ErrNoAudio) || errors.Is(err, avanak.ErrInvalid) {
		return "media_negotiation_failed: " + cut(err.Error())
	}
	return "no media: " + cut(err.Error())
}

func (c *Caller) hangup(call *sip.Call, cause int) {
	// Must outlive the cancelled attempt: an answered callee is owed a BYE.
	ctx, cancel := context.WithTimeout(context.Background(), hangupTime)
	defer cancel()
	if err := call.Hangup(ctx, cause); err != nil {
		c.log.Info("bye is not answered yet", "call_id", call.CallID(), "err", err)
	}
}

// cut keeps a detail short.
func cut(s string) string {
	const most = 120
	if len(s) > most {
		return s[:most]
	}
	return s
}
