package trigger

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// passes records when passes began, and why.
type passes struct {
	start time.Time
	at    []time.Duration
	by    []Cause
	takes time.Duration
	err   error
}

func (p *passes) pass(ctx context.Context, by Cause) error {
	p.at = append(p.at, time.Since(p.start))
	p.by = append(p.by, by)
	_ = sleep(ctx, p.takes, nil)
	return p.err
}

// watch runs a Watch in a bubble, without jitter, while do acts.
func watch(t *testing.T, p *passes, do func(*Watch)) {
	synctest.Test(t, func(t *testing.T) {
		p.start = time.Now()
		w := &Watch{Pass: p.pass, Random: func() float64 { return 0.5 }}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.Run(ctx) }()
		synctest.Wait()
		do(w)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	})
}

func (p *passes) want(t *testing.T, at ...time.Duration) {
	t.Helper()
	if !slices.Equal(p.at, at) {
		t.Errorf("passes at %v, want %v", p.at, at)
	}
}

const (
	s = time.Second
	m = time.Minute
)

func TestPolls(t *testing.T) {
	var p passes
	watch(t, &p, func(*Watch) { time.Sleep(3*m + s) })
	p.want(t, 0, m, 2*m, 3*m)
}

func TestFirstEventActsAtOnce(t *testing.T) {
	var p passes
	watch(t, &p, func(w *Watch) {
		time.Sleep(10 * s)
		w.Nudge(Sync)
		time.Sleep(m + s)
	})
	p.want(t, 0, 10*s, 70*s)
	if p.by[1] != Sync || p.by[2] != Poll {
		t.Errorf("the causes are %v", p.by)
	}
}

func TestEventsDuringAPassAreOneMore(t *testing.T) {
	p := passes{takes: 4 * s}
	watch(t, &p, func(w *Watch) {
		for range 100 {
			w.Nudge(Webhook)
		}
		w.Nudge(Sync)
		w.Nudge(Webhook)
		time.Sleep(20 * s)
	})
	p.want(t, 0, 4*s)
	if p.by[1] != Sync {
		t.Errorf("the person who asked is told that %s did", p.by[1])
	}
}

func TestStorm(t *testing.T) {
	var p passes
	watch(t, &p, func(w *Watch) {
		for range 5000 {
			w.Nudge(Webhook)
			time.Sleep(2 * time.Millisecond)
		}
	})
	if n := len(p.at); n < 10 || n > burst+11 {
		t.Errorf("5,000 events in 10 s make %d passes", n)
	}
}

func TestWebhooksRelaxThePoll(t *testing.T) {
	var p passes
	watch(t, &p, func(w *Watch) {
		time.Sleep(30 * s)
		w.Nudge(Webhook)
		time.Sleep(62*m + s)
	})
	want := []time.Duration{0, 30 * s}
	for i := range 6 {
		want = append(want, 30*s+time.Duration(i+1)*10*m)
	}
	p.want(t, append(want, 61*m+30*s, 62*m+30*s)...)
}

func TestFailuresBackOffAndNeverGiveUp(t *testing.T) {
	p := passes{err: errors.New("no")}
	watch(t, &p, func(w *Watch) {
		time.Sleep(30 * m)
		synctest.Wait()
		if last := p.at[len(p.at)-1] - p.at[len(p.at)-2]; last != longestRetry {
			t.Errorf("the longest pause is %s", last)
		}
		p.at, p.err = nil, nil
		w.Nudge(Sync)
		time.Sleep(m + s)
	})
	p.want(t, 30*m, 31*m)
}

func TestRetryDoubles(t *testing.T) {
	for n, want := range map[int]time.Duration{1: s, 2: 2 * s, 3: 4 * s, 9: 256 * s, 10: longestRetry, 1000: longestRetry} {
		if got := retry(n); got != want {
			t.Errorf("after %d failures: %s, want %s", n, got, want)
		}
	}
}

func TestJitter(t *testing.T) {
	for random, want := range map[float64]time.Duration{0: 54 * s, 0.5: m, 0.999999: 66*s - 12*time.Microsecond} {
		w := &Watch{Random: func() float64 { return random }}
		if got := w.next(0, time.Now()); got.Round(time.Microsecond) != want {
			t.Errorf("with %v the poll is %s, want %s", random, got, want)
		}
	}
}
