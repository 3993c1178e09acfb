package campaign

import (
	"context"
	"fmt"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/queue"
)

// Start lets the calls of a loaded campaign begin: at once where its window is open, else when it opens. Repeating it
// changes nothing. avanak.ErrConflict where the campaign has no recipients, where an upload is under way or broke off
// (send that list again, or an empty one to do without it), or where its run state is not loading. The progress that it
// returns is Done where nobody is left to call.
func (s *Service) Start(ctx context.Context, tenant, id string) (avanak.Campaign, avanak.Progress, error) {
	return s.open(ctx, tenant, id, avanak.Loading)
}

// Pause lets no further call begin; calls that are under way go on. avanak.ErrConflict where the campaign does not run.
func (s *Service) Pause(ctx context.Context, tenant, id string) (avanak.Campaign, avanak.Progress, error) {
	return s.close(ctx, tenant, id, avanak.Paused)
}

// Resume lets the calls of a paused campaign go on. Repeating it changes nothing. avanak.ErrConflict where it is not
// paused.
func (s *Service) Resume(ctx context.Context, tenant, id string) (avanak.Campaign, avanak.Progress, error) {
	return s.open(ctx, tenant, id, avanak.Paused)
}

// Cancel ends a campaign for good: no further call begins, calls that are under way go on. avanak.ErrConflict where it
// is done.
func (s *Service) Cancel(ctx context.Context, tenant, id string) (avanak.Campaign, avanak.Progress, error) {
	return s.close(ctx, tenant, id, avanak.CancelledRun)
}

// open sets a campaign running that is in the given run state, or runs already. The window goes first: a campaign that
// ran without one would be refused every call until the dispatcher's next round, a second later.
func (s *Service) open(ctx context.Context, tenant, id string, from avanak.Run) (avanak.Campaign, avanak.Progress, error) {
	c, p, err := s.own(ctx, tenant, id)
	if err != nil {
		return c, p, err
	}
	if p.Run != from && p.Run != avanak.Running {
		verb := "started"
		if from == avanak.Paused {
			verb = "resumed"
		}
		return avanak.Campaign{}, avanak.Progress{}, fmt.Errorf("%w: a campaign that is %s cannot be %s", avanak.ErrConflict,
			p.Run, verb)
	}
	opens, until, ok := c.Window.Span(s.now())
	if !ok {
		return avanak.Campaign{}, avanak.Progress{}, fmt.Errorf("campaign %s never opens: %w", id, queue.ErrWindowClosed)
	}
	if err := s.jobs.OpenWindow(ctx, id, opens, until); err != nil {
		return avanak.Campaign{}, avanak.Progress{}, err
	}
	return s.move(ctx, c, from, avanak.Running)
}

func (s *Service) close(ctx context.Context, tenant, id string, to avanak.Run) (avanak.Campaign, avanak.Progress, error) {
	c, p, err := s.own(ctx, tenant, id)
	if err != nil {
		return c, p, err
	}
	return s.move(ctx, c, "", to)
}

func (s *Service) move(ctx context.Context, c avanak.Campaign, from, to avanak.Run) (avanak.Campaign, avanak.Progress, error) {
	if _, err := s.jobs.SetRun(ctx, c, from, to); err != nil {
		return avanak.Campaign{}, avanak.Progress{}, err
	}
	return s.own(ctx, c.Tenant, c.ID)
}
