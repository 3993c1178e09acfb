package avanak

import "time"

// FrameBytes is the payload of one RTP packet: 20 ms of G.711 at 8 kHz.
const FrameBytes = 160

// FrameTime is the play-out time of one frame.
const FrameTime = 20 * time.Millisecond

// MaxClip is the longest clip that is accepted.
const MaxClip = 10 * time.Minute

// Clip is the record of a checked, G.711-encoded piece of audio.
type Clip struct {
	ID       string        `json:"id"`
	Tenant   string        `json:"tenant"`
	Name     string        `json:"name"`
	Duration time.Duration `json:"duration"` // of the encoded audio, before padding to whole frames
	SHA256   string        `json:"sha256"`   // of the original upload, hex
	Size     int64         `json:"size"`     // of the original upload, bytes
	Created  time.Time     `json:"created"`
}

// Frames is a clip in both laws of G.711 (ITU-T G.711), 8 kHz mono, padded with silence to whole frames of FrameBytes.
// Both slices have the same length and are never written after they are made: all calls share them.
type Frames struct {
	ALaw, ULaw []byte
}

// Count is the number of frames.
func (f Frames) Count() int { return len(f.ALaw) / FrameBytes }

// Duration is the play-out time of all frames.
func (f Frames) Duration() time.Duration { return time.Duration(f.Count()) * FrameTime }
