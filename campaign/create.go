package campaign

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/avanak/avanak"
)

// Request is what a customer says of a new campaign. What is left out (zero or nil) has its default: avanak.DefaultWindow,
// avanak.DefaultRetry, avanak.DefaultRing, avanak.Hold, and the trunk's caller number. The JSON names are part of stored
// fingerprints: changing one makes repeats of earlier requests mismatch.
type Request struct {
	Name        string              `json:"name,omitzero"`
	Clip        string              `json:"clip,omitzero"` // clip id
	Caller      avanak.Number       `json:"caller,omitzero"`
	Window      *avanak.Window      `json:"window,omitzero"`
	Retry       *avanak.RetryPolicy `json:"retry,omitzero"` // taken whole: its own zero fields are no defaults of ours
	Ring        time.Duration       `json:"ring,omitzero"`
	OnUncertain avanak.OnUncertain  `json:"on_uncertain,omitzero"`
}

func (r Request) campaign(id, tenant string, sandbox bool, now time.Time) avanak.Campaign {
	return avanak.Campaign{ID: id, Tenant: tenant, Name: r.Name, Clip: r.Clip, Caller: r.Caller,
		Window: windowOr(r.Window), Retry: retryOr(r.Retry, avanak.DefaultRetry()), Ring: cmp.Or(r.Ring, avanak.DefaultRing),
		OnUncertain: cmp.Or(r.OnUncertain, avanak.Hold), Sandbox: sandbox, Created: now}
}

// Create makes a campaign in run state loading. With an idempotency key (printable ASCII, at most 255 bytes; "" for none)
// a repeat returns the stored campaign and created=false, and another request under the same key is ErrIdempotency. A
// request that breaks a rule, or whose clip is not the tenant's, is avanak.ErrInvalid. After avanak.ErrUnavailable the
// campaign may exist: only a request with a key can be repeated without a second campaign.
func (s *Service) Create(ctx context.Context, tenant string, r Request, idempotencyKey string) (
	c avanak.Campaign, created bool, err error,
) {
	now := s.instant()
	id, err := identify(avanak.CampaignPrefix, tenant, idempotencyKey, now)
	if err != nil {
		return c, false, fmt.Errorf("create campaign: %w", err)
	}
	wanted := r.campaign(id, tenant, s.cfg.Sandbox, now)
	if err := wanted.Validate(); err != nil {
		return c, false, fmt.Errorf("create campaign: %w", err)
	}
	if err := s.checkCaller(r.Caller); err != nil {
		return c, false, fmt.Errorf("create campaign: %w", err)
	}
	digest, err := fingerprint(r)
	if err != nil {
		return c, false, fmt.Errorf("create campaign: %w", err)
	}
	if err := s.checkNewCampaign(ctx, wanted, idempotencyKey != ""); err != nil {
		return c, false, fmt.Errorf("create campaign: %w", err)
	}
	created, err = s.jobs.CreateCampaign(ctx, wanted, digest)
	switch {
	case errors.Is(err, avanak.ErrConflict):
		return c, false, fmt.Errorf("create campaign: %w", ErrIdempotency)
	case err != nil:
		return c, false, fmt.Errorf("create campaign: %w", err)
	case created:
		return wanted, true, nil
	}
	c, _, err = s.own(ctx, tenant, id)
	return c, false, err
}

// checkNewCampaign asks for the clip, except where the campaign is there already: a repeat is answered with what was
// stored, also after the clip was deleted.
func (s *Service) checkNewCampaign(ctx context.Context, c avanak.Campaign, keyed bool) error {
	if keyed {
		_, _, err := s.jobs.Campaign(ctx, c.ID)
		if !errors.Is(err, avanak.ErrNotFound) {
			return err
		}
	}
	return s.checkClip(ctx, c.Tenant, c.Clip)
}

// checkClip makes an unknown clip a fault of the request that names it: what was asked for itself is not missing.
func (s *Service) checkClip(ctx context.Context, tenant, id string) error {
	_, err := s.clips.Get(ctx, tenant, id)
	if errors.Is(err, avanak.ErrNotFound) {
		return fmt.Errorf("%w: clip must be the id of an uploaded clip", avanak.ErrInvalid)
	}
	return err
}

// checkCaller allows no caller number, which means the trunk's, and the numbers that the carriers granted (DESIGN D9).
func (s *Service) checkCaller(n avanak.Number) error {
	switch {
	case n == 0:
		return nil
	case n.Callable() != nil:
		return fmt.Errorf("%w: caller must be a number that could be called back", avanak.ErrInvalid)
	case s.cfg.Callers != nil && !slices.Contains(s.cfg.Callers, n):
		return fmt.Errorf("%w: caller must be one of the granted caller numbers", avanak.ErrInvalid)
	}
	return nil
}

func windowOr(w *avanak.Window) avanak.Window {
	if w == nil {
		return avanak.DefaultWindow()
	}
	window := *w
	window.Zone = cmp.Or(window.Zone, avanak.DefaultZone)
	return window
}

func retryOr(p *avanak.RetryPolicy, otherwise avanak.RetryPolicy) avanak.RetryPolicy {
	if p == nil {
		return otherwise
	}
	return *p
}
