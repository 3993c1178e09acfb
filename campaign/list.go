package campaign

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/avanak/avanak"
)

const (
	defaultPage = 50
	maxPage     = 200
	listBatch   = 100  // campaigns asked for at once
	maxScan     = 1000 // campaigns, of all tenants, looked at for one page
)

// Summary is a campaign with where it stands, as List returns it.
type Summary struct {
	avanak.Campaign
	avanak.Progress
}

// place is a campaign's place in the order of lists: the newest first, within a millisecond by id.
type place struct {
	created int64 // Unix ms
	id      string
}

func placeOf(c avanak.Campaign) place { return place{created: c.Created.UnixMilli(), id: c.ID} }

// behind orders places as lists do.
func behind(a, b place) int {
	return cmp.Or(cmp.Compare(b.created, a.created), strings.Compare(b.id, a.id))
}

// String writes the place as a cursor.
func (p place) String() string { return strconv.FormatInt(p.created, 36) + "." + p.id }

// parsePlace reads a cursor; "" is the place in front of the newest campaign.
func parsePlace(cursor string) (place, error) {
	if cursor == "" {
		return place{}, nil
	}
	ms, id, _ := strings.Cut(cursor, ".")
	created, err := strconv.ParseInt(ms, 36, 64)
	if err != nil || created < 0 || created > 1<<52 || !avanak.ValidID(avanak.CampaignPrefix, id) {
		return place{}, fmt.Errorf("%w: cursor must be the next_cursor of a list", avanak.ErrInvalid)
	}
	return place{created: created, id: id}, nil
}

// List returns a tenant's campaigns, the newest first: at most limit (0 means 50; more than 200 is cut to that) behind
// the cursor ("" from the newest). next is the cursor for what follows, "" at the end; a page may be short, or even
// empty, and have a next. A cursor that no List returned is avanak.ErrInvalid.
func (s *Service) List(ctx context.Context, tenant, cursor string, limit int) (page []Summary, next string, err error) {
	at, err := parsePlace(cursor)
	if err != nil {
		return nil, "", fmt.Errorf("list campaigns: %w", err)
	}
	if limit < 1 {
		limit = defaultPage
	}
	limit = min(limit, maxPage)
	for scanned := 0; scanned < maxScan; {
		batch, err := s.older(ctx, at)
		if err != nil {
			return nil, "", err
		}
		if len(batch) == 0 {
			return page, "", nil
		}
		scanned += len(batch)
		for _, c := range batch {
			at = placeOf(c.Campaign)
			if c.Tenant != tenant {
				continue
			}
			if page = append(page, c); len(page) == limit {
				return page, at.String(), nil
			}
		}
	}
	return page, at.String(), nil
}

// older reads campaigns of all tenants behind a place, in order and without a gap; none where there are no more. The queue
// knows ages to the millisecond only, so a batch may end within one: what it has of its last millisecond is left for the
// next batch, and a batch that is of one millisecond alone is asked for again, larger.
func (s *Service) older(ctx context.Context, at place) ([]Summary, error) {
	var before time.Time
	if at != (place{}) {
		before = time.UnixMilli(at.created + 1)
	}
	for want := listBatch; ; want *= 2 {
		ids, err := s.jobs.Campaigns(ctx, before, want)
		if err != nil {
			return nil, err
		}
		batch, err := s.summaries(ctx, ids)
		if err != nil {
			return nil, err
		}
		slices.SortFunc(batch, func(a, b Summary) int { return behind(placeOf(a.Campaign), placeOf(b.Campaign)) })
		last := len(ids) < want
		if !last && len(batch) > 0 {
			oldest := placeOf(batch[len(batch)-1].Campaign).created
			batch = slices.DeleteFunc(batch, func(c Summary) bool { return placeOf(c.Campaign).created == oldest })
		}
		if at != (place{}) {
			batch = slices.DeleteFunc(batch, func(c Summary) bool { return behind(placeOf(c.Campaign), at) <= 0 })
		}
		if last || len(batch) > 0 {
			return batch, nil
		}
	}
}

// summaries reads campaigns; one that is gone meanwhile is left out.
func (s *Service) summaries(ctx context.Context, ids []string) ([]Summary, error) {
	all := make([]Summary, 0, len(ids))
	for _, id := range ids {
		c, p, err := s.jobs.Campaign(ctx, id)
		if errors.Is(err, avanak.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list campaigns: %w", err)
		}
		all = append(all, Summary{Campaign: c, Progress: p})
	}
	return all, nil
}
