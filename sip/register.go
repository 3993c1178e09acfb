package sip

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Bounds of the registration.
const (
	maxBackoff  = 5 * time.Minute // between two that were refused
	maxGranted  = 24 * time.Hour  // what a registrar may grant
	shareOfLife = 8               // tenths of the granted time after which it is refreshed

	// In T1.
	leastFactor   = 2 // between two REGISTERs
	refusedFactor = 4 // after the first refusal
	byeFactor     = 4 // for the last one, which takes the binding back
)

// registration is the state of one binding (RFC 3261 section 10.2): one Call-ID, a CSeq that grows.
type registration struct {
	agent  *Agent
	callID string
	tag    string
	cseq   uint32
	minSec int  // what a 423 asked for
	bound  bool // the registrar may know us
}

// keepRegistered registers and refreshes until the Agent drains, and then takes the binding back.
func (a *Agent) keepRegistered() {
	r := &registration{agent: a, callID: "register-" + sip.GenerateTagN(20), tag: sip.GenerateTagN(16)}
	ctx, cancel := context.WithCancel(a.life)
	defer cancel()
	a.crew.run(func() { // a drain ends the wait for an answer
		select {
		case <-a.drain:
			cancel()
		case <-ctx.Done():
		}
	})
	backoff := refusedFactor * sip.T1
	for ctx.Err() == nil {
		granted, err := r.renew(ctx, a.cfg.Register.Expires)
		if ctx.Err() != nil {
			break
		}
		var wait time.Duration
		if err == nil {
			backoff = refusedFactor * sip.T1
			wait = max(granted/10*shareOfLife, leastFactor*sip.T1)
			a.health.enrolled(true, "")
			a.m.registered.Set(1)
		} else {
			wait = backoff + time.Duration(rand.Int64N(int64(backoff)/4)) //nolint:gosec // spreading, not secrecy
			backoff = min(2*backoff, maxBackoff)
			a.health.enrolled(false, err.Error())
			a.m.registered.Set(0)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
	a.m.registered.Set(0)
	r.leave()
}

// leave takes the binding back, by the same Call-ID (section 10.2.4); an answer is not needed.
func (r *registration) leave() {
	if !r.bound {
		return
	}
	a := r.agent
	ctx, cancel := context.WithTimeout(a.life, byeFactor*sip.T1)
	defer cancel()
	if _, err := r.renew(ctx, 0); err != nil {
		a.log.Info("not unregistered", "err", err)
	}
}

// renew sends one REGISTER, again where it is challenged or asks for too little, and returns the granted time.
func (r *registration) renew(ctx context.Context, expires time.Duration) (held time.Duration, err error) {
	a := r.agent
	defer func() { // what a registrar sends ends neither the process nor the registering
		if p := recover(); p != nil {
			a.panicked("register", p)
			err = errPanic
		}
	}()
	place, err := a.targets.choose(ctx, nil)
	if err != nil {
		return 0, err
	}
	to := hop{place.Addr, a.cfg.Transport}
	x := a.exchange()
	for range maxChallenges + 1 {
		seconds := int(expires / time.Second)
		if seconds > 0 {
			seconds = max(seconds, r.minSec)
		}
		req := r.request(place.Host, to, seconds)
		authorize(x, req, nil)
		res, err := a.ask(ctx, req)
		fault, unsent := errors.AsType[*transportError](err)
		switch {
		case unsent:
			return 0, errors.New(fault.reason())
		case err != nil:
			r.bound = true // as far as we know
			return 0, fmt.Errorf("no answer from %s", to)
		case res.IsSuccess():
			r.bound = true
			accepted(x, res)
			return granted(res, a.self[to.over], seconds), nil
		case challenged(res):
			if err := a.challenge(x, res); err != nil {
				return 0, err
			}
		case res.StatusCode == 423 && seconds > 0: // interval too brief
			least, err := strconv.Atoi(headerValue(res.GetHeader("Min-Expires")))
			if err != nil || least <= seconds || least > int(maxGranted/time.Second) {
				return 0, fmt.Errorf("registrar answered 423 without a usable Min-Expires")
			}
			r.minSec = least
		default:
			return 0, fmt.Errorf("registrar answered %d %s", res.StatusCode, phrase(res.Reason))
		}
	}
	return 0, fmt.Errorf("registrar goes on asking for credentials")
}

func (r *registration) request(host string, to hop, seconds int) *sip.Request {
	a := r.agent
	r.cseq++
	domain := a.cfg.Register.Domain
	if domain == "" {
		domain = host
	}
	aor := sip.Uri{Scheme: "sip", User: a.cfg.Register.User, Host: domain}
	req := a.newRequest(sip.REGISTER, sip.Uri{Scheme: "sip", Host: domain}, a.via(to.over), to)
	callID := sip.CallIDHeader(r.callID)
	expires := sip.ExpiresHeader(seconds) //nolint:gosec // at most a day
	req.AppendHeader(&sip.FromHeader{Address: aor, Params: sip.HeaderParams{{K: "tag", V: r.tag}}})
	req.AppendHeader(&sip.ToHeader{Address: aor})
	req.AppendHeader(&callID)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: r.cseq, MethodName: sip.REGISTER})
	req.AppendHeader(a.contact(a.cfg.Register.User, to.over))
	req.AppendHeader(&expires)
	req.AppendHeader(a.userAgent)
	return enclose(req, nil)
}

// granted is how long the binding holds: the expires parameter of our Contact in the 200, else its Expires header, else
// what we asked for (RFC 3261 section 10.2.4). Other bindings of the same user may stand beside ours.
func granted(res *sip.Response, self hostPort, asked int) time.Duration {
	seconds := asked
	if n, err := strconv.Atoi(headerValue(res.GetHeader("Expires"))); err == nil && n >= 0 {
		seconds = n
	}
	for _, h := range res.GetHeaders("Contact") {
		c, ok := h.(*sip.ContactHeader)
		if !ok || trimBrackets(c.Address.Host) != self.host || (c.Address.Port != self.port && c.Address.Port != 0) {
			continue
		}
		text, _ := c.Params.Get("expires")
		if n, err := strconv.Atoi(text); err == nil && n >= 0 {
			seconds = n
		}
	}
	return min(time.Duration(seconds)*time.Second, maxGranted)
}

// headerValue is a header's value without its parameters, "" where there is none.
func headerValue(h sip.Header) string {
	if h == nil {
		return ""
	}
	value, _, _ := strings.Cut(h.Value(), ";")
	return strings.TrimSpace(value)
}
