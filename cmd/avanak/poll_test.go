package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak/cmd/avanak/client"
)

// Bounds of waits in tests: far above what is expected.
const (
	waitFor   = 10 * time.Second
	tickEvery = 5 * time.Millisecond
)

func TestPollLivesThroughARestartOfTheGateway(t *testing.T) {
	away := errors.Join(client.ErrUnreachable)
	busy := &client.Problem{Status: 503}
	refused := &client.Problem{Status: 404}
	for name, tc := range map[string]struct {
		answers func(after time.Duration) (last bool, err error)
		want    error
		took    time.Duration
	}{
		"at once": {func(time.Duration) (bool, error) { return true, nil }, nil, 0},
		"a restart of 40 s, twice": {func(after time.Duration) (bool, error) {
			switch {
			case after < 40*time.Second:
				return false, away
			case after < 45*time.Second:
				return false, nil
			case after < 85*time.Second:
				return false, busy
			}
			return true, nil
		}, nil, 85 * time.Second},
		"gone for good":      {func(time.Duration) (bool, error) { return false, away }, away, patience + time.Second},
		"refused":            {func(time.Duration) (bool, error) { return false, refused }, refused, 0},
		"the caller's limit": {func(time.Duration) (bool, error) { return false, nil }, context.DeadlineExceeded, 5 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
				defer cancel()
				_, err := poll(ctx, time.Second, func(context.Context) (int, bool, error) {
					last, err := tc.answers(time.Since(begun))
					return 0, last, err
				})
				require.ErrorIs(t, err, tc.want)
				require.Equal(t, tc.took, time.Since(begun))
			})
		})
	}
}
