// Package review tells a forge what each open pull request of a repository would change, before it is merged: a commit status that
// can be required, and one comment that is edited in place.
//
// It reads pull requests, fetches their heads, renders the apps that they affect as the head, the merge base, the tip and the tip
// with the request merged in have them, and asks the cluster by dry runs as each app's own ServiceAccount. Hints (webhooks, a new
// tip) only say where to look: everything is read again, and a sweep finds what no hint told. What was said is kept in a folder,
// so that a start says nothing twice. It never writes to the cluster and never merges, and what a fork proposes is not even
// rendered before somebody with the right to push asks for it.
//
// Start at Reviewer.Run; one.go is what is done about one pull request, plan.go how its plan is made.
package review

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/shelf"
	"plumb.dev/plumb/internal/source"
)

const (
	// gatherFor is how long hints are gathered: forges send several for one push.
	gatherFor = 200 * time.Millisecond
	// workers is how many Repos are in work at once; of one Repo it is one pull request.
	workers = 2
	// planFor is how long one plan may take.
	planFor = 10 * time.Minute
	// plansKept is how much of whole plans is kept, in bytes.
	plansKept = 64 << 20
	// shortestSweep and longestSweep bound how often all open pull requests are looked at: as often as the Repo is polled.
	shortestSweep, longestSweep = time.Minute, 10 * time.Minute
)

// Desk is one Repo with everything that its pull requests are judged by, as it is now.
type Desk struct {
	Repo     *v1alpha1.Repo
	Forge    forge.Forge
	Kind     forge.Kind
	Context  string // the beginning of the status's name
	Branch   string // that is followed
	Tip      string // its commit that the apps were offered last
	Mirror   *source.Mirror
	Clusters []fleet.Cluster
	Apps     []v1alpha1.App // that the Repo made
	ByHand   []v1alpha1.App // that read the same branch
	Poll     time.Duration
}

// Open gives the desk of a Repo ("<namespace>/<name>"), nil if there is nothing to review (any more, or yet).
type Open func(ctx context.Context, repo string) (*Desk, error)

// Heard takes in whether the forge of a Repo takes what it is told of pull requests; bad is nil if it does. It is called when that
// changes, and must not wait.
type Heard func(repo string, bad *fault.Fault)

// Reviewer reviews. Make it with New.
type Reviewer struct {
	open  Open
	heard Heard
	hands Hands
	log   *slog.Logger
	queue workqueue.TypedRateLimitingInterface[string]
	cache *render.Cache
	plans *shelf.Shelf

	mu       sync.Mutex
	book     book
	desks    map[string]*desk
	outlines map[string]Outline // by renderKey
}

// desk is what is to be done for one Repo.
type desk struct {
	pulls   map[int]bool // to be looked at
	tried   map[int]bool // of them, without success since all others had their turn
	sweep   bool         // all open ones are to be listed
	swept   time.Time
	inWork  int           // the pull request that is in work; 0 is none
	nudged  chan struct{} // a hint about that one
	trouble string        // what was logged last
	heard   string        // what was heard of the forge last
	refused map[int]refusal
	hinted  map[int]time.Time // when the first hint came since a pull request was looked at
}

// refusal is what the forge refuses to be told of a pull request.
type refusal struct {
	tries     int
	head, tip string
	of        forge.Forge // with its credential
}

// triesOfNoUse is how often something is tried again that no retry is likely to mend: a text or a commit that the forge refuses, a
// right that the token has not got. Then it waits for another head, tip, or credential, or for a hint.
const triesOfNoUse = 5

// given tells whether it is not tried any more for what is there now.
func (f refusal) given(pull forge.Pull, at *Desk) bool {
	return f.tries >= triesOfNoUse && f.head == pull.Head.Commit && f.tip == at.Tip && f.of == at.Forge
}

// New makes a reviewer that keeps what it said in a folder of its own, which it makes.
func New(open Open, heard Heard, hands Hands, dir string, log *slog.Logger) (*Reviewer, error) {
	r := &Reviewer{
		open: open, heard: heard, hands: hands, log: log, desks: map[string]*desk{}, outlines: map[string]Outline{},
		queue: workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[string](2*time.Second, 10*time.Minute)),
	}
	files, err := shelf.Open(dir+"/said", 0)
	if err != nil {
		return nil, err
	}
	r.book = book{files: files, repos: map[string]*chapter{}}
	if r.plans, err = shelf.Open(dir+"/plans", plansKept); err != nil {
		return nil, err
	}
	r.cache, err = render.OpenCache(dir + "/renders")
	return r, err
}

// Run reviews until ctx ends, and returns when nothing is in work any more.
func (r *Reviewer) Run(ctx context.Context) {
	context.AfterFunc(ctx, r.queue.ShutDown)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for {
				repo, shutdown := r.queue.Get()
				if shutdown {
					return
				}
				if ctx.Err() == nil {
					r.work(ctx, repo)
				}
				r.queue.Done(repo)
			}
		})
	}
	all.Wait()
}

// Hint says that something happened to a pull request. It never waits.
func (r *Reviewer) Hint(repo string, number int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.desk(repo)
	d.pulls[number] = true
	delete(d.tried, number)
	delete(d.refused, number)
	if d.hinted[number].IsZero() {
		d.hinted[number] = time.Now()
	}
	if d.inWork == number {
		select {
		case d.nudged <- struct{}{}:
		default: // it looks already
		}
	}
	r.queue.AddAfter(repo, gatherFor)
}

// Look has all open pull requests looked at: the branch that they are for moved, or something was pushed. It never waits.
func (r *Reviewer) Look(repo string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.desk(repo).sweep = true
	r.queue.AddAfter(repo, gatherFor)
}

// Forget drops all that is known of a Repo that is gone.
func (r *Reviewer) Forget(repo string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for number := range r.book.of(repo).Pulls {
		r.plans.Remove(planFile(repo, number))
	}
	delete(r.desks, repo)
	maps.DeleteFunc(r.outlines, func(key string, _ Outline) bool { return strings.HasPrefix(key, repo+" ") })
	r.book.forget(repo)
}

// desk gives what is to be done for a Repo. r.mu is held.
func (r *Reviewer) desk(repo string) *desk {
	d := r.desks[repo]
	if d == nil {
		d = &desk{pulls: map[int]bool{}, tried: map[int]bool{}, refused: map[int]refusal{}, hinted: map[int]time.Time{}, sweep: true, nudged: make(chan struct{}, 1)}
		r.desks[repo] = d
	}
	return d
}

// work does what is due for a Repo: a sweep, then one pull request; the Repo comes again while there is more.
func (r *Reviewer) work(ctx context.Context, repo string) {
	at, err := r.open(ctx, repo)
	if err != nil {
		r.hear(repo, fault.Of(err, fault.ForgeFailed))
		r.failed(ctx, repo, err)
		return
	}
	if at == nil {
		return // a hint or a look comes when there is something
	}
	if err := r.sweep(ctx, repo, at); err != nil {
		r.failed(ctx, repo, err)
		return
	}
	number, more := r.next(repo)
	switch {
	case number == 0 && more:
		r.queue.AddRateLimited(repo)
		return
	case number == 0:
		r.rest(repo, at)
		return
	}
	err = r.one(ctx, repo, at, number)
	r.laidDown(repo)
	if err != nil {
		if !r.refuses(repo, at, number, err) {
			r.again(repo, number, errors.Is(err, errNewer))
		}
		if _, limited := forge.RetryAt(err); limited {
			r.failed(ctx, repo, err)
			return
		}
		r.complain(ctx, repo, err)
	} else {
		r.accepted(repo, number)
		r.queue.Forget(repo)
	}
	r.queue.Add(repo)
}

// rest has the Repo come again for the next sweep.
func (r *Reviewer) rest(repo string, at *Desk) {
	r.queue.Forget(repo)
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.desk(repo)
	if len(d.refused) == 0 {
		if d.trouble != "" {
			d.trouble = ""
			r.log.Info("pull requests are reviewed again", "repo", repo)
		}
		r.hearNow(repo, d, nil)
	}
	r.queue.AddAfter(repo, time.Until(d.swept.Add(sweepEvery(at))))
}

func sweepEvery(at *Desk) time.Duration { return min(max(at.Poll, shortestSweep), longestSweep) }

// sweep lists the open pull requests, if that is due, and notes which are to be looked at. What is not open any more is forgotten.
func (r *Reviewer) sweep(ctx context.Context, repo string, at *Desk) error {
	r.mu.Lock()
	d := r.desk(repo)
	due := d.sweep || time.Since(d.swept) >= sweepEvery(at)
	d.sweep = false
	r.mu.Unlock()
	if !due {
		return nil
	}
	open, err := at.Forge.Open(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		d.sweep = true
		return err
	}
	d.swept = time.Now()
	listed := map[int]bool{}
	for _, pull := range open {
		listed[pull.Number] = true
		if said := r.book.of(repo).Pulls[pull.Number]; pull.Base.Name == at.Branch && !said.holds(pull, at) && !d.refused[pull.Number].given(pull, at) {
			d.pulls[pull.Number] = true
		}
	}
	maps.DeleteFunc(d.refused, func(number int, _ refusal) bool { return !listed[number] })
	for _, number := range slices.Collect(maps.Keys(r.book.of(repo).Pulls)) {
		if !listed[number] {
			d.pulls[number] = true // it is closed, as far as the list goes: looked at once more
		}
	}
	return nil
}

// next takes the pull request that is to be looked at into work: the newest first, and none a second time before all others; 0 if
// there is none, or if there are more that come again later. A hint that comes from now on is of a head that may not have been read.
func (r *Reviewer) next(repo string) (number int, more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.desk(repo)
	for n := range d.pulls {
		if !d.tried[n] {
			number = max(number, n)
		}
	}
	if number == 0 {
		clear(d.tried)
		return 0, len(d.pulls) > 0
	}
	delete(d.pulls, number)
	d.inWork = number
	select {
	case <-d.nudged: // of before
	default:
	}
	return number, len(d.pulls) > 0
}

// laidDown notes that no pull request of a Repo is in work.
func (r *Reviewer) laidDown(repo string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.desk(repo).inWork = 0
}

// again has a pull request looked at again: at once, or after all others.
func (r *Reviewer) again(repo string, number int, now bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.desk(repo)
	d.pulls[number] = true
	if !now {
		d.tried[number] = true
	}
}

// failed has a Repo come again: when the forge wants to be asked, or later and later.
func (r *Reviewer) failed(ctx context.Context, repo string, err error) {
	if ctx.Err() != nil {
		return
	}
	r.complain(ctx, repo, err)
	if until, ok := forge.RetryAt(err); ok {
		r.queue.AddAfter(repo, time.Until(until)+gatherFor)
		return
	}
	r.queue.AddRateLimited(repo)
}

// complain logs what is wrong, once for as long as that is so.
func (r *Reviewer) complain(ctx context.Context, repo string, err error) {
	if ctx.Err() != nil || errors.Is(err, errNewer) {
		return
	}
	f := fault.Of(err, fault.ForgeFailed)
	r.mu.Lock()
	d := r.desk(repo)
	known := d.trouble == f.Error()
	d.trouble = f.Error()
	r.mu.Unlock()
	if strings.HasPrefix(f.Code, "FORGE_") {
		r.hear(repo, f)
	}
	if !known {
		r.log.Warn("pull requests are not reviewed; it is tried again, and nothing waits for it", "repo", repo, "error", f)
	}
}

// refuses tells whether the forge will not take what it is told of a pull request, however often it is: then that waits for
// something to change.
func (r *Reviewer) refuses(repo string, at *Desk, number int, err error) bool {
	var told *unsaid
	if !errors.As(err, &told) {
		return false
	}
	f := fault.Of(err, fault.ForgeFailed)
	if f.Code != forge.CodeInvalid && f.Code != forge.CodeRight && f.Code != forge.CodeMissing {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.desk(repo)
	now := refusal{head: told.head, tip: at.Tip, of: at.Forge}
	if before := d.refused[number]; before.head == now.head && before.tip == now.tip && before.of == now.of {
		now.tries = before.tries
	}
	now.tries++
	d.refused[number] = now
	return now.tries >= triesOfNoUse
}

// accepted notes that a pull request was looked at without trouble.
func (r *Reviewer) accepted(repo string, number int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.desk(repo).refused, number)
	delete(r.desk(repo).hinted, number)
}

// hear passes on whether the forge takes what it is told, if that changed.
func (r *Reviewer) hear(repo string, bad *fault.Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hearNow(repo, r.desk(repo), bad)
}

// works is what was heard of a forge that takes what it is told.
const works = "it works"

// hearNow is hear with r.mu held.
func (r *Reviewer) hearNow(repo string, d *desk, bad *fault.Fault) {
	now := works
	if bad != nil {
		now = bad.Error()
	}
	if d.heard == now {
		return
	}
	d.heard = now
	r.heard(repo, bad)
}
