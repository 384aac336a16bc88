// Package trigger decides when a repository is looked at again: by a poll, by a webhook, or because a person asked.
//
// The first event acts at once. Events that come while a pass runs become exactly one more pass after it, however many they
// are; a storm of them is held to one pass a second. A pass that failed is tried again after 1 s, doubling to 5 min, and
// never given up.
//
// It never talks to a server and never sees a webhook (package webhook does): a pass asks the repository itself, so that a
// replayed or an outdated delivery costs one question at most. Start at Watch.
//
// Time comes from package time alone, so that tests run it in a testing/synctest bubble.
package trigger

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// Cause says why a pass runs; the words are those of Repo status.observed.by.
type Cause string

// The causes.
const (
	Poll    Cause = "poll"
	Webhook Cause = "webhook" // a verified one
	Sync    Cause = "sync"    // a person asked
)

// Figures of resources.md §1 and §8, and the bounds of a storm.
const (
	defaultPoll  = time.Minute
	relaxedPoll  = 10 * time.Minute // while webhooks arrive
	relaxedFor   = time.Hour        // after the last of them
	firstRetry   = time.Second
	longestRetry = 5 * time.Minute
	burst        = 5           // passes that may follow each other without a pause
	gap          = time.Second // between passes after that
	spread       = 0.1         // of a poll, either way
)

// Watch looks at one repository again and again. Its exported fields must not change after Run has begun.
type Watch struct {
	// Pass looks at the repository once, never twice at the same time. An error is a failure: it is tried again.
	Pass func(ctx context.Context, by Cause) error

	Poll   time.Duration  // 0: 1 min; while a webhook arrived within the last hour 10 min, if that is longer
	Random func() float64 // in [0, 1), for the jitter; nil: math/rand

	mu      sync.Mutex
	nudged  Cause         // the strongest cause that waits; "" if none does
	wake    chan struct{} // has a token when nudged is set; made by the first who needs it
	webhook time.Time     // the last one
}

// Nudge asks for a pass: at once if none runs, after it otherwise. It never blocks, and may be called from anywhere, also
// before Run. Give Webhook only what was verified.
func (w *Watch) Nudge(by Cause) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if by == Webhook {
		w.webhook = time.Now()
	}
	if w.nudged != Sync { // a person's wish is told as such, whatever comes with it
		w.nudged = by
	}
	select {
	case w.signal() <- struct{}{}:
	default:
	}
}

// signal gives the channel that wakes Run. The caller holds mu.
func (w *Watch) signal() chan struct{} {
	if w.wake == nil {
		w.wake = make(chan struct{}, 1)
	}
	return w.wake
}

// Run makes the first pass at once and then one for each cause, one at a time, until the context ends; it returns the
// context's error.
func (w *Watch) Run(ctx context.Context) error {
	w.mu.Lock()
	wake := w.signal()
	w.mu.Unlock()
	pace := pace{tokens: burst, at: time.Now()}
	failures := 0
	for by := w.take(Poll); ; by = w.take(Poll) {
		if err := w.Pass(ctx, by); err != nil {
			failures++
		} else {
			failures = 0
		}
		if err := sleep(ctx, pace.wait(time.Now()), nil); err != nil {
			return err
		}
		if err := sleep(ctx, w.next(failures, time.Now()), wake); err != nil {
			return err
		}
	}
}

// take gives the cause that waits, else otherwise, and clears it, so that events from now on mean one more pass.
func (w *Watch) take(otherwise Cause) Cause {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.wake:
	default:
	}
	by := w.nudged
	w.nudged = ""
	if by == "" {
		return otherwise
	}
	return by
}

// next gives how long to wait for an event before the next pass.
func (w *Watch) next(failures int, now time.Time) time.Duration {
	if failures > 0 {
		return w.jitter(retry(failures))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	poll := w.Poll
	if poll == 0 {
		poll = defaultPoll
	}
	if !w.webhook.IsZero() && now.Sub(w.webhook) < relaxedFor {
		poll = max(poll, relaxedPoll)
	}
	return w.jitter(poll)
}

// retry gives the pause after the n-th failure in a row, n ≥ 1.
func retry(n int) time.Duration {
	if n > 9 { // 1 s << 9 is beyond the longest
		return longestRetry
	}
	return min(firstRetry<<(n-1), longestRetry)
}

// jitter spreads a pause, so that a thousand repositories do not ask at once.
func (w *Watch) jitter(pause time.Duration) time.Duration {
	random := w.Random
	if random == nil {
		random = rand.Float64
	}
	return pause + time.Duration(spread*(2*random()-1)*float64(pause))
}

// pace is a bucket of passes: full at first, one more each gap.
type pace struct {
	tokens float64
	at     time.Time
}

// wait takes one pass out of the bucket and gives how long the next must wait for its own.
func (p *pace) wait(now time.Time) time.Duration {
	p.tokens = min(burst, p.tokens+float64(now.Sub(p.at))/float64(gap)) - 1
	p.at = now
	if p.tokens >= 1 {
		return 0
	}
	return time.Duration((1 - p.tokens) * float64(gap))
}

// sleep waits for a time, an event, or the end of the context, of which alone it gives an error. A nil channel has no events.
func sleep(ctx context.Context, pause time.Duration, wake <-chan struct{}) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
	}
	return ctx.Err()
}
