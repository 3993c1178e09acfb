package demo

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/sip/siptest"
)

func TestAGoodHistoryPasses(t *testing.T) {
	for _, c := range Judge(goodHistory()) {
		require.Empty(t, c.Failures, c.Claim)
	}
}

// The places of the checks in Judge's answer.
const (
	checkList = iota
	checkRest
	checkTwice
	checkForbidden
	checkAnswered
	checkDelivered
	checkExact
	checkGolden
	checkFast
)

func TestEachCheckIsSeenToFail(t *testing.T) {
	const someone = firstRecipient + 4 // delivered
	for name, tc := range map[string]struct {
		mutate func(*History)
		want   []int // the checks that speak, no other does
		says   string
	}{
		"a second call": {func(h *History) {
			h.Calls = append(h.Calls, played(someone, 2, epoch.Add(time.Minute), h.Golden))
		}, []int{checkTwice}, "+98912****05 was called 1 times more often than recorded"},
		"the same Call-ID rings again": {func(h *History) {
			h.Calls = append(h.Calls, h.Calls[h.callTo(someone)])
		}, []int{checkTwice}, "+98912****05"},
		"a fast message twice": {func(h *History) {
			h.Calls = append(h.Calls, played(firstFast, 2, epoch.Add(time.Minute), h.Golden))
		}, []int{checkTwice}, "+98912****01"},
		"a flipped bit": {func(h *History) {
			h.Calls[h.callTo(someone)].Packets[testLead+5].Payload[7] ^= 1
		}, []int{checkExact}, "from frame 5 on"},
		"a flipped bit in the first frame": {func(h *History) {
			h.Calls[h.callTo(someone)].Packets[testLead].Payload[0] ^= 0x80
		}, []int{checkExact}, "from frame 0 on"},
		"sound before the clip": {func(h *History) {
			h.Calls[h.callTo(someone)].Packets[1].Payload[0] ^= 0x40
		}, []int{checkExact}, "from frame 0 on"},
		"sound after the clip": {func(h *History) {
			c := &h.Calls[h.callTo(someone)]
			last := c.Packets[len(c.Packets)-1]
			last.Sequence++
			c.Packets = append(c.Packets, last)
		}, []int{checkExact}, "other sound around it"},
		"two packets change places": {func(h *History) {
			p := h.Calls[h.callTo(someone)].Packets
			p[6], p[7] = p[7], p[6]
		}, []int{checkExact}, "not in order"},
		"a missing frame": {func(h *History) {
			c := &h.Calls[h.callTo(someone)]
			c.Packets = slices.Delete(c.Packets, testLead+6, testLead+7)
		}, []int{checkDelivered}, "+98912****05 counts as delivered, but did not hear the whole clip"},
		"a frame left out without a gap": {func(h *History) {
			c := &h.Calls[h.callTo(someone)]
			c.Packets = slices.Delete(c.Packets, testLead+6, testLead+7)
			for i := range c.Packets {
				c.Packets[i].Sequence = uint16(i)
			}
		}, []int{checkDelivered}, "+98912****05"},
		"the last frame is missing": {func(h *History) {
			c := &h.Calls[h.callTo(someone)]
			c.Packets = c.Packets[:len(c.Packets)-1]
		}, []int{checkDelivered}, "+98912****05"},
		"the other law": {func(h *History) {
			for i := range h.Calls[h.callTo(someone)].Packets {
				h.Calls[h.callTo(someone)].Packets[i].Type = siptest.PCMU
			}
		}, []int{checkDelivered}, "+98912****05"},
		"delivered, but nobody was called": {func(h *History) {
			h.Calls = slices.Delete(h.Calls, h.callTo(someone), h.callTo(someone)+1)
		}, []int{checkDelivered}, "+98912****05"},
		"a suppressed number rang": {func(h *History) {
			h.Calls = append(h.Calls, refused(h.List.Suppressed, 1, epoch, 486))
			h.Rows[19].Attempts = 1
		}, []int{checkForbidden}, "the suppressed number +98912****20 was called"},
		"an emergency number rang": {func(h *History) {
			h.Calls = append(h.Calls, refused(firstRecipient, 1, epoch, 486))
			h.Calls[len(h.Calls)-1].Number = "110"
		}, []int{checkForbidden}, "emergency"},
		"a stranger rang": {func(h *History) {
			h.Calls = append(h.Calls, refused(firstRecipient+500, 1, epoch, 486))
		}, []int{checkTwice, checkForbidden}, "whom nobody named"},
		"garbage was dialled": {func(h *History) {
			h.Calls = append(h.Calls, refused(firstRecipient, 1, epoch, 486))
			h.Calls[len(h.Calls)-1].Number = "alice"
		}, []int{checkForbidden}, "no number"},
		"a recipient left pending": {func(h *History) {
			h.Rows[16].State = "retry_wait"
		}, []int{checkRest}, "+98912****17 is left as retry_wait"},
		"a recipient without a result": {func(h *History) {
			h.Rows = slices.Delete(h.Rows, 16, 17)
		}, []int{checkRest, checkTwice}, "+98912****17 has 0 results"},
		"a recipient with two results": {func(h *History) {
			h.Rows[15] = h.Rows[14]
		}, []int{checkRest, checkTwice}, "+98912****15 has 2 results"},
		"states that do not sum up": {func(h *History) {
			h.Campaign.States["busy"]++
		}, []int{checkRest}, "sum up to 21, of 20"},
		"a call that does not end": {func(h *History) {
			h.Calls[3].EndedAt = time.Time{}
		}, []int{checkRest}, "1 calls are still up"},
		"golden mismatch": {func(h *History) {
			h.Golden[1000] ^= 0x01
		}, []int{checkGolden}, "none of 17 complete playbacks equals the golden A-law"},
		"nobody heard the end": {func(h *History) {
			h.Golden = append(h.Golden, h.Golden...)
		}, []int{checkDelivered, checkGolden}, "no callee heard the clip to its end"},
		"few answered": {func(h *History) {
			for i := 7; i < 14; i++ {
				h.Calls[h.callTo(firstRecipient+avanak.Number(i))].AnsweredAt = time.Time{}
				h.Rows[i].State = "no_answer"
			}
		}, []int{checkAnswered}, "only 7 of 20"},
		"a row of the list got lost": {func(h *History) {
			h.Receipt.Duplicates--
		}, []int{checkList}, "counted 1 duplicates, the list holds 2"},
		"a fast message failed": {func(h *History) {
			h.Fast[2].State = "failed"
		}, []int{checkFast}, "fast message 3 ended as failed"},
		"fast messages late": {func(h *History) {
			for i := range h.Fast {
				h.Fast[i].Sent = h.Fast[i].Sent.Add(-20 * time.Second)
			}
		}, []int{checkFast}, "on average"},
		"a fast message was not sent": {func(h *History) {
			h.Fast = h.Fast[:4]
		}, []int{checkTwice, checkForbidden, checkFast}, "4 of 5 fast messages"},
		"no call at all": {func(h *History) {
			h.Calls = nil
		}, []int{checkAnswered, checkDelivered, checkGolden, checkFast}, "no callee heard"},
	} {
		t.Run(name, func(t *testing.T) {
			h := goodHistory()
			tc.mutate(&h)
			var spoke []int
			var said string
			for i, c := range Judge(h) {
				if len(c.Failures) > 0 {
					spoke = append(spoke, i)
				}
				for _, f := range c.Failures {
					said += f + "\n"
				}
			}
			require.Equal(t, tc.want, spoke, said)
			require.Contains(t, said, tc.says)
			require.NotContains(t, said, "9120000", "numbers are masked")
		})
	}
}
