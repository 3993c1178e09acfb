package audio

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

// samplesOf decodes a file to its end.
func samplesOf(t *testing.T, file []byte) (*PCM, []int16) {
	t.Helper()
	p, err := Decode(bytes.NewReader(file), Limits{})
	require.NoError(t, err)
	var all []int16
	block := make([]int16, 5) // odd on purpose: stereo must stay whole
	for {
		n, err := p.Read(block)
		all = append(all, block[:n]...)
		if errors.Is(err, io.EOF) {
			require.Zero(t, n)
			return p, all
		}
		require.NoError(t, err)
	}
}

func TestDecodeAccepts(t *testing.T) {
	four := pcm16(1, -2, 30000, -32768)
	fourSamples := []int16{1, -2, 30000, -32768}
	mono := Format{Coding: PCM16, Rate: 8000, Channels: 1}
	for _, c := range []struct {
		name    string
		file    []byte
		format  Format
		samples []int16
	}{
		{"PCM mono", wavFile(wavSpec{data: four}), mono, fourSamples},
		{"PCM stereo", wavFile(wavSpec{channels: 2, rate: 44100, data: four}), Format{PCM16, 44100, 2}, fourSamples},
		{"the lowest rate", wavFile(wavSpec{rate: 8000, data: four}), mono, fourSamples},
		{"the highest rate", wavFile(wavSpec{rate: 192000, data: four}), Format{PCM16, 192000, 1}, fourSamples},
		{"A-law", wavFile(wavSpec{tag: tagALaw, data: []byte{0xD5, 0x55, 0xAA}}), Format{ALaw, 8000, 1}, []int16{8, -8, 32256}},
		{"µ-law", wavFile(wavSpec{tag: tagULaw, data: []byte{0xFF, 0x7F, 0x80}}), Format{ULaw, 8000, 1}, []int16{0, 0, 32124}},
		{"extensible PCM", wavFile(wavSpec{tag: tagExtensible, extension: extensible(16, tagPCM), data: four}), mono, fourSamples},
		{"extensible A-law", wavFile(wavSpec{tag: tagExtensible, bits: 8, extension: extensible(8, tagALaw), data: []byte{0xD5}}),
			Format{ALaw, 8000, 1}, []int16{8}},
		{"extensible without valid bits", wavFile(wavSpec{tag: tagExtensible, extension: extensible(0, tagPCM), data: four}),
			mono, fourSamples},
		{"a longer fmt chunk of odd size", wavFile(wavSpec{extension: make([]byte, 33), data: four}), mono, fourSamples},
		{"chunks of every kind around", wavFile(wavSpec{data: four, after: chunkOf("id3 ", []byte("data")),
			before: bytes.Join([][]byte{chunkOf("LIST", []byte("odd")), chunkOf("data"[:3]+"x", nil), chunkOf("JUNK",
				make([]byte, 70000))}, nil)}), mono, fourSamples},
		{"a wrong RIFF size", wavFile(wavSpec{data: four, riff: 3}), mono, fourSamples},
		{"audio of odd size", wavFile(wavSpec{data: append(bytes.Clone(four), 7)}), mono, fourSamples},
		{"half a stereo sample at the end", wavFile(wavSpec{channels: 2, data: pcm16(1, 2, 3)}), Format{PCM16, 8000, 2},
			[]int16{1, 2}},
		{"a stream of SoX", wavFile(wavSpec{data: four, size: new(uint32(0x7FFFF000))}), mono, fourSamples},
		{"a stream of arecord", wavFile(wavSpec{data: four, size: new(uint32(0x80000000))}), mono, fourSamples},
		{"a stream of ffmpeg", wavFile(wavSpec{data: append(bytes.Clone(four), 7), size: new(uint32(0xFFFFFFFF))}), mono, fourSamples},
		{"a stream that ends within a stereo sample", wavFile(wavSpec{channels: 2, data: pcm16(1, 2, 3), size: new(uint32(0xFFFFFFFF))}),
			Format{PCM16, 8000, 2}, []int16{1, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, samples := samplesOf(t, c.file)
			require.Equal(t, c.format, p.Format)
			require.Equal(t, c.samples, samples)
			n, err := p.Read(make([]int16, 2))
			require.Zero(t, n)
			require.ErrorIs(t, err, io.EOF, "the end stays the end")
		})
	}
}

// refusal is an upload that is not accepted, with a part of the reason and of the fix.
type refusal struct {
	name        string
	file        []byte
	reason, fix string
}

func requireAllRefused(t *testing.T, cases []refusal) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Ingest(bytes.NewReader(c.file))
			requireRefused(t, err, c.reason, c.fix)
		})
	}
}

// fmtAt is where the fmt chunk of wavFile begins, again is in the fix for damaged files.
const (
	fmtAt = riffHeader
	again = "upload the whole file"
)

func TestForeignAndDamagedFilesAreRefused(t *testing.T) {
	two := pcm16(1, 2)
	sound := wavFile(wavSpec{data: two})
	requireAllRefused(t, []refusal{
		{"nothing", nil, "the upload is empty", again},
		{"text", []byte("hello, here is my clip"), "not a WAV file", "sox in.wav"},
		{"MP3 with tag", []byte("ID3\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00"), "this is an MP3 file", "ffmpeg -i in.mp3"},
		{"MP3 without tag", []byte("\xff\xfb\x90\x64\x00\x00\x00\x00\x00\x00\x00\x00\x00"), "this is an MP3 file", "ffmpeg -i in.mp3"},
		{"M4A", []byte("\x00\x00\x00\x20ftypM4A \x00\x00"), "this is an M4A", "ffmpeg -i in.m4a"},
		{"WebM", []byte("\x1aE\xdf\xa3\x9fB\x86\x81\x01"), "this is a WebM", "ffmpeg -i in.webm"},
		{"RF64", []byte("RF64\xff\xff\xff\xffWAVEds64"), "this is an RF64 file", "ffmpeg"},
		{"AVI", []byte("RIFF\x00\x00\x00\x00AVI LIST"), `kind "AVI "`, "sox in.wav"},
		{"header cut in RIFF", sound[:9], "cut off after 9 bytes", again},
		{"header cut before fmt", sound[:fmtAt], "ends before its audio", again},
		{"header cut in a chunk's head", sound[:fmtAt+5], "cut off after 17 bytes", again},
		{"header cut in fmt", sound[:fmtAt+20], "cut off after 32 bytes", again},
		{"no data chunk", sound[:fmtAt+24], "it has no data chunk", again},
		{"short fmt chunk", append(bytes.Clone(sound[:fmtAt]), chunkOf("fmt ", make([]byte, 14))...), "fmt chunk has 14 bytes", again},
		{"no fmt chunk", append(bytes.Clone(sound[:fmtAt]), chunkOf("data", two)...), "no fmt chunk", again},
		{"two fmt chunks", wavFile(wavSpec{data: two, before: sound[fmtAt : fmtAt+24]}), "two fmt chunks", again},
		{"no audio", wavFile(wavSpec{}), "holds no audio", again},
		{"half a sample", wavFile(wavSpec{data: two[:1]}), "holds no audio", again},
		{"audio cut off", wavFile(wavSpec{data: two, size: new(uint32(100))}), "ends 96 bytes before its audio does", again},
		{"audio of 2 GB claimed", wavFile(wavSpec{data: two, size: new(uint32(0x7FFFEFFF))}), "longer than 10m0s", "shorten"},
		{"chunk beyond the end", wavFile(wavSpec{before: []byte("LIST\x00\x10\x00\x00")}), `before its "LIST" chunk does`, again},
		{"chunk of 4 GB", wavFile(wavSpec{before: []byte("LIST\xff\xff\xff\xff")}), "more than 16 MiB before its audio", "sox in.wav"},
		{"stream without audio", wavFile(wavSpec{size: new(uint32(0xFFFFFFFF))}), "holds no audio", again},
		{"stream with half a sample", wavFile(wavSpec{data: two[:1], size: new(uint32(0xFFFFFFFF))}), "holds no audio", again},
	})
}

func TestUnsupportedFormatsAreRefused(t *testing.T) {
	two := pcm16(1, 2)
	sound := wavFile(wavSpec{data: two})
	badGUID := extensible(16, tagPCM)
	badGUID[len(badGUID)-1]++
	requireAllRefused(t, []refusal{
		{"0 Hz", edited(sound, fmtAt+12, 0, 0, 0, 0), "sample rate is 0 Hz", "sox in.wav"},
		{"7999 Hz", wavFile(wavSpec{rate: 7999, data: two}), "sample rate is 7999 Hz", "sox in.wav"},
		{"192001 Hz", wavFile(wavSpec{rate: 192001, data: two}), "sample rate is 192001 Hz", "sox in.wav"},
		{"4 GHz", wavFile(wavSpec{rate: 0xFFFFFFFF, data: two}), "sample rate is 4294967295 Hz", "sox in.wav"},
		{"an odd rate", wavFile(wavSpec{rate: 44101, data: two}), "too odd", "sox in.wav"},
		{"no channel", edited(sound, fmtAt+10, 0, 0), "0 channels", "sox in.wav"},
		{"3 channels", wavFile(wavSpec{channels: 3, data: two}), "3 channels", "sox in.wav"},
		{"96 channels", wavFile(wavSpec{channels: 96, data: two}), "96 channels", "sox in.wav"},
		{"12 bits", wavFile(wavSpec{bits: 12, data: two}), "PCM of 12 bits", "sox in.wav"},
		{"A-law of 16 bits", wavFile(wavSpec{tag: tagALaw, bits: 16, data: two}), "A-law of 16 bits", "sox in.wav"},
		{"wider containers", wavFile(wavSpec{align: 4, data: two}), "stores 4 bytes a sample", "sox in.wav"},
		{"MP3 inside WAV", wavFile(wavSpec{tag: 0x55, bits: 16, data: two}), "holds MP3", "sox in.wav"},
		{"unknown coding", wavFile(wavSpec{tag: 0x4242, data: two}), "unknown format 0x4242", "sox in.wav"},
		{"extensible float", wavFile(wavSpec{tag: tagExtensible, bits: 32, extension: extensible(32, 3), data: two}),
			"holds floating point", "sox in.wav"},
		{"short extensible", wavFile(wavSpec{tag: tagExtensible, extension: make([]byte, 23), data: two}), "has 39 bytes", again},
		{"foreign sub-format", wavFile(wavSpec{tag: tagExtensible, extension: badGUID, data: two}), "unknown extensible", "sox in.wav"},
		{"more valid bits than bits", wavFile(wavSpec{tag: tagExtensible, extension: extensible(17, tagPCM), data: two}),
			"17 valid bits in 16", again},
	})
}

// edited is a file with other bytes at an offset.
func edited(file []byte, at int, b ...byte) []byte {
	file = bytes.Clone(file)
	copy(file[at:], b)
	return file
}

func requireRefused(t *testing.T, err error, reason, fix string) {
	t.Helper()
	require.ErrorIs(t, err, avanak.ErrInvalid)
	require.ErrorContains(t, err, reason)
	if format, ok := errors.AsType[*FormatError](err); ok {
		require.Contains(t, format.Fix, fix)
		return
	}
	_, ok := errors.AsType[*TooLongError](err)
	require.True(t, ok, "%T", err)
	require.ErrorContains(t, err, fix)
}

func TestFilesOfOtherProgramsAreNamed(t *testing.T) {
	for file, reason := range map[string]string{
		"pcm24.wav": "PCM of 24 bits", "pcm8.wav": "PCM of 8 bits", "float.wav": "holds floating point",
		"ms-adpcm.wav": "holds Microsoft ADPCM", "ima-adpcm.wav": "holds IMA ADPCM", "gsm.wav": "holds GSM 06.10",
		"surround.wav": "6 channels", "tone.flac": "a FLAC file", "tone.w64": "a Sony Wave64 file", "tone.aiff": "an AIFF file",
		"tone.au": "a Sun AU file", "tone.ogg": "an Ogg file",
	} {
		t.Run(file, func(t *testing.T) {
			_, err := Ingest(bytes.NewReader(golden(t, file)))
			requireRefused(t, err, reason, "convert to PCM 16-bit WAV")

			format, _ := errors.AsType[*FormatError](err)
			_, advice, _ := strings.Cut(format.Fix, "e.g. sox ")
			if advice == "" {
				return // ffmpeg's, which is no part of the tests
			}
			in, out := filepath.Join("testdata", file), filepath.Join(t.TempDir(), "out.wav")
			advice = strings.ReplaceAll(strings.ReplaceAll(advice, "in"+filepath.Ext(file), in), "out.wav", out)
			sox(t, strings.Fields(advice)...)
			converted, err := os.ReadFile(out)
			require.NoError(t, err)
			_, err = Ingest(bytes.NewReader(converted))
			require.NoError(t, err, "the advice works: sox %s", advice)
		})
	}
}

func TestLongestClip(t *testing.T) {
	second := make([]byte, 16000)
	for _, size := range []*uint32{nil, new(uint32(0xFFFFFFFF))} {
		_, err := ingest(bytes.NewReader(wavFile(wavSpec{data: second, size: size})), Limits{Longest: time.Second})
		require.NoError(t, err)
		_, err = ingest(bytes.NewReader(wavFile(wavSpec{data: append(bytes.Clone(second), 0, 0), size: size})),
			Limits{Longest: time.Second})
		tooLong, ok := errors.AsType[*TooLongError](err)
		require.True(t, ok, "%v", err)
		require.Equal(t, time.Second, tooLong.Limit)
		require.ErrorIs(t, err, avanak.ErrInvalid)
	}
	_, err := Decode(bytes.NewReader(wavFile(wavSpec{data: second})), Limits{Longest: -1})
	require.ErrorIs(t, err, avanak.ErrInvalid)
}

// endless never ends: 0 bytes after what comes first.
type endless struct{ first []byte }

func (e *endless) Read(b []byte) (int, error) {
	n := copy(b, e.first)
	e.first = e.first[n:]
	if n == 0 {
		n = len(b)
		clear(b)
	}
	return n, nil
}

func TestEndlessUploadsEnd(t *testing.T) {
	_, err := Ingest(&endless{wavFile(wavSpec{tag: tagULaw, size: new(uint32(0xFFFFFFFF))})})
	requireRefused(t, err, "longer than 10m0s", "shorten")
	_, err = Ingest(&endless{[]byte("RIFF\x00\x00\x00\x00WAVE")}) // chunks of size 0 without end
	requireRefused(t, err, "more than 16 MiB before its audio", "sox in.wav")
}

func TestReadersFaultIsPassedOn(t *testing.T) {
	fault := errors.New("line is down")
	file := wavFile(wavSpec{data: make([]byte, 40000), before: chunkOf("LIST", make([]byte, 100))})
	for _, at := range []int{0, 5, 14, 30, 60, 150, 160, 162, 20000, len(file) - 1} {
		for _, fault := range []error{fault, io.ErrUnexpectedEOF} {
			_, err := Ingest(io.MultiReader(bytes.NewReader(file[:at]), iotest.ErrReader(fault)))
			require.ErrorIs(t, err, fault, "after %d bytes", at)
			require.NotErrorIs(t, err, avanak.ErrInvalid, "after %d bytes", at)
		}
	}
}

func TestBodyLimitIsPassedOn(t *testing.T) {
	file := wavFile(wavSpec{data: make([]byte, 40000)})
	body := http.MaxBytesReader(httptest.NewRecorder(), io.NopCloser(bytes.NewReader(file)), 30000)
	_, err := Ingest(body)
	limit, ok := errors.AsType[*http.MaxBytesError](err)
	require.True(t, ok, "%v", err)
	require.EqualValues(t, 30000, limit.Limit)
}

func TestReadWantsRoomForAllChannels(t *testing.T) {
	p, err := Decode(bytes.NewReader(wavFile(wavSpec{channels: 2, data: pcm16(1, 2)})), Limits{})
	require.NoError(t, err)
	_, err = p.Read(make([]int16, 1))
	require.ErrorIs(t, err, io.ErrShortBuffer)
	block := make([]int16, 3)
	n, err := p.Read(block)
	require.NoError(t, err)
	require.Equal(t, []int16{1, 2}, block[:n])
}

func TestClaimsAllocateNothing(t *testing.T) {
	file := wavFile(wavSpec{rate: 192000, channels: 2, data: pcm16(1, 2), size: new(uint32(460_000_000))})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Ingest(bytes.NewReader(file))
	runtime.ReadMemStats(&after)
	requireRefused(t, err, "ends 459999996 bytes before its audio does", "upload the whole file")
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
}
