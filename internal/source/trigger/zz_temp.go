// Package trigger temp.
package trigger

import (
	"context"
	"time"
)

type Options struct{ Poll time.Duration }
type Watch struct {
	o    Options
	pass func(context.Context, string) error
	ch   chan string
}

func New(o Options, pass func(context.Context, string) error) *Watch {
	return &Watch{o, pass, make(chan string, 1)}
}
func (w *Watch) Nudge(by string) {
	select {
	case w.ch <- by:
	default:
	}
}
func (w *Watch) Run(ctx context.Context) {
	for {
		t := w.o.Poll
		by := "poll"
		select {
		case <-ctx.Done():
			return
		case by = <-w.ch:
		case <-time.After(t):
		}
		if err := w.pass(ctx, by); err != nil {
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
				w.Nudge(by)
			}
		}
	}
}
