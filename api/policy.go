package api

import (
	"strconv"
	"time"

	"github.com/avanak/avanak"
)

// window is the calling hours as the API writes them.
type window struct {
	From string   `json:"from" example:"07:00" doc:"Local time, 00:00 to 24:00"`
	To   string   `json:"to" example:"23:00" doc:"Local time; no call starts at or after it"`
	Zone string   `json:"zone,omitempty" maxLength:"64" example:"Asia/Tehran" doc:"IANA name; Asia/Tehran where none is given"`
	Days []string `json:"days,omitempty" nullable:"false" maxItems:"7" enum:"sat,sun,mon,tue,wed,thu,fri" doc:"Every day where none is given"`
}

// read returns the window; nil where w is.
func (w *window) read(f *faults) *avanak.Window {
	if w == nil {
		return nil
	}
	clock := func(name, text string) int {
		minutes, err := avanak.ParseClock(text)
		if err != nil {
			f.add("body.window."+name, "must be a time such as 08:30, 00:00 to 24:00")
		}
		return minutes
	}
	read := avanak.Window{From: clock("from", w.From), To: clock("to", w.To), Zone: w.Zone}
	if read.Zone == "" {
		read.Zone = avanak.DefaultZone
	}
	days, err := avanak.ParseDays(w.Days)
	if err != nil {
		f.add("body.window.days", "must be some of sat sun mon tue wed thu fri")
	}
	read.Days = days
	hours := avanak.Window{From: 0, To: 1, Zone: read.Zone}
	if hours.Validate() != nil {
		f.add("body.window.zone", "must be an IANA name such as "+avanak.DefaultZone)
	} else if len(*f) == 0 && read.Validate() != nil {
		f.add("body.window", "must start before it ends")
	}
	return &read
}

func windowOf(w avanak.Window) *window {
	zone := w.Zone
	if zone == "" {
		zone = avanak.DefaultZone
	}
	return &window{From: avanak.FormatClock(w.From), To: avanak.FormatClock(w.To), Zone: zone, Days: w.Days.Names()}
}

// retry is the retry policy as the API writes it.
type retry struct {
	MaxAttempts     int    `json:"max_attempts,omitempty" minimum:"1" maximum:"15" example:"3" doc:"Most attempts that ring"`
	Busy            string `json:"busy,omitempty" example:"3m" doc:"Wait after busy; 0s means no retry"`
	NoAnswer        string `json:"no_answer,omitempty" example:"30m" doc:"Wait after no answer; 0s means no retry"`
	Congestion      string `json:"congestion,omitempty" example:"10s" doc:"Wait after the trunk could not; 0s means no retry"`
	CongestionTries int    `json:"congestion_tries,omitempty" minimum:"1" maximum:"15" example:"3" doc:"Attempts that the trunk may fail beside max_attempts"`
}

// maxWait is the longest wait before a retry (avanak.RetryPolicy.Validate).
const maxWait = 7 * 24 * time.Hour

// read returns the policy, with the defaults for what r leaves out; nil where r is nil.
func (r *retry) read(f *faults, defaults avanak.RetryPolicy) *avanak.RetryPolicy {
	if r == nil {
		return nil
	}
	p := defaults
	if r.MaxAttempts != 0 {
		p.MaxAttempts = r.MaxAttempts
	}
	if r.CongestionTries != 0 {
		p.CongestionTries = r.CongestionTries
	}
	for _, wait := range []struct {
		name, text string
		field      *time.Duration
	}{{"busy", r.Busy, &p.Busy}, {"no_answer", r.NoAnswer, &p.NoAnswer}, {"congestion", r.Congestion, &p.Congestion}} {
		if wait.text != "" {
			*wait.field = f.duration("body.retry."+wait.name, wait.text, 0, maxWait)
		}
	}
	return &p
}

func retryOf(p avanak.RetryPolicy) *retry {
	charged, _ := p.Limits()
	return &retry{MaxAttempts: charged, Busy: short(p.Busy), NoAnswer: short(p.NoAnswer), Congestion: short(p.Congestion),
		CongestionTries: p.CongestionTries}
}

// seconds writes a length of time as a JSON number, to the millisecond.
type seconds float64

func secondsOf(d time.Duration) seconds {
	return seconds(float64(d.Round(time.Millisecond)) / float64(time.Second))
}

// String writes it as JSON does.
func (s seconds) String() string { return strconv.FormatFloat(float64(s), 'f', -1, 64) }
