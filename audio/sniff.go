package audio

import (
	"bytes"
	"fmt"
)

// foreign are the files that people upload instead of WAV, by the bytes at the given offset.
var foreign = []struct {
	at    int
	magic string
	name  string
	fix   string
}{
	{0, "RF64", "an RF64 file (WAV beyond 4 GB)", fmt.Sprintf(fixFFmpeg, "wav")},
	{0, "BW64", "a BW64 file (WAV beyond 4 GB)", fmt.Sprintf(fixFFmpeg, "wav")},
	{0, "RIFX", "a big-endian RIFX file", fixWAV},
	{0, "riff", "a Sony Wave64 file", fmt.Sprintf(fixFFmpeg, "w64")},
	{0, "ID3", "an MP3 file", fmt.Sprintf(fixFFmpeg, "mp3")},
	{0, "OggS", "an Ogg file", fmt.Sprintf(fixFFmpeg, "ogg")},
	{0, "fLaC", "a FLAC file", fmt.Sprintf(fixSox, "flac")},
	{0, "FORM", "an AIFF file", fmt.Sprintf(fixSox, "aiff")},
	{0, ".snd", "a Sun AU file", fmt.Sprintf(fixSox, "au")},
	{0, "caff", "a Core Audio file", fmt.Sprintf(fixFFmpeg, "caf")},
	{0, "#!AMR", "an AMR file", fmt.Sprintf(fixFFmpeg, "amr")},
	{0, "\x1aE\xdf\xa3", "a WebM or Matroska file", fmt.Sprintf(fixFFmpeg, "webm")},
	{4, "ftyp", "an M4A or MP4 file", fmt.Sprintf(fixFFmpeg, "m4a")},
}

// sniff names the fault of an upload that does not start with RIFF and WAVE. head is what there is of its first bytes.
func sniff(head []byte) error {
	if len(head) == 0 {
		return damaged("the upload is empty")
	}
	for _, f := range foreign {
		if len(head) >= f.at && bytes.HasPrefix(head[f.at:], []byte(f.magic)) {
			return &FormatError{Reason: "this is " + f.name + ", not WAV", Fix: f.fix}
		}
	}
	if len(head) >= 2 && head[0] == 0xFF && head[1]&0xE0 == 0xE0 { // frame sync of MPEG audio, ISO/IEC 11172-3 §2.4.1.2
		return &FormatError{Reason: "this is an MP3 file, not WAV", Fix: fmt.Sprintf(fixFFmpeg, "mp3")}
	}
	if bytes.HasPrefix(head, []byte("RIFF")) {
		if len(head) < riffHeader {
			return damaged("the WAV header is cut off after %d bytes", len(head))
		}
		return unsupported("this is a RIFF file of kind %q, not WAVE", head[8:riffHeader])
	}
	return unsupported("this is not a WAV file (it does not start with RIFF)")
}
