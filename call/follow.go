package call

import (
	"context"
	"net/netip"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/media"
	"github.com/avanak/avanak/sip"
)

// maxHold bounds how long a callee may hold a call, all holds together: a held clip does not end, and its channel is taken.
const maxHold = time.Minute

// playing is an answered call with its playback, as the far end's latest session description wants it.
type playing struct {
	call     *sip.Call
	playback *media.Playback
	frames   avanak.Frames
	addr     netip.AddrPort // where the description last heard from says that the callee listens; invalid: nowhere yet
	law      uint8          // payload type
	held     bool
}

// start sends the first packet to where the SDP answer says, or waits where that holds the call from its beginning.
func (c *Caller) start(r sip.Result, line Line, session *media.Session, frames avanak.Frames) (*playing, error) {
	answer, err := sip.ParseAnswer(r.Call.RemoteSDP())
	if err != nil {
		return nil, err
	}
	p := &playing{call: r.Call, frames: frames, law: answer.PayloadType, held: holds(answer)}
	if !answer.Addr.Addr().IsUnspecified() {
		p.addr = answer.Addr
	}
	o := media.Options{LeadIn: c.lead, Held: p.held}
	if line.Symmetric {
		signalling, err := netip.ParseAddrPort(r.Target)
		if err != nil { // sip writes nothing else; the SDP is then what there is
			c.log.Error("target is no address", "call_id", r.Call.CallID(), "err", err)
		}
		o.SymmetricFrom = signalling.Addr()
	}
	p.playback, err = session.Play(p.addr, p.law, encoded(frames, p.law), o)
	return p, err
}

// follow keeps the playback as the far end wants it until the clip or the call is over, and tells with which Q.850 cause
// to hang up, and why where it is not for the clip's end.
func (c *Caller) follow(ctx context.Context, p *playing) (cause int, detail string) {
	left, since := c.hold, time.Now() // of the time that a call may be held, and when this hold began
	limit := time.NewTimer(left)
	defer limit.Stop()
	if !p.held {
		limit.Stop()
	}
	for {
		select {
		case <-p.playback.Done():
			return sip.CauseNormal, ""
		case <-p.call.Done():
			return sip.CauseNormal, ""
		case <-ctx.Done():
			return sip.CauseNormal, "shutdown"
		case <-limit.C:
			return sip.CauseNormal, "held for over " + c.hold.String()
		case <-p.call.Updated():
		}
		before := p.held
		if err := p.update(); err != nil {
			c.log.Warn("callee has moved to where nothing can be played", "call_id", p.call.CallID(), "err", err)
			return sip.CauseIncompatible, noMedia(err)
		}
		switch {
		case p.held && !before:
			since = time.Now()
			limit.Reset(left)
		case before && !p.held:
			limit.Stop()
			left -= time.Since(since)
		}
	}
}

// update does what a new session description asks. One that names the address of the one before moves nothing: media may
// have learned a better one (Line.Symmetric), and a hold often names that of its music.
func (p *playing) update() error {
	offer, err := sip.ParseAnswer(p.call.RemoteSDP())
	if err != nil {
		return err
	}
	p.held = holds(offer)
	if p.held {
		p.playback.Hold(true)
		return nil
	}
	if offer.PayloadType != p.law {
		if err := p.playback.Recode(offer.PayloadType, encoded(p.frames, offer.PayloadType)); err != nil {
			return err
		}
		p.law = offer.PayloadType
	}
	if offer.Addr != p.addr {
		if err := p.playback.Retarget(offer.Addr); err != nil {
			return err
		}
		p.addr = offer.Addr
	}
	p.playback.Hold(false)
	return nil
}

// holds tells whether the far end does not listen (RFC 3264 section 8.4).
func holds(a sip.Answer) bool { return a.Direction == sip.SendOnly || a.Direction == sip.Inactive }

// encoded is the clip in the law of a payload type.
func encoded(f avanak.Frames, payloadType uint8) []byte {
	if payloadType == media.PCMU {
		return f.ULaw
	}
	return f.ALaw
}
