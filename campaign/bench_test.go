package campaign

import (
	"bytes"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkLoadCSV reads and judges a list of a million rows: everything of Load but the trips to Redis.
func BenchmarkLoadCSV(b *testing.B) { benchmarkLoad(b, CSV, "number,name\n", "", ",Ali\n") }

// BenchmarkLoadNDJSON does the same with one object a line.
func BenchmarkLoadNDJSON(b *testing.B) { benchmarkLoad(b, NDJSON, "", `{"number":"`, "\"}\n") }

func benchmarkLoad(b *testing.B, f Format, head, before, behind string) {
	b.Helper()
	const count = 1_000_000
	list := []byte(head)
	for i := range count {
		list = append(list, before...)
		list = append(strconv.AppendInt(append(list, '0'), int64(9120000000+i), 10), behind...)
	}
	b.SetBytes(int64(len(list)))
	b.ReportAllocs()
	for b.Loop() {
		u := newUpload(Config{})
		body, err := open(f, bytes.NewReader(list))
		require.NoError(b, err)
		require.NoError(b, u.read(b.Context(), body))
		require.Len(b, u.numbers, count)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/count, "ns/row")
}
