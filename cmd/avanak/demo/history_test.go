package demo

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/cmd/avanak/client"
	"github.com/avanak/avanak/sip/siptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testFrames = 12 // of the clip
	testLead   = 3  // frames of silence before it
)

var epoch = time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)

// goodHistory is a small campaign in which all went well: twelve people answered, two hung up early, three were busy twice,
// two did not answer, one is suppressed; five fast messages.
func goodHistory() History {
	h := History{Golden: testClip(), Receipt: client.Receipt{Rows: 25, Duplicates: 2, Invalid: 2, Emergency: 1, Suppressed: 1,
		Recipients: 20}, List: List{Rows: 25, Duplicates: 2, Invalid: 2, Emergency: 1, Suppressed: firstRecipient + 19}}
	states := make(map[string]int)
	for i := range 20 {
		n := firstRecipient + avanak.Number(i)
		h.List.Numbers = append(h.List.Numbers, n)
		row := client.Row{Ordinal: i, Number: n.E164(), Attempts: 1}
		at := epoch.Add(time.Duration(i) * 50 * time.Millisecond)
		switch {
		case i < 12:
			row.State = "delivered"
			h.Calls = append(h.Calls, played(n, 1, at, h.Golden))
		case i < 14:
			row.State = "partial"
			h.Calls = append(h.Calls, played(n, 1, at, h.Golden[:4*avanak.FrameBytes]))
		case i < 17:
			row.State, row.Attempts = "busy", 2
			h.Calls = append(h.Calls, refused(n, 1, at, 486), refused(n, 2, at.Add(3*time.Second), 486))
		case i < 19:
			row.State = "no_answer"
			h.Calls = append(h.Calls, refused(n, 1, at, 487))
		default:
			row.State, row.Attempts = "suppressed", 0
		}
		states[row.State]++
		h.Rows = append(h.Rows, row)
	}
	for i := range fastMessages {
		n := firstFast + avanak.Number(i)
		sent := epoch.Add(time.Duration(i) * time.Second)
		h.Fast = append(h.Fast, Fast{Sent: sent, Message: client.Message{Number: n.E164(), State: "delivered", Attempts: 1}})
		h.Calls = append(h.Calls, played(n, 1, sent.Add(20*time.Millisecond), h.Golden))
	}
	slices.SortStableFunc(h.Calls, func(a, b siptest.Call) int { return a.InviteAt.Compare(b.InviteAt) })
	h.Campaign = client.Campaign{Run: "done", Recipients: 20, States: states, Attempts: 22}
	return h
}

// testClip is noise, so that no frame is like another.
func testClip() []byte {
	r := rand.New(rand.NewPCG(1, 2))
	clip := make([]byte, testFrames*avanak.FrameBytes)
	for i := range clip {
		clip[i] = byte(r.Uint32())
	}
	return clip
}

func refused(n avanak.Number, nth int, at time.Time, status int) siptest.Call {
	id := avanak.CallID("cmp", uint32(n%1000), nth)
	c := siptest.Call{CallID: id, Number: n.E164(), Nth: nth, Status: status, Invites: []siptest.Invite{{CallID: id, At: at}}}
	c.InviteAt, c.RingingAt, c.EndedAt = at, at.Add(50*time.Millisecond), at.Add(time.Second)
	return c
}

// played is a call in which the lead-in and then clip arrived.
func played(n avanak.Number, nth int, at time.Time, clip []byte) siptest.Call {
	c := refused(n, nth, at, 200)
	c.AnsweredAt = at.Add(500 * time.Millisecond)
	c.AckAt = c.AnsweredAt.Add(2 * time.Millisecond)
	sound := slices.Concat(bytes.Repeat(quiet, testLead), clip)
	first := c.AnsweredAt.Add(5 * time.Millisecond)
	for i := range len(sound) / avanak.FrameBytes {
		c.Packets = append(c.Packets, siptest.Packet{At: first.Add(time.Duration(i) * avanak.FrameTime), Type: siptest.PCMA,
			SSRC: 7, Sequence: uint16(65530 + i), Timestamp: uint32(i * avanak.FrameBytes),
			Payload: slices.Clone(sound[i*avanak.FrameBytes : (i+1)*avanak.FrameBytes])})
	}
	c.RTP = siptest.Traffic{Packets: len(c.Packets), FirstAt: c.Packets[0].At, LastAt: c.Packets[len(c.Packets)-1].At}
	c.EndedAt = c.RTP.LastAt.Add(avanak.FrameTime)
	return c
}

// callTo returns the place of the first call to a number.
func (h History) callTo(n avanak.Number) int {
	return slices.IndexFunc(h.Calls, func(c siptest.Call) bool { return c.Number == n.E164() })
}
