package audio_test

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/avanak/avanak/audio"
)

func ExampleIngest() {
	upload, err := os.Open("testdata/speech-8k.wav")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = upload.Close() }()

	clip, err := audio.Ingest(upload)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s at %d Hz: %.1f s, %d frames, peak %.1f dB\n", clip.Source.Coding, clip.Source.Rate,
		clip.Duration.Seconds(), clip.Frames.Count(), clip.PeakDB)

	_, err = audio.Ingest(strings.NewReader("ID3, a song"))
	if fault, ok := errors.AsType[*audio.FormatError](err); ok {
		fmt.Println(fault.Reason)
		fmt.Println(fault.Fix)
	}
	// Output:
	// PCM 16-bit at 8000 Hz: 7.3 s, 368 frames, peak -2.6 dB
	// this is an MP3 file, not WAV
	// convert to PCM 16-bit WAV, e.g. ffmpeg -i in.mp3 -c:a pcm_s16le -ar 8000 -ac 1 out.wav
}
