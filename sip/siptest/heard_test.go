package siptest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// packets cuts payload into packets of 20 ms from a sequence number near its wrap.
func packets(payload []byte) []Packet {
	var ps []Packet
	at := time.Unix(1700000000, 0)
	for i := 0; i*160 < len(payload); i++ {
		ps = append(ps, Packet{At: at.Add(time.Duration(i) * 20 * time.Millisecond), Payload: payload[i*160 : (i+1)*160],
			Timestamp: 0xffffff00 + uint32(i*160), SSRC: 1, Sequence: 65533 + uint16(i), Type: PCMA, Marker: i == 0})
	}
	return ps
}

func TestAssemblePutsPacketsInOrder(t *testing.T) {
	in := packets(clip(10))
	shuffled := slices.Concat(in[:4], in[5:6], in[4:5], in[6:8], in[7:8], in[9:], []Packet{{SSRC: 2}})
	h := Assemble(shuffled)
	require.Equal(t, 1, h.Lost)
	require.Equal(t, 1, h.Duplicates)
	require.Equal(t, 1, h.Reordered)
	require.Equal(t, 1, h.Foreign)
	require.Equal(t, 1, h.Markers)
	require.Zero(t, h.TimestampGaps)
	require.Equal(t, 9, h.Packets)
	require.Equal(t, slices.Concat(clip(10)[:8*160], clip(10)[9*160:]), h.Payload)
	require.Equal(t, in[0].At, h.FirstAt)
	require.Equal(t, in[9].At, h.LastAt)
	require.Equal(t, 40*time.Millisecond, h.MaxGap)
	require.Equal(t, Heard{}, Assemble(nil))
}

func TestAssembleKnowsShiftsAndEvents(t *testing.T) {
	in := packets(clip(10))
	for i := 5; i < 10; i++ { // the sender stalled: the next frame goes next, the timestamp tells
		in[i].Timestamp += 480
		in[i].At = in[i].At.Add(60 * time.Millisecond)
	}
	in[5].Marker = true
	h := Assemble(in)
	require.Equal(t, 1, h.TimestampGaps)
	require.Equal(t, 2, h.Markers)
	require.Zero(t, h.Jitter)
	require.True(t, h.Match(clip(10), 160, 0xd5).BitExact, "shifted, not cut")

	in[3].Type, in[3].Payload = 101, []byte{1, 2, 3, 4}
	h = Assemble(in)
	require.Zero(t, h.Lost)
	require.Len(t, h.Payload, 9*160)

	late := packets(clip(3))
	late[2].At = late[2].At.Add(160 * time.Millisecond)
	require.Equal(t, 10*time.Millisecond, Assemble(late).Jitter)
}

func TestMatchTellsWhatWasHeard(t *testing.T) {
	c := clip(20)
	quietStart := slices.Concat(silence(2), c, silence(3))
	cut := func(ps []Packet, from, to int) []Packet { return slices.Delete(ps, from, to) }
	wrong := slices.Clone(c)
	wrong[7*160+3]++
	for name, tc := range map[string]struct {
		heard []Packet
		clip  []byte
		want  Match
	}{
		"plain":           {packets(c), c, Match{true, true, 0, 20}},
		"lead-in, tail":   {packets(slices.Concat(silence(25), c, silence(1))), c, Match{true, true, 25 * 160, 20}},
		"silent edges":    {packets(slices.Concat(silence(4), quietStart)), quietStart, Match{true, true, 4 * 160, 25}},
		"nothing":         {nil, c, Match{Start: -1}},
		"only silence":    {packets(silence(30)), c, Match{Start: -1}},
		"silent clip":     {packets(silence(3)), silence(2), Match{true, true, 0, 2}},
		"short silence":   {packets(silence(1)), silence(2), Match{false, false, 0, 1}},
		"first frame cut": {packets(slices.Concat(silence(4), c[160:])), c, Match{Start: -1}},
		"lead cut":        {packets(quietStart[160:]), quietStart, Match{Start: -1}},
		"last frame cut":  {packets(c[:19*160]), c, Match{false, false, 0, 19}},
		"tail cut":        {packets(quietStart[:24*160]), quietStart, Match{false, false, 0, 24}},
		"wrong byte":      {packets(wrong), c, Match{false, false, 0, 7}},
		"lost in clip":    {cut(packets(c), 5, 6), c, Match{false, false, 0, 5}},
		"lost and same":   {cut(packets(silence(4)), 1, 2), silence(3), Match{false, false, 160, 2}},
		"lost in lead-in": {cut(packets(slices.Concat(silence(4), c)), 1, 2), c, Match{true, false, 3 * 160, 20}},
		"sound before":    {packets(slices.Concat(wrong[7*160:8*160], c)), c, Match{true, false, 160, 20}},
		"sound after":     {packets(slices.Concat(c, c[:160])), c, Match{true, false, 0, 20}},
		"second try":      {packets(slices.Concat(c[:800], silence(1), c)), c, Match{true, false, 960, 20}},
		"half frame":      {packets(c), c[:100], Match{Start: -1}},
		"no clip":         {packets(c), nil, Match{Start: -1}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.want, Assemble(tc.heard).Match(tc.clip, 160, 0xd5))
		})
	}
}
