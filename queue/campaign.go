package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/avanak/avanak"
)

// schema is the version of the records that this code writes; newer ones are refused.
const schema = 1

// CreateCampaign writes a campaign in run state loading. A repeated call with the same fingerprint of the request
// reports created=false; with another one it is avanak.ErrConflict.
func (q *Queue) CreateCampaign(ctx context.Context, c avanak.Campaign, fingerprint string) (created bool, err error) {
	spec, err := json.Marshal(c)
	if err != nil {
		return false, fmt.Errorf("encode campaign %s: %w", c.ID, err)
	}
	k := keysOf(c.ID)
	charged, recorded := c.Retry.Limits()
	code, err := q.runInt(ctx, "create", []string{k.hash, k.all()}, q.clock, c.ID, schema, c.Tenant, spec, fingerprint,
		charged, recorded, string(c.OnUncertain), c.Created.UnixMilli(),
		max(c.Ring, q.cfg.Redial).Milliseconds())
	if err != nil {
		return false, err
	}
	if code < 0 {
		return false, fmt.Errorf("campaign %s exists with other content: %w", c.ID, avanak.ErrConflict)
	}
	return code == 1, nil
}

// Campaign reads a campaign and where it stands.
func (q *Queue) Campaign(ctx context.Context, id string) (avanak.Campaign, avanak.Progress, error) {
	k := keysOf(id)
	var fields *redis.MapStringStringCmd
	var inFlight *redis.IntCmd
	_, err := q.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		fields = p.HGetAll(ctx, k.hash)
		inFlight = p.ZCard(ctx, k.deadlines())
		return nil
	})
	if err != nil {
		return avanak.Campaign{}, avanak.Progress{}, fmt.Errorf("read campaign %s: %w", id, unavailable(err))
	}
	return decodeCampaign(id, fields.Val(), int(inFlight.Val()))
}

func decodeCampaign(id string, h map[string]string, inFlight int) (c avanak.Campaign, p avanak.Progress, err error) {
	if len(h) == 0 {
		return c, p, fmt.Errorf("campaign %s: %w", id, avanak.ErrNotFound)
	}
	if v, _ := strconv.Atoi(h["v"]); v > schema {
		return c, p, fmt.Errorf("campaign %s: %w", id, ErrSchema)
	}
	if err := json.Unmarshal([]byte(h["spec"]), &c); err != nil {
		return c, p, fmt.Errorf("decode campaign %s: %w", id, err)
	}
	number := func(field string) int {
		n, e := strconv.Atoi(h[field])
		if e != nil && h[field] != "" {
			err = errors.Join(err, fmt.Errorf("campaign %s: field %s holds %q", id, field, h[field]))
		}
		return n
	}
	p = avanak.Progress{Run: avanak.Run(h["run"]), Recipients: number("n"), Attempts: number("attempts"),
		Answered: number("answered"), Rejected: number("rejected"), InFlight: inFlight,
		Started: millis(int64(number("started"))), Finished: millis(int64(number("finished")))}
	for s := range avanak.States {
		p.States[s] = number("s" + strconv.Itoa(s))
	}
	if p.Run == avanak.CancelledRun {
		// Written nowhere, so that cancel is O(1): those still open are cancelled.
		p.States[avanak.Cancelled] += p.States[avanak.Pending] + p.States[avanak.RetryWait]
		p.States[avanak.Pending], p.States[avanak.RetryWait] = 0, 0
	}
	return c, p, err
}

func millis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// Campaigns lists campaign ids, the newest first: at most limit of those older than before (zero: all).
func (q *Queue) Campaigns(ctx context.Context, before time.Time, limit int) ([]string, error) {
	limit = max(limit, 0)
	until := "+inf"
	if !before.IsZero() {
		until = "(" + strconv.FormatInt(before.UnixMilli(), 10)
	}
	found := make([]*redis.ZSliceCmd, avanak.Partitions)
	_, err := q.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range found {
			found[i] = p.ZRevRangeByScoreWithScores(ctx, partitionKey(i)+"all", &redis.ZRangeBy{Min: "-inf", Max: until,
				Count: int64(limit)})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list campaigns: %w", unavailable(err))
	}
	var all []redis.Z
	for _, f := range found {
		all = append(all, f.Val()...)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Score > all[j].Score })
	ids := make([]string, 0, min(limit, len(all)))
	for _, z := range all[:min(limit, len(all))] {
		id, _ := z.Member.(string)
		ids = append(ids, id)
	}
	return ids, nil
}

// SetRun starts (Running), pauses, resumes (Running) or cancels a campaign and returns the run state that it is in: Done
// where a start found nobody left to call. A move that its state does not allow is avanak.ErrConflict; so is one from
// another state than from, where that is named: a start that comes twice must not undo a pause in between.
func (q *Queue) SetRun(ctx context.Context, c avanak.Campaign, from, to avanak.Run) (avanak.Run, error) {
	k := keysOf(c.ID)
	code, rest, err := q.runCode(ctx, "run", []string{k.hash, k.dir(), k.events()}, q.clock, c.ID, c.Tenant, string(to),
		string(from))
	if err != nil {
		return "", err
	}
	var state string
	if len(rest) > 0 {
		state, _ = rest[0].(string)
	}
	switch code {
	case 1:
		if to == avanak.Running {
			q.wake(ctx, c.ID)
		}
		return avanak.Run(state), nil
	case 0:
		return "", fmt.Errorf("campaign %s: %w", c.ID, avanak.ErrNotFound)
	case -2:
		return "", fmt.Errorf("%w: a campaign without recipients cannot start", avanak.ErrConflict)
	case -3:
		return "", fmt.Errorf("%w: an upload of recipients is under way or broke off; send the list again", avanak.ErrConflict)
	}
	return avanak.Run(state), fmt.Errorf("%w: a campaign that is %s cannot become %s", avanak.ErrConflict, state, to)
}

// OpenWindow says when calls of a campaign may start. What nobody renews closes by itself.
func (q *Queue) OpenWindow(ctx context.Context, id string, from, until time.Time) error {
	code, err := q.runInt(ctx, "window", []string{keysOf(id).hash}, from.UnixMilli(), until.UnixMilli())
	if err != nil {
		return err
	}
	if code == 0 {
		return fmt.Errorf("campaign %s: %w", id, avanak.ErrNotFound)
	}
	return nil
}

// Active lists the campaigns that have work: started, and neither done nor cancelled and at rest.
func (q *Queue) Active(ctx context.Context) ([]string, error) {
	found := make([]*redis.StringSliceCmd, avanak.Partitions)
	_, err := q.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range found {
			found[i] = p.SMembers(ctx, partitionKey(i)+"dir")
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list active campaigns: %w", unavailable(err))
	}
	var ids []string
	for _, f := range found {
		ids = append(ids, f.Val()...)
	}
	sort.Strings(ids)
	return ids, nil
}
