package render

import "time"

// clock ends a render that takes too long. It stands still while the parent answers: a source may have to fetch a submodule
// first, which has deadlines of its own and is no work of the render's. It belongs to one goroutine; nil never ends anything.
type clock struct {
	timer *time.Timer
	left  time.Duration
	since time.Time
}

func newClock(limit time.Duration, end func()) *clock {
	return &clock{timer: time.AfterFunc(limit, end), left: limit, since: time.Now()}
}

// pause stops the clock until the function that it gives is called.
func (c *clock) pause() (resume func()) {
	if c == nil || !c.timer.Stop() {
		return func() {}
	}
	c.left -= time.Since(c.since)
	return func() {
		c.since = time.Now()
		c.timer.Reset(max(c.left, 0))
	}
}

func (c *clock) stop() { c.timer.Stop() }
