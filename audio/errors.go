package audio

import (
	"fmt"
	"time"

	"github.com/avanak/avanak"
)

// FormatError means that an upload is not audio that we take. It wraps avanak.ErrInvalid.
type FormatError struct {
	Reason string // what is wrong
	Fix    string // what the sender can do about it
}

// Error returns reason and fix as one line.
func (e *FormatError) Error() string { return e.Reason + ": " + e.Fix }

// Unwrap returns avanak.ErrInvalid.
func (e *FormatError) Unwrap() error { return avanak.ErrInvalid }

// TooLongError means that a clip lasts longer than Limit. It wraps avanak.ErrInvalid.
type TooLongError struct {
	Limit time.Duration
}

// Error names the limit.
func (e *TooLongError) Error() string {
	return fmt.Sprintf("the clip is longer than %s: shorten it", e.Limit)
}

// Unwrap returns avanak.ErrInvalid.
func (e *TooLongError) Unwrap() error { return avanak.ErrInvalid }

// The fixes. SoX is named where every build of it reads the format; ffmpeg reads the rest.
const (
	fixUpload = "the upload is incomplete or damaged; export the clip again and upload the whole file"
	fixWAV    = "convert to PCM 16-bit WAV, e.g. sox in.wav -e signed-integer -b 16 -r 8000 -c 1 out.wav"
	fixSox    = "convert to PCM 16-bit WAV, e.g. sox in.%s -e signed-integer -b 16 -r 8000 -c 1 out.wav"
	fixFFmpeg = "convert to PCM 16-bit WAV, e.g. ffmpeg -i in.%s -c:a pcm_s16le -ar 8000 -ac 1 out.wav"
)

func unsupported(format string, args ...any) error {
	return &FormatError{Reason: fmt.Sprintf(format, args...), Fix: fixWAV}
}

func damaged(format string, args ...any) error {
	return &FormatError{Reason: fmt.Sprintf(format, args...), Fix: fixUpload}
}
