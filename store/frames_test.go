package store

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

func TestFramesLongestClipFits(t *testing.T) {
	want := frames(maxLaw / avanak.FrameBytes)
	require.Equal(t, avanak.MaxClip, want.Duration())
	got, err := decodeFrames(encodeFrames(want))
	require.NoError(t, err)
	require.True(t, bytes.Equal(want.ALaw, got.ALaw) && bytes.Equal(want.ULaw, got.ULaw))
	require.Equal(t, len(got.ALaw), cap(got.ALaw), "an append to one law must not write into the other")
}

func FuzzDecodeFrames(f *testing.F) {
	whole, err := io.ReadAll(encodeFrames(frames(2)))
	require.NoError(f, err)
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add([]byte{})
	f.Add([]byte(framesMagic + "\xff\xff\xff\xff\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decodeFrames(bytes.NewReader(b))
		if err != nil {
			require.ErrorIs(t, err, avanak.ErrInvalid)
			return
		}
		again, err := io.ReadAll(encodeFrames(got))
		require.NoError(t, err)
		require.Equal(t, b, again)
	})
}

func TestFrameCacheDropsWhatWasUsedLongestAgo(t *testing.T) {
	size := int64(2 * avanak.FrameBytes)
	c := newFrameCache(3 * size)
	for _, id := range []string{"a", "b", "c"} {
		c.add(id, frames(1))
	}
	_, ok := c.frames("a") // now b is the oldest
	require.True(t, ok)
	c.add("a", frames(1)) // held already
	c.add("d", frames(1))
	c.add("huge", frames(4)) // above the limit
	for id, want := range map[string]bool{"a": true, "b": false, "c": true, "d": true, "huge": false} {
		_, ok := c.frames(id)
		require.Equal(t, want, ok, id)
	}
	require.Equal(t, 3*size, c.bytes)
	c.add("three", frames(3))
	require.Equal(t, 3*size, c.bytes)
	require.Len(t, c.byID, 1)
	require.Equal(t, 1, c.order.Len())
}
