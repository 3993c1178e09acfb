package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

// table is the outcome table as it was agreed, written by hand: each row's statuses without a cause, and its causes.
var table = []struct {
	row      string
	class    avanak.Class
	statuses []int
	causes   []int
}{
	{"A answered", avanak.ClassAnswered, []int{200, 202, 299}, nil},
	{"B busy or absent", avanak.ClassAway, []int{486, 600, 480, 408, 487, 491}, []int{17, 18, 19, 20, 31}},
	{"C refused", avanak.ClassRefused, []int{603}, []int{21}},
	{"D do not call again", avanak.ClassUnwanted, []int{607, 608}, nil},
	{"E number bad", avanak.ClassNumber, []int{404, 410, 484, 604, 416}, []int{1, 2, 3, 22, 28}},
	{"F trunk congestion", avanak.ClassCongestion, []int{503, 500, 502, 504, 429, 580}, []int{34, 38, 41, 42, 43, 44, 47, 102}},
	{"H our fault", avanak.ClassFault, []int{400, 401, 407, 403, 405, 406, 413, 414, 415, 420, 421, 423, 428, 436, 437, 438, 488, 606,
		483, 482}, []int{57, 63, 65, 79, 88, 95, 96, 97, 98, 99, 100, 111}},
	{"a redirection is not followed", avanak.ClassRefused, []int{300, 301, 302, 305, 380, 399}, nil},
	{"form of the request", avanak.ClassFault, []int{505, 513}, nil},
	{"4xx not named, as 400", avanak.ClassFault, []int{402, 409, 417, 422, 433, 481, 485, 489, 493, 494, 499}, nil},
	{"5xx not named, as 500", avanak.ClassCongestion, []int{501, 555, 599}, nil},
	{"6xx not named, as 603", avanak.ClassRefused, []int{601, 602, 605, 609, 666, 699}, nil},
	{"no final status", avanak.NoClass, []int{-1, 0, 99, 100, 180, 183, 199, 700, 1 << 20}, nil},
}

func TestStatusWithoutACauseHasItsClass(t *testing.T) {
	for _, row := range table {
		for _, status := range row.statuses {
			for _, cause := range []int{0, 16, 127, 4, 128, -1} { // none, and those that say nothing
				require.Equal(t, row.class.String(), Classify(status, cause, "").String(), "%s: %d, cause %d", row.row, status, cause)
			}
		}
	}
}

func TestCauseBeatsTheStatus(t *testing.T) {
	for _, row := range table {
		for _, cause := range row.causes {
			for _, status := range []int{302, 403, 404, 480, 486, 487, 500, 503, 513, 580, 600, 603, 606} {
				require.Equal(t, row.class.String(), Classify(status, cause, "").String(), "%s: %d, cause %d", row.row, status, cause)
			}
		}
	}
}

func TestNoCauseChangesAFirmStatus(t *testing.T) {
	for cause := range 128 {
		for status, want := range map[int]avanak.Class{607: avanak.ClassUnwanted, 608: avanak.ClassUnwanted,
			401: avanak.ClassFault, 407: avanak.ClassFault, 200: avanak.ClassAnswered, 180: avanak.NoClass} {
			require.Equal(t, want.String(), Classify(status, cause, "").String(), "%d, cause %d", status, cause)
		}
	}
}

func TestNetworkThatBlocksUsIsNoRefusalOfOneCall(t *testing.T) {
	for text, want := range map[string]avanak.Class{
		"Network Blocked": avanak.ClassUnwanted, "network blocked: Decline": avanak.ClassUnwanted, "603 NETWORK BLOCKED by policy": avanak.ClassUnwanted,
		"Decline": avanak.ClassRefused, "": avanak.ClassRefused, "blocked": avanak.ClassRefused, "Network": avanak.ClassRefused,
	} {
		require.Equal(t, want.String(), Classify(603, 0, text).String(), text)
		require.Equal(t, want.String(), Classify(603, 21, text).String(), text)
	}
	require.Equal(t, avanak.ClassCongestion, Classify(503, 0, "Network Blocked"), "of a 603 only")
}

func TestEveryFinalResponseHasAClass(t *testing.T) {
	possible := []avanak.Class{avanak.ClassAway, avanak.ClassRefused, avanak.ClassUnwanted, avanak.ClassNumber, avanak.ClassCongestion,
		avanak.ClassFault}
	for status := 300; status <= 699; status++ {
		for cause := range 128 {
			require.Contains(t, possible, Classify(status, cause, ""), "%d, cause %d", status, cause)
		}
	}
}

func TestEndOfAnInviteIsJudged(t *testing.T) {
	rang := Timing{Ringing: time.Now()}
	unsent := func(err error) Result { return Result{End: NotSent, Err: fmt.Errorf("invite x: %w", err)} }
	kernel := &net.OpError{Op: "write", Net: "udp", Err: errors.New("network is unreachable")}
	gone, leave := context.WithCancel(t.Context())
	leave()
	late, expire := context.WithDeadline(t.Context(), time.Now())
	defer expire()
	for name, tt := range map[string]struct {
		r     Result
		class avanak.Class
		dead  bool
	}{
		"answered":                        {Result{End: Answered, Timing: rang}, avanak.ClassAnswered, false},
		"busy":                            {Result{End: Refused, Status: 486}, avanak.ClassAway, false},
		"declined":                        {Result{End: Refused, Status: 603}, avanak.ClassRefused, false},
		"blocked":                         {Result{End: Refused, Status: 603, Cause: 21, Reason: "Network Blocked"}, avanak.ClassUnwanted, false},
		"no such number":                  {Result{End: Refused, Status: 404}, avanak.ClassNumber, false},
		"redirected":                      {Result{End: Refused, Status: 302}, avanak.ClassRefused, false},
		"congestion":                      {Result{End: Refused, Status: 503}, avanak.ClassCongestion, true},
		"congestion after trying":         {Result{End: Refused, Status: 503, Timing: Timing{FirstProvisional: time.Now()}}, avanak.ClassCongestion, true},
		"congestion after ringing":        {Result{End: Refused, Status: 503, Timing: rang}, avanak.ClassCongestion, false},
		"congestion by cause":             {Result{End: Refused, Status: 486, Cause: 34}, avanak.ClassCongestion, true},
		"full, says the status only":      {Result{End: Refused, Status: 503, Cause: 17}, avanak.ClassAway, false},
		"fault":                           {Result{End: Refused, Status: 403}, avanak.ClassFault, true},
		"fault after ringing":             {Result{End: Refused, Status: 488, Timing: rang}, avanak.ClassFault, false},
		"ring limit":                      {Result{End: RingLimit, Status: 487, Timing: rang}, avanak.ClassAway, false},
		"ring limit, never rang":          {Result{End: RingLimit, Status: 487}, avanak.ClassAway, false},
		"ring limit, nothing confirmed":   {Result{End: RingLimit}, avanak.ClassAway, false},
		"ring limit crosses a congestion": {Result{End: RingLimit, Status: 503}, avanak.ClassAway, false},
		"ring limit crosses never again":  {Result{End: RingLimit, Status: 608, Cause: 21}, avanak.ClassUnwanted, false},
		"ring limit crosses the answer":   {Result{End: RingLimit, Late: true}, avanak.ClassAnswered, false},
		"silent":                          {Result{End: Silent, Err: ErrNoResponse}, avanak.ClassSilent, false},
		"silent since sends fail":         {Result{End: Silent, Err: errors.Join(ErrNoResponse, errSend)}, avanak.ClassSilent, false},
		"cancelled":                       {Result{End: Cancelled, Status: 487, Err: context.Canceled}, avanak.ClassUs, false},
		"cancelled crosses a congestion":  {Result{End: Cancelled, Status: 503}, avanak.ClassUs, false},
		"cancelled crosses never again":   {Result{End: Cancelled, Status: 607}, avanak.ClassUnwanted, false},
		"cancelled crosses the answer":    {Result{End: Cancelled, Late: true}, avanak.ClassAnswered, false},
		"broken":                          {Result{End: Broken, Err: errPanic}, avanak.ClassUs, false},
		"kernel does not send":            {unsent(sendFault(t.Context(), kernel)), avanak.ClassCongestion, true},
		"library does not send":           {unsent(sendFault(t.Context(), errors.New("x"))), avanak.ClassCongestion, true},
		"no address":                      {unsent(&transportError{errors.Join(context.DeadlineExceeded, errAllDown)}), avanak.ClassCongestion, true},
		"caller left the look-up":         {unsent(&transportError{context.Canceled}), avanak.ClassUs, false},
		"too large for UDP":               {unsent(&oversizeError{1400, 1300}), avanak.ClassFault, true},
		"caller left the send":            {unsent(sendFault(gone, context.Canceled)), avanak.ClassUs, false},
		"caller's time is over":           {unsent(sendFault(late, kernel)), avanak.ClassUs, false},
		"dial took too long":              {unsent(sendFault(t.Context(), context.DeadlineExceeded)), avanak.ClassCongestion, true},
		"our socket is closed":            {unsent(sendFault(t.Context(), &net.OpError{Op: "write", Err: net.ErrClosed})), avanak.ClassUs, false},
		"gate refuses":                    {unsent(fmt.Errorf("before send: %w", errors.New("paused"))), avanak.ClassUs, false},
		"gate's own network fails":        {unsent(fmt.Errorf("before send: %w", kernel)), avanak.ClassUs, false},
		"closing":                         {unsent(ErrClosing), avanak.ClassUs, false},
		"call-id in use":                  {unsent(errInUse), avanak.ClassUs, false},
	} {
		t.Run(name, func(t *testing.T) {
			tt.r.Dead = !tt.dead // is overwritten
			tt.r.judge()
			require.Equal(t, tt.class.String(), tt.r.Class.String())
			require.Equal(t, tt.dead, tt.r.Dead)
		})
	}
}

// Whatever the end: a leg that rang, or of which nobody knows whether it did, never lets another begin at once.
func TestDeadMeansThatNothingRang(t *testing.T) {
	for end := NotSent; end <= Broken+1; end++ {
		for status := 0; status <= 700; status += 4 {
			for _, late := range []bool{false, true} {
				r := Result{End: end, Status: status, Late: late, Timing: Timing{Ringing: time.Now()}}
				r.judge()
				require.False(t, r.Dead, "%+v", r)
				r.Timing = Timing{}
				r.judge()
				require.True(t, !r.Dead || end == Refused, "%+v", r)
			}
		}
	}
}

func FuzzClassify(f *testing.F) {
	f.Add(603, 21, "Network Blocked")
	f.Add(503, 17, "Service Unavailable")
	f.Add(-1, 1<<40, "\xff")
	classes := append(avanak.Classes(), avanak.NoClass)
	f.Fuzz(func(t *testing.T, status, cause int, text string) {
		got := Classify(status, cause, text)
		require.True(t, slices.Contains(classes, got))
		require.Equal(t, status < 200 || status > 699, got == avanak.NoClass)
		require.Equal(t, status >= 200 && status < 300, got == avanak.ClassAnswered)
		require.NotContains(t, []avanak.Class{avanak.ClassSilent, avanak.ClassUs}, got)
		if status == 607 || status == 608 {
			require.Equal(t, avanak.ClassUnwanted, got)
		}
		if status != 603 {
			require.Equal(t, Classify(status, cause, ""), got, "the text is a 603's")
		}
	})
}
