package forge

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// unsaid is how long a forge is left alone that refuses without a time: GitHub's documentation asks for a minute at least
	// ("Rate limits for the REST API", exceeding the rate limit).
	unsaid = time.Minute
	// maxPause bounds what a forge may ask for: GitHub's windows are an hour long.
	maxPause = 2 * time.Hour
)

// Gate is shut while a forge wants to be left alone by a credential. The zero value is open; it is safe for concurrent use.
// Accesses with the same credential share one.
type Gate struct {
	mu    sync.Mutex
	until time.Time
}

func (g *Gate) shut(until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until.After(g.until) {
		g.until = until
	}
}

func (g *Gate) check(now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Before(g.until) {
		return &Limited{g.until}
	}
	return nil
}

// pause tells whether an answer is a rate limit, and until when: a 429, or a 403 that says so by a header or, for GitHub's
// secondary limits, in its text.
func pause(status int, header http.Header, said string, now time.Time) (until time.Time, limited bool) {
	after, hasAfter := retryAfter(header, now)
	reset, hasReset := usedUp(header, now)
	switch {
	case status != http.StatusTooManyRequests && status != http.StatusForbidden:
		return time.Time{}, false
	case hasAfter:
		until = after
	case hasReset:
		until = reset
	case status == http.StatusTooManyRequests, strings.Contains(strings.ToLower(said), "rate limit"):
		until = now.Add(unsaid)
	default:
		return time.Time{}, false
	}
	if most := now.Add(maxPause); until.After(most) {
		until = most
	}
	return until, true
}

// retryAfter reads the header Retry-After: seconds, or a date.
func retryAfter(header http.Header, now time.Time) (time.Time, bool) {
	value := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 {
		return now.Add(time.Duration(min(seconds, int(maxPause/time.Second))) * time.Second), true
	}
	if at, err := http.ParseTime(value); err == nil {
		return at, true
	}
	return time.Time{}, false
}

// usedUp tells whether an answer's headers say that nothing is left of the limit, and when there is again: GitHub's
// X-RateLimit-Remaining and -Reset, GitLab's RateLimit-Remaining and -Reset, both with the time in seconds since 1970.
func usedUp(header http.Header, now time.Time) (time.Time, bool) {
	for _, prefix := range []string{"X-RateLimit-", "RateLimit-"} {
		seconds, err := strconv.ParseInt(header.Get(prefix+"Reset"), 10, 64)
		if header.Get(prefix+"Remaining") != "0" || err != nil {
			continue
		}
		if reset := time.Unix(seconds, 0); reset.After(now) && reset.Before(now.Add(maxPause)) {
			return reset, true
		}
	}
	return time.Time{}, false
}
