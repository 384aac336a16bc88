package people

import (
	"sync"
	"time"

	"plumb.dev/plumb/internal/server"
)

// Limits of sessions.
const (
	sessionIdle  = time.Hour // without a request, and without a stream that is followed
	sessionsKept = 1000      // of everybody together
	sessionsEach = 10        // of one person
)

// session is one login of one browser.
type session struct {
	person *Person
	used   time.Time
	ends   time.Time
}

func (s *session) over(now time.Time) bool {
	return !now.Before(s.ends) || now.Sub(s.used) >= sessionIdle
}

// sessions are those who are logged in, in memory: the end of the agent ends them all. Where there is no room, the session
// goes that was not used for longest, of the same person first.
type sessions struct {
	now func() time.Time
	mu  sync.Mutex
	all map[server.Mark]*session
}

func newSessions(now func() time.Time) *sessions {
	return &sessions{now: now, all: map[server.Mark]*session{}}
}

// begin makes a session and gives its id, which is known to nobody else, and when it ends. ends is when the login ends that it
// stands for; the zero time is not known.
func (s *sessions) begin(p *Person, ends time.Time) (id string, until time.Time) {
	id = server.NewSecret()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	until = now.Add(server.SessionFor)
	if !ends.IsZero() && ends.Before(until) {
		until = ends
	}
	for k, other := range s.all {
		if other.over(now) {
			delete(s.all, k)
		}
	}
	s.makeRoom(sessionsEach, func(other *session) bool { return other.person.same(p) })
	s.makeRoom(sessionsKept, func(*session) bool { return true })
	s.all[server.MarkOf(id)] = &session{person: p, used: now, ends: until}
	return id, until
}

// makeRoom ends the sessions that were not used for longest, so that one more of a kind is not beyond most.
func (s *sessions) makeRoom(most int, of func(*session) bool) {
	for {
		count := 0
		var oldest server.Mark
		var used time.Time
		for k, other := range s.all {
			if !of(other) {
				continue
			}
			if count == 0 || other.used.Before(used) {
				oldest, used = k, other.used
			}
			count++
		}
		if count < most {
			return
		}
		delete(s.all, oldest)
	}
}

// of gives the person of a session that is not over, and when it ends. That is a use of it.
func (s *sessions) of(id string) (p *Person, ends time.Time, ok bool) {
	if id == "" {
		return nil, time.Time{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k, now := server.MarkOf(id), s.now()
	found := s.all[k]
	if found == nil {
		return nil, time.Time{}, false
	}
	if found.over(now) {
		delete(s.all, k)
		return nil, time.Time{}, false
	}
	found.used = now
	return found.person, found.ends, true
}

// end ends a session.
func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, server.MarkOf(id))
}
