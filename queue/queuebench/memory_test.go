package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAmount(t *testing.T) {
	for n, want := range map[int]string{7: "7", 1500: "1500", 20_000: "20k", 100_000: "100k", 10_000_000: "10m"} {
		require.Equal(t, want, amount(n))
	}
}
