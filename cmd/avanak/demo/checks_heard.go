package demo

import (
	"maps"
	"slices"
	"time"

	"github.com/avanak/avanak"
)

// deliveredWasHeard: whom the gateway calls delivered, heard every frame.
func (h History) deliveredWasHeard(heard []Hearing) Check {
	c := Check{Claim: "whoever counts as delivered heard every frame of the clip"}
	complete := make(map[avanak.Number]bool, len(heard))
	for _, e := range heard {
		if e.Complete {
			complete[e.Number] = true
		}
	}
	judge := func(number, state string) {
		n, err := avanak.ParseNumber(number)
		if state == avanak.Delivered.String() && (err != nil || !complete[n]) {
			c.fail("%s counts as delivered, but did not hear the whole clip", n)
		}
	}
	for _, row := range h.Rows {
		judge(row.Number, row.State)
	}
	for _, m := range h.Fast {
		judge(m.Number, m.State)
	}
	return c
}

// playbackExact: complete playbacks are alike to the bit. Where none is the golden clip, that is goldenHeard's to say.
func playbackExact(heard []Hearing) Check {
	c := Check{Claim: "each complete playback is bit-exact A-law, from the first frame to the last, in order"}
	complete, exact := counts(heard)
	if exact == 0 && complete > 0 {
		return c
	}
	for _, e := range heard {
		switch {
		case !e.Complete || e.Exact:
		case e.Differs >= 0:
			c.fail("%s heard something else from frame %d on", e.Number, e.Differs)
		default:
			c.fail("%s heard the clip, but not in order, or other sound around it", e.Number)
		}
	}
	return c
}

// goldenHeard: what was heard is what sox makes of the clip.
func goldenHeard(heard []Hearing) Check {
	c := Check{Claim: "the frames heard equal the golden A-law made by sox"}
	complete, exact := counts(heard)
	switch {
	case complete == 0:
		c.fail("no callee heard the clip to its end")
	case exact == 0:
		c.fail("none of %d complete playbacks equals the golden A-law", complete)
	}
	return c
}

func counts(heard []Hearing) (complete, exact int) {
	for _, e := range heard {
		if e.Complete {
			complete++
		}
		if e.Exact {
			exact++
		}
	}
	return complete, exact
}

// fastInTime: the fast messages were delivered, on average within the promise.
func (h History) fastInTime(heard []Hearing) Check {
	c := Check{Claim: "the fast messages were delivered in under " + fastPromise.String() + " on average"}
	for i, m := range h.Fast {
		if m.State != avanak.Delivered.String() {
			c.fail("fast message %d ended as %s", i+1, m.State)
		}
	}
	took := h.fastDeliveries(heard)
	if len(took) != fastMessages || len(h.Fast) != fastMessages {
		c.fail("%d of %d fast messages reached the ear", len(took), fastMessages)
	}
	if mean := meanOf(took); mean >= fastPromise {
		c.fail("fast messages took %s on average", mean.Round(time.Millisecond))
	}
	return c
}

// sorted returns a map's numbers in order.
func sorted[V any](m map[avanak.Number]V) []avanak.Number {
	return slices.Sorted(maps.Keys(m))
}
