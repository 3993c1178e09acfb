package sip

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Bounds of session timers (RFC 4028).
const (
	maxSession   = 24 * time.Hour
	graceSession = 32 * time.Second // a session is given up this long before it expires, or a third of it (section 10)
	shortSession = 90               // seconds: the least that RFC 4028 lets anybody ask for
)

// CauseExpired is the Q.850 cause of a call whose session was not refreshed: recovery on timer expiry.
const CauseExpired = 102

// session is the session timer of a call: whoever is its refresher sends a request at half of the interval, and the other
// hangs up where none comes. It sleeps where the far end wants none.
type session struct {
	call *Call

	mu       sync.Mutex
	interval time.Duration // 0: no timer; guarded by mu
	ours     bool          // we are the refresher; guarded by mu
	update   bool          // the far end understands UPDATE; guarded by mu
	timer    *time.Timer   // guarded by mu
	over     bool          // guarded by mu
}

// askForTimer puts Session-Expires and Min-SE on an INVITE where the trunk wants a timer, or a 422 told us a minimum.
func (a *Agent) askForTimer(req *sip.Request, minSE int) {
	interval := int(a.cfg.Session / time.Second)
	if interval > 0 {
		req.AppendHeader(sip.NewHeader("Session-Expires", strconv.Itoa(max(interval, minSE))+";refresher=uas"))
	}
	if minSE > 0 {
		req.AppendHeader(sip.NewHeader("Min-SE", strconv.Itoa(minSE)))
	}
}

// newSession reads what the 2xx says of the timer (section 7.2).
func newSession(c *Call, res *sip.Response) *session {
	s := &session{call: c, update: understands(res.GetHeaders("Allow"), "UPDATE")}
	if interval, refresher, ok := sessionExpires(res); ok {
		s.interval, s.ours = interval, refresher != "uas" // without a word it is the caller's
	}
	return s
}

// begin starts the timer.
func (s *session) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arm()
}

// end stops it for good.
func (s *session) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	if s.timer != nil {
		s.timer.Stop()
	}
}

// arm sets the timer anew. The caller holds mu.
func (s *session) arm() {
	if s.timer != nil {
		s.timer.Stop()
	}
	if s.over || s.interval == 0 {
		return
	}
	wait := s.interval / 2
	if !s.ours {
		wait = s.interval - min(graceSession, s.interval/3)
	}
	s.timer = time.AfterFunc(wait, func() { s.call.agent.crew.run(s.due) })
}

// refreshed takes in a request of the far end's that refreshes the session, and returns the header of our 2xx, nil for
// none (section 9): it stays the refresher that it names, and becomes it where it names none.
func (s *session) refreshed(req *sip.Request) sip.Header {
	interval, refresher, ok := sessionExpires(req)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ok {
		if s.interval != 0 && !s.ours {
			s.interval = 0 // the far end has turned it off
		}
		s.arm()
		return nil
	}
	if refresher == "" {
		refresher = "uac"
	}
	s.interval, s.ours = interval, refresher == "uas"
	s.arm()
	return sip.NewHeader("Session-Expires", strconv.Itoa(int(interval/time.Second))+";refresher="+refresher)
}

// due is the timer's work: refresh, or give up.
func (s *session) due() {
	c := s.call
	defer c.agent.guard("session timer")
	s.mu.Lock()
	ours, over, update, interval := s.ours, s.over, s.update, s.interval
	s.mu.Unlock()
	switch {
	case over:
		return
	case !ours:
		c.agent.log.Warn("session was not refreshed: the call is ended", "call_id", c.dialog.callID)
		c.leave(CauseExpired)
		return
	}
	var res *sip.Response
	if update {
		res = c.agent.settle(func() *sip.Request { return s.request(sip.UPDATE, interval) })
	} else {
		res = c.reinvite(func() *sip.Request { return s.request(sip.INVITE, interval) })
	}
	s.concluded(res)
}

// request is a refresh: an UPDATE without a session description, or a re-INVITE with the one that we had.
func (s *session) request(method sip.RequestMethod, interval time.Duration) *sip.Request {
	c := s.call
	var body []byte
	if method == sip.INVITE {
		body = c.local
	}
	req := c.dialog.requestWith(method, c.dialog.count(), body, headSupported,
		sip.NewHeader("Session-Expires", strconv.Itoa(int(interval/time.Second))+";refresher=uac"))
	req.AppendHeader(c.agent.contact(c.dialog.user, c.dialog.source.over))
	return req
}

// concluded acts on the answer to our refresh (section 10).
func (s *session) concluded(res *sip.Response) {
	c := s.call
	switch {
	case res == nil, res.StatusCode == 408, res.StatusCode == 481:
		c.agent.log.Warn("session could not be refreshed: the call is ended", "call_id", c.dialog.callID)
		c.leave(CauseExpired)
		return
	case res.IsSuccess():
		c.dialog.refresh(res)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch interval, refresher, ok := sessionExpires(res); {
	case !res.IsSuccess(): // 491, 500 and their kin: once more, at half of what is left; the far end gives up in the end
		if least, err := strconv.Atoi(headerValue(res.GetHeader("Min-SE"))); res.StatusCode == 422 && err == nil {
			s.interval = min(max(s.interval, time.Duration(least)*time.Second), maxSession)
		}
	case ok:
		s.interval, s.ours = interval, refresher != "uas"
	default: // the far end wants no timer any more
		s.interval = 0
	}
	s.arm()
}

// sessionExpires reads the Session-Expires header of a message, or its short form.
func sessionExpires(m interface{ GetHeader(string) sip.Header }) (interval time.Duration, refresher string, ok bool) {
	h := m.GetHeader("Session-Expires")
	if h == nil {
		h = m.GetHeader("x")
	}
	if h == nil {
		return 0, "", false
	}
	value, params, _ := strings.Cut(h.Value(), ";")
	seconds, err := strconv.ParseUint(strings.TrimSpace(value), 10, 31)
	if err != nil || seconds == 0 {
		return 0, "", false
	}
	for p := range strings.SplitSeq(params, ";") {
		if k, v, _ := strings.Cut(strings.TrimSpace(p), "="); strings.EqualFold(k, "refresher") {
			refresher = strings.ToLower(v)
		}
	}
	seconds = max(seconds, shortSession)
	return min(time.Duration(seconds)*time.Second, maxSession), refresher, true
}

// understands tells whether a list header names the word.
func understands(headers []sip.Header, word string) bool {
	for _, h := range headers {
		for item := range strings.SplitSeq(h.Value(), ",") {
			if strings.EqualFold(strings.TrimSpace(item), word) {
				return true
			}
		}
	}
	return false
}
