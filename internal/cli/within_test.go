package cli

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestWithin(t *testing.T) {
	killed, verdict := errors.New("signal: killed"), errors.New("cart is failed")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	cases := map[string]struct {
		reason string
		ctx    context.Context
		limit  time.Duration
		do     func(context.Context) error
		want   error
	}{
		"in time":   {"what was found before the time was over is the answer", t.Context(), time.Hour, func(context.Context) error { return verdict }, verdict},
		"cut short": {"what breaks off because the time is over finds nothing", t.Context(), time.Millisecond, func(ctx context.Context) error { <-ctx.Done(); return killed }, context.DeadlineExceeded},
		"done":      {"what was reached at the last moment is reached", t.Context(), time.Millisecond, func(ctx context.Context) error { <-ctx.Done(); return nil }, nil},
		"stopped":   {"a person's Ctrl-C is no time-out", ended, time.Hour, func(ctx context.Context) error { <-ctx.Done(); return killed }, killed},
		"no limit":  {"0 waits for ever", t.Context(), 0, func(context.Context) error { return verdict }, verdict},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if err := within(c.ctx, c.limit, c.do); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", c.reason, err, c.want)
			}
		})
	}
}
