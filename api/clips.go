package api

import (
	"context"
	"mime"
	"strings"
	"time"

	"github.com/avanak/avanak"
)

// clipAnswer is a clip as the API shows it.
type clipAnswer struct {
	ID       string    `json:"id" example:"clp_01jd3w7q5n8r2x4v6t0ykbmhfe"`
	Name     string    `json:"name" example:"greeting"`
	Duration string    `json:"duration" example:"6.42s" doc:"Play-out time"`
	Seconds  seconds   `json:"seconds" example:"6.42" doc:"Play-out time"`
	Frames   int       `json:"frames" example:"321" doc:"RTP packets of 20 ms"`
	SHA256   string    `json:"sha256" doc:"Of the uploaded file, hex"`
	Size     int64     `json:"size" doc:"Of the uploaded file, bytes"`
	Created  time.Time `json:"created"`
}

func answerOfClip(c avanak.Clip) clipAnswer {
	frames := (c.Duration + avanak.FrameTime - 1) / avanak.FrameTime
	return clipAnswer{ID: c.ID, Name: c.Name, Duration: c.Duration.String(), Seconds: secondsOf(c.Duration), Frames: int(frames),
		SHA256: c.SHA256, Size: c.Size, Created: c.Created.UTC()}
}

type clipUpload struct {
	streamed
	Name string `query:"name" required:"true" minLength:"1" maxLength:"200" example:"greeting" doc:"Shown in lists"`
}

type clipOutput struct {
	Location string `header:"Location"`
	Body     clipAnswer
}

// addClip receives a clip whole, encodes it, and stores original and frames; before the store's last step nothing of it can
// be seen, and after any error nothing is left.
func (s *Server) addClip(ctx context.Context, in *clipUpload) (*clipOutput, error) {
	var wrong faults
	if wrong.name("query.name", in.Name); len(wrong) > 0 {
		return nil, wrong.err()
	}
	if !isAudio(in.contentType) {
		return nil, unsupportedMedia.problem("send the clip as Content-Type: audio/wav")
	}
	leave, err := s.clipUploads.pass(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	upload, err := newSpool(s.cfg.TempDir)
	if err != nil {
		return nil, err
	}
	defer upload.close()
	if err := upload.fill(in.body); err != nil {
		return nil, err
	}
	clip, err := s.storeClip(ctx, in.Name, upload)
	if err != nil {
		return nil, err
	}
	return &clipOutput{Location: "/v1/clips/" + clip.ID, Body: answerOfClip(clip)}, nil
}

func (s *Server) storeClip(ctx context.Context, name string, upload *spool) (avanak.Clip, error) {
	r, err := upload.start()
	if err != nil {
		return avanak.Clip{}, err
	}
	frames, plays, err := s.encode(r)
	if err != nil {
		return avanak.Clip{}, audioProblem(err)
	}
	if r, err = upload.start(); err != nil {
		return avanak.Clip{}, err
	}
	now := s.now().UTC().Truncate(time.Millisecond)
	return s.clips.Add(ctx, avanak.Clip{ID: avanak.NewID(avanak.ClipPrefix, now), Tenant: tenantOf(ctx), Name: name,
		Duration: plays, Created: now}, r, frames)
}

// isAudio tells whether a body may be a clip; what it really is, the decoder finds out.
func isAudio(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && (kind == "application/octet-stream" || strings.HasPrefix(kind, "audio/"))
}

func (s *Server) getClip(ctx context.Context, in *named) (*clipOutput, error) {
	clip, err := s.clips.Get(ctx, tenantOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &clipOutput{Body: answerOfClip(clip)}, nil
}

type clipsOutput struct {
	Body struct {
		Clips []clipAnswer `json:"clips" nullable:"false"`
		Next  string       `json:"next_cursor,omitempty" doc:"Cursor of the next page; absent on the last one"`
	} `nameHint:"ClipPage"`
}

func (s *Server) listClips(ctx context.Context, in *page) (*clipsOutput, error) {
	clips, next, err := s.clips.List(ctx, tenantOf(ctx), in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &clipsOutput{}
	out.Body.Next, out.Body.Clips = next, make([]clipAnswer, 0, len(clips))
	for _, c := range clips {
		out.Body.Clips = append(out.Body.Clips, answerOfClip(c))
	}
	return out, nil
}
