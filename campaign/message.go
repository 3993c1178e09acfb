package campaign

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/avanak/avanak"
)

// Bounds of a message's life: no INVITE leaves after it.
const (
	DefaultExpiry = 10 * time.Minute
	MaxExpiry     = time.Hour
)

// DefaultMessageRetry is used where a message says nothing of retries. A message is short-lived: a busy line is worth one
// more try soon, a phone that rang unheard is not, and the trunk's own failures are passed over quickly.
func DefaultMessageRetry() avanak.RetryPolicy {
	return avanak.RetryPolicy{MaxAttempts: 2, Busy: 30 * time.Second, Congestion: 5 * time.Second}
}

// MessageRequest is what a customer says of a new message. What is left out (zero or nil) has its default: DefaultExpiry,
// DefaultMessageRetry, avanak.DefaultWindow, avanak.DefaultRing, avanak.Hold, and the trunk's caller number. The JSON names
// are part of stored fingerprints, as those of Request.
type MessageRequest struct {
	Clip        string              `json:"clip,omitzero"` // clip id
	Number      avanak.Number       `json:"number,omitzero"`
	Caller      avanak.Number       `json:"caller,omitzero"`
	Window      *avanak.Window      `json:"window,omitzero"`
	Retry       *avanak.RetryPolicy `json:"retry,omitzero"` // taken whole, as in Request
	Ring        time.Duration       `json:"ring,omitzero"`
	ExpiresIn   time.Duration       `json:"expires_in,omitzero"` // 1 s to MaxExpiry
	OnUncertain avanak.OnUncertain  `json:"on_uncertain,omitzero"`
}

func (r MessageRequest) message(id, tenant string, sandbox bool, now time.Time) (avanak.Message, error) {
	expires := cmp.Or(r.ExpiresIn, DefaultExpiry)
	if expires < time.Second || expires > MaxExpiry {
		return avanak.Message{}, fmt.Errorf("%w: expires_in must be 1s to %s", avanak.ErrInvalid, MaxExpiry)
	}
	if r.Number == 0 {
		return avanak.Message{}, avanak.ErrNumber
	}
	m := avanak.Message{ID: id, Tenant: tenant, Clip: r.Clip, Number: r.Number, Caller: r.Caller,
		Window: windowOr(r.Window), Retry: retryOr(r.Retry, DefaultMessageRetry()), Ring: cmp.Or(r.Ring, avanak.DefaultRing),
		OnUncertain: cmp.Or(r.OnUncertain, avanak.Hold), Sandbox: sandbox, Accepted: now, Expires: now.Add(expires)}
	return m, m.Validate()
}

// Send accepts a message on the fast lane. The idempotency key works as in Create. It is avanak.ErrInvalid where the
// request breaks a rule or the clip is not the tenant's, ErrSuppressed, queue.ErrWindowClosed (the fast lane does not keep
// messages for the next morning), or avanak.ErrLimited where the lane is full. After avanak.ErrUnavailable the message may
// have been accepted: only a request with a key can be repeated without a second call.
func (s *Service) Send(ctx context.Context, tenant string, r MessageRequest, idempotencyKey string) (
	st avanak.MessageStatus, created bool, err error,
) {
	now := s.instant()
	id, err := identify(avanak.MessagePrefix, tenant, idempotencyKey, now)
	if err != nil {
		return st, false, fmt.Errorf("send message: %w", err)
	}
	m, err := r.message(id, tenant, s.cfg.Sandbox, now)
	if err != nil {
		return st, false, fmt.Errorf("send message: %w", err)
	}
	if err := s.checkCaller(r.Caller); err != nil {
		return st, false, fmt.Errorf("send message: %w", err)
	}
	digest, err := fingerprint(r)
	if err != nil {
		return st, false, fmt.Errorf("send message: %w", err)
	}
	if err := s.checkNewMessage(ctx, &m, idempotencyKey != ""); err != nil {
		return st, false, fmt.Errorf("send message: %w", err)
	}
	created, err = s.jobs.PushMessage(ctx, m, digest)
	switch {
	case errors.Is(err, avanak.ErrConflict):
		return st, false, fmt.Errorf("send message: %w", ErrIdempotency)
	case err != nil:
		return st, false, fmt.Errorf("send message: %w", err)
	case created:
		return avanak.MessageStatus{Message: m}, true, nil
	}
	st, err = s.Message(ctx, tenant, id)
	return st, false, err
}

// checkNewMessage asks for the clip and the suppression, except where the message is there already. Then m takes the
// instants of the stored one, so that the queue compares the fingerprints and does not judge a repeat by the hour at which
// it came.
func (s *Service) checkNewMessage(ctx context.Context, m *avanak.Message, keyed bool) error {
	if keyed {
		stored, err := s.jobs.Message(ctx, m.ID)
		if err == nil {
			m.Window, m.Accepted, m.Expires = stored.Window, stored.Accepted, stored.Expires
			return nil
		}
		if !errors.Is(err, avanak.ErrNotFound) {
			return err
		}
	}
	if err := s.checkClip(ctx, m.Tenant, m.Clip); err != nil {
		return err
	}
	answer, err := s.suppressed.HasMany(ctx, []avanak.Number{m.Number})
	if err != nil {
		return fmt.Errorf("look up suppression: %w", err)
	}
	if len(answer) != 1 {
		return fmt.Errorf("look up suppression: %w: %d answers to 1 number", avanak.ErrUnavailable, len(answer))
	}
	if answer[0] {
		return ErrSuppressed
	}
	return nil
}

// Message reads a message and where it stands. avanak.ErrNotFound where the tenant has none of this id, or where its
// record was dropped at the end of its retention.
func (s *Service) Message(ctx context.Context, tenant, id string) (avanak.MessageStatus, error) {
	if !avanak.ValidID(avanak.MessagePrefix, id) {
		return avanak.MessageStatus{}, fmt.Errorf("message: %w", avanak.ErrNotFound)
	}
	st, err := s.jobs.Message(ctx, id)
	if err == nil && st.Tenant != tenant {
		err = fmt.Errorf("message %s: %w", id, avanak.ErrNotFound)
	}
	if err != nil {
		return avanak.MessageStatus{}, err
	}
	return st, nil
}
