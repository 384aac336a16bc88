package agent

import (
	"context"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/internal/plan"
)

const (
	// bookPatience is the longest time for which an applied app waits with its books.
	bookPatience = 10 * time.Second
	// maxBehind is how many apps may wait with their books at once. The next one writes them in its turn. One that waits holds
	// about 20 KiB.
	maxBehind = 512
	// maxHeavy is the number of objects from which on an app does not wait: it would hold their outcomes in memory meanwhile.
	maxHeavy = 100
)

// precedence lets users' objects go before the agent's own books. What an app has applied is recorded, in its Inventory
// and its status, which costs the API server as much as several of its objects. While other apps are to be applied, as
// after the first start or a commit that touches many, that can wait for a moment: a kill meanwhile costs an apply that
// changes nothing. The agent itself knows at once, and so do its page and the apps that come after.
type precedence struct {
	slots  chan struct{} // turns at work
	queued func() int    // apps that are to have a turn

	mu     sync.Mutex
	ahead  int           // turns that have not come to their books
	behind int           // turns that wait with theirs
	clear  chan struct{} // closed when nothing is ahead
}

// place is one turn's part in the precedence.
type place struct {
	in     *precedence
	behind bool
}

func newPrecedence(slots int, queued func() int) *precedence {
	return &precedence{slots: make(chan struct{}, slots), queued: queued, clear: make(chan struct{})}
}

// enter waits until a turn may be at work.
func (p *precedence) enter() *place {
	p.slots <- struct{}{}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ahead++
	return &place{in: p}
}

// leave ends a turn.
func (pl *place) leave() {
	p := pl.in
	<-p.slots
	p.mu.Lock()
	defer p.mu.Unlock()
	if !pl.behind {
		p.fallBehind(pl)
	}
}

// fallBehind counts a turn among those that are not ahead. It tells whether nothing is.
func (p *precedence) fallBehind(pl *place) (clear bool) {
	pl.behind = true
	p.ahead--
	if p.ahead > 0 || p.queued() > 0 {
		return false
	}
	close(p.clear)
	p.clear = make(chan struct{})
	return true
}

// yield lets what is ahead go first, until nothing is, hurry is closed, or its patience ends. Others have the slot meanwhile.
// If it comes to that, shed is called before.
func (pl *place) yield(ctx context.Context, hurry <-chan struct{}, shed func()) {
	p := pl.in
	p.mu.Lock()
	if pl.behind || p.fallBehind(pl) || p.behind >= maxBehind {
		p.mu.Unlock()
		return
	}
	p.behind++
	clear := p.clear
	p.mu.Unlock()
	shed()
	<-p.slots
	timer := time.NewTimer(bookPatience)
	defer timer.Stop()
	select {
	case <-clear:
	case <-hurry:
	case <-timer.C:
	case <-ctx.Done():
	}
	p.slots <- struct{}{}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.behind--
}

// calm waits until nothing is ahead, or the patience of books ends: for what is written when nobody waits for it.
func (p *precedence) calm(ctx context.Context) {
	p.mu.Lock()
	ahead, clear := p.ahead > 0 || p.queued() > 0, p.clear
	p.mu.Unlock()
	if !ahead {
		return
	}
	timer := time.NewTimer(bookPatience)
	defer timer.Stop()
	select {
	case <-clear:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// yield lets other apps be applied before this one is recorded, if nobody waits for its word.
func (t *turn) yield(ctx context.Context) {
	if len(t.objects) > maxHeavy || !wishesApplied(t.outcomes) {
		return
	}
	t.agent.mu.Lock()
	awaited := len(t.agent.waiting) > 0
	t.agent.mu.Unlock()
	if !awaited && !t.cameFirst() {
		t.place.yield(ctx, t.newest, t.shed)
	}
}

// shed lets go of the objects that were applied: what is still to be written needs no fields of them, and whoever asks for the
// render reads it from the cache.
func (t *turn) shed() {
	t.objects, t.rendered, t.fresh, t.loaded = nil, nil, nil, false
	for i := range t.outcomes {
		out := &t.outcomes[i]
		if out.Step.Action != plan.Apply || !out.Done || !out.Tried {
			continue
		}
		out.Step.Object = nil
		out.Applied.ObjectMeta = metav1.ObjectMeta{UID: out.Applied.UID}
		t.plan.Steps[i].Object = nil
	}
}
