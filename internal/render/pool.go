package render

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"
)

var errClosed = errors.New("the renderer is closed")

// pool lends children to one render at a time. It starts the first when it is asked, another only when someone has waited
// for as long as its patience (a slow render must not stop the others, but each child costs memory), and ends those that
// are idle until one is left.
type pool struct {
	start    func() (*process, error)
	max      int
	patience time.Duration
	linger   time.Duration
	starts   chan chan started
	closed   chan struct{}

	mu      sync.Mutex
	idle    []*process // the one that was used last is the last
	live    map[*process]bool
	count   int             // of children that live or are being started
	waiting []chan *process // first come first served; nil means: start one, it is counted
}

type started struct {
	p   *process
	err error
}

func newPool(max int, patience, linger time.Duration, start func() (*process, error)) *pool {
	p := &pool{
		start: start, max: max, patience: patience, linger: linger,
		starts: make(chan chan started), closed: make(chan struct{}), live: map[*process]bool{},
	}
	go p.starter()
	return p
}

// starter starts children, all from one thread that lives as long as the pool: a child dies with the thread that made it.
func (pl *pool) starter() {
	runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
	for {
		select {
		case <-pl.closed:
			return
		case answer := <-pl.starts:
			p, err := pl.start()
			if err == nil {
				pl.mu.Lock()
				pl.live[p] = true
				pl.mu.Unlock()
			}
			answer <- started{p, err}
		}
	}
}

// acquire gives a child that is the caller's until it releases it.
func (pl *pool) acquire(ctx context.Context) (*process, error) {
	pl.mu.Lock()
	if n := len(pl.idle); n > 0 {
		p := pl.idle[n-1]
		pl.idle = pl.idle[:n-1]
		pl.mu.Unlock()
		return p, nil
	}
	if pl.count == 0 {
		pl.count++
		pl.mu.Unlock()
		return pl.startOne()
	}
	turn := make(chan *process, 1)
	pl.waiting = append(pl.waiting, turn)
	pl.mu.Unlock()
	return pl.wait(ctx, turn)
}

// wait waits for a turn; when its patience ends it starts a child if there may be one more.
func (pl *pool) wait(ctx context.Context, turn chan *process) (*process, error) {
	patience := time.NewTimer(pl.patience)
	defer patience.Stop()
	for {
		select {
		case p := <-turn:
			if p == nil {
				return pl.startOne()
			}
			return p, nil
		case <-patience.C:
			if pl.leave(turn, true) {
				return pl.startOne()
			}
		case <-ctx.Done():
			pl.giveUp(turn)
			return nil, context.Cause(ctx)
		case <-pl.closed:
			pl.giveUp(turn)
			return nil, errClosed
		}
	}
}

// leave takes a turn out of the queue. With grow it does so only if there may be one more child, which it counts. It is false
// if the turn stays, or has come.
func (pl *pool) leave(turn chan *process, grow bool) bool {
	pl.mu.Lock()
	defer pl.mu.Unlock()
	i := slices.Index(pl.waiting, turn)
	if i < 0 || grow && pl.count >= pl.max {
		return false
	}
	pl.waiting = slices.Delete(pl.waiting, i, i+1)
	if grow {
		pl.count++
	}
	return true
}

// giveUp takes a turn out of the queue, and hands on what it was given meanwhile.
func (pl *pool) giveUp(turn chan *process) {
	if pl.leave(turn, false) {
		return
	}
	if p := <-turn; p != nil {
		pl.release(p, true)
		return
	}
	pl.vacate()
}

// startOne starts a child that is counted already.
func (pl *pool) startOne() (*process, error) {
	answer := make(chan started, 1)
	select {
	case pl.starts <- answer:
	case <-pl.closed:
		pl.vacate()
		return nil, errClosed
	}
	s := <-answer
	if s.err != nil {
		pl.vacate()
	}
	return s.p, s.err
}

// vacate says that a child is gone; whoever waits may start another.
func (pl *pool) vacate() {
	pl.mu.Lock()
	defer pl.mu.Unlock()
	if len(pl.waiting) > 0 {
		pl.waiting[0] <- nil
		pl.waiting = pl.waiting[1:]
		return
	}
	pl.count--
}

// release gives a child back. One that did not end its conversation properly is ended.
func (pl *pool) release(p *process, good bool) {
	if !good || pl.isClosed() {
		pl.end(p)
		return
	}
	pl.mu.Lock()
	defer pl.mu.Unlock()
	if len(pl.waiting) > 0 {
		pl.waiting[0] <- p
		pl.waiting = pl.waiting[1:]
		return
	}
	p.since = time.Now()
	pl.idle = append(pl.idle, p)
	if len(pl.idle) > 1 {
		time.AfterFunc(pl.linger, pl.shrink)
	}
}

func (pl *pool) isClosed() bool {
	select {
	case <-pl.closed:
		return true
	default:
		return false
	}
}

// end ends a child that is the caller's.
func (pl *pool) end(p *process) {
	p.stop()
	pl.mu.Lock()
	delete(pl.live, p)
	pl.mu.Unlock()
	pl.vacate()
}

// shrink ends the child that was idle for longest, if it was for long enough and there is another.
func (pl *pool) shrink() {
	pl.mu.Lock()
	if len(pl.idle) < 2 || time.Since(pl.idle[0].since) < pl.linger {
		pl.mu.Unlock()
		return
	}
	p := pl.idle[0]
	pl.idle = pl.idle[1:]
	pl.mu.Unlock()
	pl.end(p)
}

// close ends all children; those that render are ended by whoever has them.
func (pl *pool) close() {
	pl.mu.Lock()
	if pl.isClosed() {
		pl.mu.Unlock()
		return
	}
	close(pl.closed)
	idle := pl.idle
	pl.idle = nil
	for p := range pl.live {
		p.kill()
	}
	pl.mu.Unlock()
	for _, p := range idle {
		pl.end(p)
	}
}

// pids gives the process ids of the living children.
func (pl *pool) pids() []int {
	pl.mu.Lock()
	defer pl.mu.Unlock()
	var pids []int
	for p := range pl.live {
		pids = append(pids, p.cmd.Process.Pid)
	}
	return pids
}
