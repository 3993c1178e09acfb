package sip

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Bounds of session timers (RFC 4028), in seconds.
const (
	maxSession   = 24 * 60 * 60
	shortSession = 90 // the least that anybody may ask for (section 4)
	graceSession = 32 // a session is given up this long before it expires, or a third of it (section 10)
	pauseSession = 2  // at least between two tries to refresh, and then the far end's glare is over (RFC 3261 section 14.1)
)

// CauseExpired is the Q.850 cause of a call whose session was not refreshed: recovery on timer expiry.
const CauseExpired = 102

// session is the session timer of a call: whoever is its refresher sends a request at half of the interval, and the other
// hangs up where none comes. It sleeps where the far end wants none.
type session struct {
	call *Call

	mu       sync.Mutex
	interval int         // seconds, 0: no timer; guarded by mu
	minSE    int         // seconds that a 422 asked for; guarded by mu
	ours     bool        // we are the refresher; guarded by mu
	update   bool        // the far end understands UPDATE; guarded by mu
	timer    *time.Timer // guarded by mu
	next     time.Time   // when the timer is due; guarded by mu
	until    time.Time   // when the session expires; guarded by mu
	over     bool        // guarded by mu
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
		s.interval, s.ours = bounded(interval), refresher != "uas" // without a word it is the caller's
	}
	return s
}

// begin starts the timer.
func (s *session) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.renew()
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

// seconds is a length of time as the Agent counts it.
func (s *session) seconds(n int) time.Duration { return time.Duration(n) * s.call.agent.second }

// renew begins the interval anew. The caller holds mu.
func (s *session) renew() {
	s.until = time.Now().Add(s.seconds(s.interval))
	wait := s.seconds(s.interval) / 2
	if !s.ours {
		wait = s.seconds(s.interval - min(graceSession, s.interval/3))
	}
	s.arm(wait)
}

// again tries to refresh once more after half of what is left, or ends the call where nothing is left. The caller holds mu.
func (s *session) again() {
	left, pause := time.Until(s.until), s.seconds(pauseSession)
	if left < pause {
		s.call.agent.crew.run(s.expire)
		return
	}
	s.arm(max(left/2, pause))
}

// arm sets the timer. The caller holds mu.
func (s *session) arm(wait time.Duration) {
	if s.timer != nil {
		s.timer.Stop()
	}
	if s.over || s.interval == 0 {
		return
	}
	s.next = time.Now().Add(wait)
	s.timer = time.AfterFunc(wait, func() { s.call.agent.crew.run(s.due) })
}

// refreshed takes in a request of the far end's that refreshes the session, and returns the headers of our 2xx
// (section 9): it stays the refresher that it names, and becomes it where it names none.
func (s *session) refreshed(req *sip.Request) []sip.Header {
	interval, refresher, ok := sessionExpires(req)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ok {
		if s.interval != 0 && !s.ours {
			s.interval = 0 // the far end has turned it off
		}
		s.renew()
		return nil
	}
	if refresher == "" {
		refresher = "uac"
	}
	s.interval, s.ours = bounded(interval), refresher == "uas"
	s.renew()
	headers := []sip.Header{sip.NewHeader("Session-Expires", strconv.Itoa(s.interval)+";refresher="+refresher)}
	if refresher == "uac" { // then the far end must know of it
		headers = append(headers, sip.NewHeader("Require", "timer"))
	}
	return headers
}

// due is the timer's work: refresh, or give up.
func (s *session) due() {
	c := s.call
	defer c.agent.guard("session timer")
	s.mu.Lock()
	ours, update := s.ours, s.update
	over := s.over || s.interval == 0 || time.Now().Before(s.next)
	s.mu.Unlock()
	switch {
	case over: // or refreshed, or turned off, at the last moment
		return
	case !ours:
		s.expire()
		return
	}
	var res *sip.Response
	if update {
		res = c.agent.settle(func() *sip.Request { return s.request(sip.UPDATE) })
	} else {
		res = c.reinvite(func() *sip.Request { return s.request(sip.INVITE) })
	}
	s.concluded(res)
}

// expire ends the call whose session was not refreshed.
func (s *session) expire() {
	s.call.agent.log.Warn("session was not refreshed: the call is ended", "call_id", s.call.dialog.callID)
	s.call.leave(CauseExpired)
}

// request is a refresh: an UPDATE without a session description, or a re-INVITE with the one that we have.
func (s *session) request(method sip.RequestMethod) *sip.Request {
	c := s.call
	s.mu.Lock()
	interval, minSE := s.interval, s.minSE
	s.mu.Unlock()
	var body []byte
	if method == sip.INVITE {
		body = c.description()
	}
	req := c.dialog.requestWith(method, c.dialog.count(), body, headSupported,
		sip.NewHeader("Session-Expires", strconv.Itoa(interval)+";refresher=uac"))
	if minSE > 0 {
		req.AppendHeader(sip.NewHeader("Min-SE", strconv.Itoa(minSE)))
	}
	req.AppendHeader(c.agent.contact(c.dialog.user, c.dialog.source.over))
	return req
}

// concluded acts on the answer to our refresh (section 10).
func (s *session) concluded(res *sip.Response) {
	c := s.call
	if res == nil || res.StatusCode == 408 || res.StatusCode == 481 { // the far end has lost the call
		s.expire()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if res.StatusCode == 422 {
		least, err := strconv.Atoi(headerValue(res.GetHeader("Min-SE")))
		if err == nil && least > s.interval && least <= maxSession {
			s.interval, s.minSE = least, least
			s.arm(0)
			return
		}
	}
	if !res.IsSuccess() { // 491, 500 and their kin
		s.again()
		return
	}
	c.dialog.refresh(res)
	s.interval = 0 // unless the far end still wants a timer
	if interval, refresher, ok := sessionExpires(res); ok {
		s.interval, s.ours = bounded(interval), refresher != "uas"
	}
	s.renew()
}

// bounded is an interval of the far end's, in seconds, within what we keep to.
func bounded(interval int) int { return min(max(interval, shortSession), maxSession) }

// sessionExpires reads the Session-Expires header of a message, or its short form: seconds, as the far end wrote them.
func sessionExpires(m interface{ GetHeader(string) sip.Header }) (interval int, refresher string, ok bool) {
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
	return int(seconds), refresher, true
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
