package campaign

import (
	"context"
	"fmt"
	"iter"
	"sync/atomic"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/queue"
)

// Jobs is where campaigns and messages are kept and worked on: *queue.Queue.
type Jobs interface {
	CreateCampaign(ctx context.Context, c avanak.Campaign, fingerprint string) (created bool, err error)
	Campaign(ctx context.Context, id string) (avanak.Campaign, avanak.Progress, error)
	Campaigns(ctx context.Context, before time.Time, limit int) ([]string, error)
	BeginLoad(ctx context.Context, id, token string) (*queue.Load, error)
	OpenWindow(ctx context.Context, id string, from, until time.Time) error
	SetRun(ctx context.Context, c avanak.Campaign, from, to avanak.Run) (avanak.Run, error)
	Results(ctx context.Context, id string, from uint32) iter.Seq2[avanak.Recipient, error]
	PushMessage(ctx context.Context, m avanak.Message, fingerprint string) (created bool, err error)
	Message(ctx context.Context, id string) (avanak.MessageStatus, error)
}

// Clips tells whether a clip exists: *store.Clips. Another tenant's clip is avanak.ErrNotFound.
type Clips interface {
	Get(ctx context.Context, tenant, id string) (avanak.Clip, error)
}

// Suppressions tells which numbers must not be called: *store.Suppressions.
type Suppressions interface {
	HasMany(ctx context.Context, numbers []avanak.Number) ([]bool, error)
}

// Service is the use cases of campaigns and messages. It keeps no state of its own but the count of numbers that uploads
// hold in memory; any number of Services may work on the same queue. It is safe for concurrent use.
type Service struct {
	cfg        Config
	jobs       Jobs
	clips      Clips
	suppressed Suppressions
	now        func() time.Time
	held       atomic.Int64 // numbers that uploads hold in memory
}

// New returns a service over parts that the caller owns.
func New(cfg Config, jobs Jobs, clips Clips, suppressed Suppressions) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("campaign: %w", err)
	}
	if jobs == nil || clips == nil || suppressed == nil {
		return nil, fmt.Errorf("%w: campaign: jobs, clips and suppressions are needed", avanak.ErrInvalid)
	}
	return &Service{cfg: cfg.withDefaults(), jobs: jobs, clips: clips, suppressed: suppressed, now: time.Now}, nil
}

// instant is now as it is stored: to the millisecond, in UTC, so that what is returned at once equals what is read later.
func (s *Service) instant() time.Time { return s.now().UTC().Truncate(time.Millisecond) }
