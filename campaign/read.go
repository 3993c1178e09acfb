package campaign

import (
	"context"
	"fmt"
	"iter"

	"github.com/avanak/avanak"
)

// own reads a tenant's campaign. Another tenant's id is answered like one that does not exist, and an id that cannot exist
// never becomes a part of a key or of an error.
func (s *Service) own(ctx context.Context, tenant, id string) (avanak.Campaign, avanak.Progress, error) {
	if !avanak.ValidID(avanak.CampaignPrefix, id) {
		return avanak.Campaign{}, avanak.Progress{}, fmt.Errorf("campaign: %w", avanak.ErrNotFound)
	}
	c, p, err := s.jobs.Campaign(ctx, id)
	if err == nil && c.Tenant != tenant {
		err = fmt.Errorf("campaign %s: %w", id, avanak.ErrNotFound)
	}
	if err != nil {
		return avanak.Campaign{}, avanak.Progress{}, err
	}
	return c, p, nil
}

// Get reads a campaign and where it stands. avanak.ErrNotFound where the tenant has none of this id.
func (s *Service) Get(ctx context.Context, tenant, id string) (avanak.Campaign, avanak.Progress, error) {
	return s.own(ctx, tenant, id)
}

// Results returns a campaign and what became of each of its recipients, in the order of the list. The sequence reads as
// it is ranged over, in bounded memory, and ends behind the first error.
func (s *Service) Results(ctx context.Context, tenant, id string) (
	avanak.Campaign, iter.Seq2[avanak.Recipient, error], error,
) {
	c, _, err := s.own(ctx, tenant, id)
	if err != nil {
		return c, nil, err
	}
	return c, s.jobs.Results(ctx, id, 0), nil
}
