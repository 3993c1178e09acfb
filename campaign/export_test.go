package campaign

import "time"

// SetNow sets the service's clock.
func (s *Service) SetNow(now func() time.Time) { s.now = now }

// Held is how many numbers uploads hold room for.
func (s *Service) Held() int64 { return s.held.Load() }
