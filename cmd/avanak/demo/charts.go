package demo

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// wave is a waveform as one SVG path in a box of waveWidth × waveHeight.
type wave struct{ Path string }

const (
	waveWidth  = 960
	waveHeight = 96
)

// newWave draws 16-bit samples: a stroke from the lowest to the highest sample of each column.
func newWave(pcm []byte) wave {
	n := len(pcm) / 2
	if n == 0 {
		return wave{Path: fmt.Sprintf("M0 %dH%d", waveHeight/2, waveWidth)}
	}
	var b strings.Builder
	y := func(s int16) float64 { return waveHeight/2 - float64(s)*(waveHeight/2-2)/32768 }
	for x := range waveWidth {
		from, to := x*n/waveWidth, (x+1)*n/waveWidth
		var low, high int16
		for i := from; i < to; i++ {
			s := int16(binary.LittleEndian.Uint16(pcm[2*i:])) //nolint:gosec // two's complement on purpose
			low, high = min(low, s), max(high, s)
		}
		fmt.Fprintf(&b, "M%d %.1fV%.1f", x, y(high)-0.5, y(low)+0.5)
	}
	return wave{Path: b.String()}
}

// paceChart is the number of INVITEs in each second.
type paceChart struct {
	Bars  []paceBar
	Width int     // of the box
	Limit float64 // y of the trunk's CPS
	CPS   int
	Most  int // in any closed second
}

type paceBar struct {
	X, Y, W, H float64
	Second     int
	Invites    int
}

const (
	paceHeight = 110
	paceGap    = 3
	paceFewest = 10 // seconds that the chart has room for, at least
)

func newPaceChart(seconds []int, most int) paceChart {
	c := paceChart{Width: waveWidth, CPS: CPS, Most: most}
	step := float64(waveWidth) / float64(max(len(seconds), paceFewest))
	scale := float64(paceHeight-14) / float64(max(most, slices.Max(append(seconds, CPS))))
	c.Limit = paceHeight - CPS*scale
	for i, n := range seconds {
		h := float64(n) * scale
		c.Bars = append(c.Bars, paceBar{X: float64(i) * step, Y: paceHeight - h, W: step - paceGap, H: h, Second: i,
			Invites: n})
	}
	return c
}
