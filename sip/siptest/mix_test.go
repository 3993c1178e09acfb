package siptest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMixKeepsItsSharesInAnyRun(t *testing.T) {
	for _, from := range []int{1, 1037, 5550} {
		for seed := range uint64(5) {
			behave := Mix(seed)
			kinds := map[Kind]int{}
			for i := range 300 {
				number := fmt.Sprintf("0912000%04d", from+i)
				if _, ok := forced[number[8:]]; ok {
					continue
				}
				b := behave(number, 1)
				kinds[b.Kind]++
				require.Equal(t, b, behave("+98"+number[1:], 1), "the same person in either form")
				switch b.Kind {
				case Answer, HangUp:
					require.GreaterOrEqual(t, b.AnswerAfter, 300*time.Millisecond)
					require.Less(t, b.AnswerAfter, 1500*time.Millisecond)
				case Unavailable:
				default:
				}
				if b.Kind == HangUp {
					require.GreaterOrEqual(t, b.HangUpAfter, 1500*time.Millisecond)
					require.Less(t, b.HangUpAfter, 2500*time.Millisecond)
				}
			}
			if from == 1 { // none of these is forced
				require.Equal(t, map[Kind]int{Answer: 195, HangUp: 18, Busy: 36, NoAnswer: 36, Unavailable: 15}, kinds)
			}
		}
	}
}

func TestHalfOfTheBusyAnswerAtTheSecondCall(t *testing.T) {
	behave := Mix(7)
	again := map[Kind]int{}
	for i := range 100 {
		number := fmt.Sprintf("0912000%04d", 1000+i)
		if behave(number, 1).Kind == Busy {
			again[behave(number, 2).Kind]++
			require.Equal(t, Busy, behave(number, 3).Kind)
		}
	}
	require.Equal(t, map[Kind]int{Busy: 6, Answer: 6}, again)
}

func TestLastDigitsForceAnOutcome(t *testing.T) {
	behave := Mix(1)
	for digits, status := range map[string]int{"486": 486, "480": 480, "503": 503, "404": 404, "603": 603, "408": 408} {
		for _, number := range []string{"+989120000" + digits, "09120000" + digits} {
			require.Equal(t, status, behave(number, 1).final())
		}
	}
	require.Equal(t, NoAnswer, behave("+989120000408", 1).Kind)
	for _, odd := range []string{"", "7", "+5", "anonymous", "۴۸۶"} {
		require.NotPanics(t, func() { behave(odd, 1) })
	}
}

func TestSeedsDealDifferently(t *testing.T) {
	first := deal(1)
	require.NotEqual(t, first, deal(2))
	require.Equal(t, first, deal(1))
}

func TestKindsHaveNames(t *testing.T) {
	require.Equal(t, "answer", Answer.String())
	require.Equal(t, "silent", Silent.String())
	require.Equal(t, "unknown", Kind(255).String())
}
