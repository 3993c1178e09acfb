package campaign_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/campaign"
)

// failingReader is a body that broke off.
type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

// listOf makes bodies that end with an error, or well where it is nil.
func listOf(text string, end error) func() io.Reader {
	return func() io.Reader {
		if end == nil {
			return strings.NewReader(text)
		}
		return io.MultiReader(strings.NewReader(text), failingReader{end})
	}
}

func (b *bench) load(t *testing.T, id, list string) campaign.Receipt {
	t.Helper()
	r, err := b.Load(t.Context(), alice, id, campaign.CSV, strings.NewReader(list))
	require.NoError(t, err)
	return r
}

func TestLoadAddsWhatCanBeCalled(t *testing.T) {
	both(t, campaign.Config{}, func(t *testing.T, b *bench) {
		require.NoError(t, b.suppressed.Add(t.Context(), 989120000002))
		c := b.create(t)
		got := b.load(t, c.ID, "number\n09120000001\n09120000002\n+989120000001\n110\nx\n+440000000000\n9.12E+09\n09120000003\n")
		require.Equal(t, campaign.Receipt{Rows: 8, Accepted: 2, Suppressed: 1, Duplicates: 1, Invalid: 2, Emergency: 1,
			Destination: 1, Recipients: 3, Rejected: []campaign.Row{{Line: 4, Reason: "duplicate"}, {Line: 5, Reason: "emergency"},
				{Line: 6, Reason: "invalid"}, {Line: 7, Reason: "destination"}, {Line: 8, Reason: "scientific"}}}, got)
		require.Equal(t, map[avanak.Number]avanak.State{989120000001: avanak.Pending, 989120000002: avanak.IsSuppressed,
			989120000003: avanak.Pending}, b.recipients(t, c.ID))

		// A second list goes behind the first, and knows it.
		r, err := b.Load(t.Context(), alice, c.ID, campaign.NDJSON,
			strings.NewReader(`{"number":"۰۹۱۲۰۰۰۰۰۰۴"}`+"\n"+`{"number":"9120000001"}`))
		require.NoError(t, err)
		require.Equal(t, campaign.Receipt{Rows: 2, Accepted: 1, Duplicates: 1, Recipients: 4,
			Rejected: []campaign.Row{{Line: 2, Reason: "duplicate"}}}, r)
		p := b.progress(t, c.ID)
		require.Equal(t, 4, p.Recipients)
		require.Equal(t, 6, p.Rejected)
		require.Equal(t, 3, p.States[avanak.Pending])
		require.Equal(t, 1, p.States[avanak.IsSuppressed])
		require.Zero(t, b.Held())
	})
}

func TestBrokenListAddsNothingAndCanBeRepeated(t *testing.T) {
	cut := errors.New("connection reset")
	for name, tt := range map[string]struct {
		body func() io.Reader
		is   error
	}{
		"broken file":    {listOf("09120000002\n\"09120000003\n", nil), avanak.ErrInvalid},
		"broken off":     {listOf("09120000002\n0912000", cut), cut},
		"cut by a proxy": {listOf("09120000002\n", io.ErrUnexpectedEOF), io.ErrUnexpectedEOF},
		"too many":       {listOf("09120000002\n09120000003\n09120000004\n", nil), avanak.ErrLimited},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, campaign.Config{MaxRecipients: 3}, func(t *testing.T, b *bench) {
				c := b.create(t)
				b.load(t, c.ID, "09120000001\n")
				_, err := b.Load(t.Context(), alice, c.ID, campaign.CSV, tt.body())
				require.ErrorIs(t, err, tt.is)
				require.NotContains(t, err.Error(), "0912")
				require.Len(t, b.recipients(t, c.ID), 1)
				require.Zero(t, b.progress(t, c.ID).Rejected)
				require.Zero(t, b.Held())

				_, _, err = b.Start(t.Context(), alice, c.ID)
				require.ErrorIs(t, err, avanak.ErrConflict, "half of what was meant is not started")

				require.Equal(t, 2, b.load(t, c.ID, "09120000002\n09120000003\n").Accepted)
				require.Equal(t, 2, b.load(t, c.ID, "09120000002\n09120000003\n").Duplicates, "repeating adds nobody twice")
				_, p, err := b.Start(t.Context(), alice, c.ID)
				require.NoError(t, err)
				require.Equal(t, 3, p.Recipients)
			})
		})
	}
}

func TestEmptyListGivesUpABrokenOne(t *testing.T) {
	both(t, campaign.Config{}, func(t *testing.T, b *bench) {
		c := b.create(t)
		b.load(t, c.ID, "09120000001\n")
		_, err := b.Load(t.Context(), alice, c.ID, campaign.CSV, strings.NewReader("\x00"))
		require.ErrorIs(t, err, avanak.ErrInvalid)
		require.Equal(t, campaign.Receipt{Recipients: 1}, b.load(t, c.ID, ""))
		_, p, err := b.Start(t.Context(), alice, c.ID)
		require.NoError(t, err)
		require.Equal(t, avanak.Running, p.Run)
	})
}

func TestLoadFailsClosedWithoutSuppressions(t *testing.T) {
	both(t, campaign.Config{}, func(t *testing.T, b *bench) {
		for _, err := range []error{avanak.ErrUnavailable, nil} {
			s, e := campaign.New(campaign.Config{}, b.queue, b.clips, lost{err})
			require.NoError(t, e)
			c := b.create(t)
			_, e = s.Load(t.Context(), alice, c.ID, campaign.CSV, strings.NewReader("09120000001\n"))
			require.ErrorIs(t, e, avanak.ErrUnavailable)
			require.Empty(t, b.recipients(t, c.ID))
		}
	})
}

// TestLaterUploadWins holds the first upload at its end while a second one comes and goes.
func TestLaterUploadWins(t *testing.T) {
	both(t, campaign.Config{}, func(t *testing.T, b *bench) {
		c := b.create(t)
		body, feed := io.Pipe()
		first := make(chan error, 1)
		go func() {
			_, err := b.Load(t.Context(), alice, c.ID, campaign.CSV, body)
			first <- err
		}()
		_, err := feed.Write([]byte("09120000001\n")) // returns when it is read: the first upload has begun
		require.NoError(t, err)
		_, _, err = b.Start(t.Context(), alice, c.ID)
		require.ErrorIs(t, err, avanak.ErrConflict)

		require.Equal(t, 1, b.load(t, c.ID, "09120000002\n").Accepted)
		require.NoError(t, feed.Close())
		require.ErrorIs(t, <-first, avanak.ErrConflict)
		require.Equal(t, map[avanak.Number]avanak.State{989120000002: avanak.Pending}, b.recipients(t, c.ID))
		_, _, err = b.Start(t.Context(), alice, c.ID)
		require.NoError(t, err)
	})
}

func TestLoadAfterTheStartIsAConflict(t *testing.T) {
	both(t, campaign.Config{}, func(t *testing.T, b *bench) {
		c := b.create(t)
		b.load(t, c.ID, "09120000001\n")
		_, _, err := b.Start(t.Context(), alice, c.ID)
		require.NoError(t, err)
		_, err = b.Load(t.Context(), alice, c.ID, campaign.CSV, failingReader{errors.New("nobody reads this")})
		require.ErrorIs(t, err, avanak.ErrConflict)
		require.Len(t, b.recipients(t, c.ID), 1)
	})
}

func TestUnknownFormatIsInvalid(t *testing.T) {
	s, err := campaign.New(campaign.Config{}, noJobs{}, shelf{}, lost{})
	require.NoError(t, err)
	_, err = s.Load(t.Context(), alice, "", campaign.Format(7), strings.NewReader(""))
	require.ErrorIs(t, err, avanak.ErrInvalid)
}

func TestLongListKeepsItsOrder(t *testing.T) {
	const count, doubles = 100_000, 1500
	both(t, campaign.Config{}, func(t *testing.T, b *bench) {
		for i := 0; i < count; i += 10_000 {
			require.NoError(t, b.suppressed.Add(t.Context(), avanak.Number(989120000000+i)))
		}
		c := b.create(t)
		var list strings.Builder
		for i := range count {
			fmt.Fprintf(&list, "0%d\r\n", 9120000000+i)
		}
		for i := range doubles {
			fmt.Fprintf(&list, "+98%d\r\n", 9120000000+i)
		}
		got := b.load(t, c.ID, list.String())
		require.Equal(t, count-count/10_000, got.Accepted)
		require.Equal(t, count/10_000, got.Suppressed)
		require.Equal(t, doubles, got.Duplicates)
		require.Len(t, got.Rejected, 1000)
		require.Equal(t, campaign.Row{Line: count + 1, Reason: "duplicate"}, got.Rejected[0])
		require.True(t, got.Truncated)

		_, results, err := b.Results(t.Context(), alice, c.ID)
		require.NoError(t, err)
		next := 0
		for r, err := range results {
			require.NoError(t, err)
			if r.Number != avanak.Number(989120000000+next) || (r.State == avanak.IsSuppressed) != (next%10_000 == 0) {
				require.Fail(t, "wrong recipient", "at %d: %s %s", next, r.Number, r.State)
			}
			next++
		}
		require.Equal(t, count, next)
	})
}
