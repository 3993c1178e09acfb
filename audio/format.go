package audio

import (
	"encoding/binary"
	"fmt"
)

// Coding is how an upload codes its samples.
type Coding uint8

// The codings that are accepted.
const (
	PCM16 Coding = iota + 1 // linear, 16 bits, little-endian
	ALaw                    // ITU-T G.711 A-law
	ULaw                    // ITU-T G.711 µ-law
)

// String returns the coding's name as shown to people.
func (c Coding) String() string {
	switch c {
	case PCM16:
		return "PCM 16-bit"
	case ALaw:
		return "A-law"
	case ULaw:
		return "µ-law"
	}
	return fmt.Sprintf("coding(%d)", uint8(c))
}

// bytes is the size of one sample of one channel.
func (c Coding) bytes() int {
	if c == PCM16 {
		return 2
	}
	return 1
}

// Bounds of what is accepted.
const (
	MinRate     = 8000   // Hz
	MaxRate     = 192000 // Hz
	MaxChannels = 2
)

// Format is what the header of an upload says about its samples.
type Format struct {
	Coding   Coding
	Rate     int // samples a second and channel, MinRate..MaxRate
	Channels int // 1..MaxChannels
}

// frameBytes is the size of one sample of all channels.
func (f Format) frameBytes() int { return f.Channels * f.Coding.bytes() }

// WAVE format tags (RFC 2361, mmreg.h).
const (
	tagPCM        = 0x0001
	tagALaw       = 0x0006
	tagULaw       = 0x0007
	tagExtensible = 0xFFFE
)

// refusedTags names the format tags that turn up in practice and are refused.
var refusedTags = map[uint16]string{
	0x0002: "Microsoft ADPCM", 0x0003: "floating point", 0x0010: "OKI ADPCM", 0x0011: "IMA ADPCM", 0x0014: "G.723 ADPCM",
	0x0022: "TrueSpeech", 0x0031: "GSM 06.10", 0x0040: "G.721 ADPCM", 0x0045: "G.726 ADPCM", 0x0050: "MPEG audio",
	0x0055: "MP3", 0x0064: "G.726 ADPCM", 0x00FF: "AAC", 0x0161: "Windows Media Audio", 0x1610: "AAC",
}

// The sizes of a fmt chunk.
const (
	fmtBase       = 16 // WAVEFORMAT with bits per sample
	fmtExtensible = 40 // WAVEFORMATEXTENSIBLE
)

// subFormatTail is what follows the format tag in the GUID of a WAVE_FORMAT_EXTENSIBLE sub-format (ksmedia.h).
const subFormatTail = "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"

// parseFormat reads a fmt chunk, or its first fmtExtensible bytes.
func parseFormat(b []byte) (Format, error) {
	if len(b) < fmtBase {
		return Format{}, damaged("the fmt chunk has %d bytes and needs %d", len(b), fmtBase)
	}
	var (
		tag      = binary.LittleEndian.Uint16(b)
		channels = binary.LittleEndian.Uint16(b[2:])
		rate     = binary.LittleEndian.Uint32(b[4:])
		align    = binary.LittleEndian.Uint16(b[12:])
		bits     = binary.LittleEndian.Uint16(b[14:])
	)
	if tag == tagExtensible {
		var err error
		if tag, err = subFormat(b, bits); err != nil {
			return Format{}, err
		}
	}
	coding, err := codingOf(tag, bits)
	if err != nil {
		return Format{}, err
	}
	if channels < 1 || channels > MaxChannels {
		return Format{}, unsupported("the WAV has %d channels and may have 1 or %d", channels, MaxChannels)
	}
	if rate < MinRate || rate > MaxRate {
		return Format{}, unsupported("the sample rate is %d Hz and must be %d to %d Hz", rate, MinRate, MaxRate)
	}
	f := Format{Coding: coding, Rate: int(rate), Channels: int(channels)}
	if int(align) != f.frameBytes() {
		// Samples in wider containers would be played as noise.
		return Format{}, unsupported("the WAV stores %d bytes a sample where %s with %d channels has %d", align, coding,
			channels, f.frameBytes())
	}
	if !resamplable(f.Rate) {
		return Format{}, unsupported("the sample rate of %d Hz is too odd to be brought to 8000 Hz", rate)
	}
	return f, nil
}

// subFormat returns the format tag inside a WAVE_FORMAT_EXTENSIBLE chunk.
func subFormat(b []byte, bits uint16) (uint16, error) {
	if len(b) < fmtExtensible {
		return 0, damaged("the extensible fmt chunk has %d bytes and needs %d", len(b), fmtExtensible)
	}
	if string(b[26:fmtExtensible]) != subFormatTail {
		return 0, unsupported("the WAV has an unknown extensible sub-format")
	}
	// 0 valid bits is what careless writers leave; fewer than the container's are only a coarser recording.
	if valid := binary.LittleEndian.Uint16(b[18:]); valid > bits {
		return 0, damaged("the WAV claims %d valid bits in %d", valid, bits)
	}
	return binary.LittleEndian.Uint16(b[24:]), nil
}

func codingOf(tag, bits uint16) (Coding, error) {
	var c Coding
	switch tag {
	case tagPCM:
		c = PCM16
	case tagALaw:
		c = ALaw
	case tagULaw:
		c = ULaw
	default:
		if name, ok := refusedTags[tag]; ok {
			return 0, unsupported("the WAV holds %s (format 0x%04x)", name, tag)
		}
		return 0, unsupported("the WAV holds an unknown format 0x%04x", tag)
	}
	if int(bits) != 8*c.bytes() {
		name := "PCM"
		if c != PCM16 {
			name = c.String()
		}
		return 0, unsupported("the WAV holds %s of %d bits, where %d are accepted", name, bits, 8*c.bytes())
	}
	return c, nil
}
