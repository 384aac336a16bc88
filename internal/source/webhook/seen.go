package webhook

import (
	"sync"
	"time"
)

// Bounds of what is remembered. Forges repeat a delivery that was not answered within minutes.
const (
	seenFor = time.Hour
	maxSeen = 4096
)

// Seen remembers deliveries that were acted on, so that a repetition costs nothing. The zero value is empty; it is safe for
// concurrent use.
type Seen struct {
	mu    sync.Mutex
	at    map[string]time.Time
	order []string // oldest first
}

// Again tells whether one of a delivery's marks was seen within the last hour under a name, and remembers them all. The
// name keeps apart the deliveries to different hooks.
func (s *Seen) Again(name string, marks []string, now time.Time) (again bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == nil {
		s.at = map[string]time.Time{}
	}
	for _, mark := range marks {
		key := name + " " + mark
		before, ok := s.at[key]
		again = again || ok && now.Sub(before) < seenFor
		if !ok {
			s.order = append(s.order, key)
		}
		s.at[key] = now
	}
	for len(s.order) > maxSeen {
		delete(s.at, s.order[0])
		s.order = s.order[1:]
	}
	return again
}
