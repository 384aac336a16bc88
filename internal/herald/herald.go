// Package herald tells a forge how the commits of a repository went: a status per commit and environment, and a deployment
// where the forge has them.
//
// It is told how apps are, and works behind whoever tells it: nothing waits for a forge, a forge that is down is asked again,
// and one that wants to be left alone is. What was told last is kept in a folder, so that a start tells nothing twice. It
// never asks how an app is, never reads anything of a forge but what stands there, and without a forge it does nothing.
//
// Start at Herald.Tell; word.go says what is told.
package herald

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

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/shelf"
)

const (
	// gatherFor is how long news of one commit are gathered into one status.
	gatherFor = 500 * time.Millisecond
	// pendingPause is the least time between two sentences about what is under way: pods become ready one by one.
	pendingPause = 15 * time.Second
	// tellFor is how long one telling may take.
	tellFor = time.Minute
	// workers is how many statuses are written at once.
	workers = 2
	// triesOfNoUse is how often something is tried again that no retry is likely to mend: a commit that the forge does not know,
	// a right that the token has not got. Other trouble is tried for ever.
	triesOfNoUse = 5
)

// Place is where the commits of a Repo are told of.
type Place struct {
	Forge   forge.Reports
	Context string // the beginning of the statuses' names
	Branch  string // that is followed, "" if it is none
	Page    string // where people reach the agent's pages, which what is told links to; "" is nowhere
}

// Open gives the place of a Repo, nil if it has none (any more).
type Open func(ctx context.Context, repo string) (*Place, error)

// Herald tells forges. Make it with New.
type Herald struct {
	open  Open
	heard Heard
	log   *slog.Logger
	queue workqueue.TypedRateLimitingInterface[subject]

	mu      sync.Mutex
	book    book
	trouble map[channel]string // what was logged last; "" says that it works
}

// Heard takes in whether the forge of a Repo takes what it is told of Statuses or of Deployments; bad is nil if it does. It is
// called when that changes, and must not wait.
type Heard func(repo, of string, bad *fault.Fault)

// What a forge is told of.
const (
	Statuses    = "statuses"
	Deployments = "deployments"
)

// channel is one Repo and what its forge is told of.
type channel struct{ Repo, Of string }

// subject is what one status is of.
type subject struct {
	Repo, Commit, Env string
}

// News is how an app is.
type News struct {
	App     string   // as people call it: cart/prod
	Object  string   // the App: <namespace>/<name>
	Env     string   // "" is none
	Commits []string // that changed it and came together, in full
	Result  Result
	Why     string // one sentence: what it waits for, or what failed and why
	Took    time.Duration
}

// Result is how a commit went with one app.
type Result string

// The results.
const (
	Rolling Result = "rolling" // or waits
	OK      Result = "ok"
	Failed  Result = "failed"
)

// New makes a herald that keeps what it told in a folder of its own, which it makes.
func New(open Open, heard Heard, dir string, log *slog.Logger) (*Herald, error) {
	files, err := shelf.Open(dir, 0)
	if err != nil {
		return nil, err
	}
	return &Herald{
		open: open, heard: heard, book: book{files: files, repos: map[string]*chapter{}}, log: log, trouble: map[channel]string{},
		queue: workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[subject](2*time.Second, 10*time.Minute)),
	}, nil
}

// Run tells until ctx ends, and returns when nothing is being told any more.
func (h *Herald) Run(ctx context.Context) {
	context.AfterFunc(ctx, h.queue.ShutDown)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for {
				s, shutdown := h.queue.Get()
				if shutdown {
					return
				}
				if ctx.Err() == nil {
					h.work(ctx, s)
				}
				h.queue.Done(s)
			}
		})
	}
	all.Wait()
}

// Tell takes in how an app of a Repo is. It never waits.
func (h *Herald) Tell(repo string, n News) {
	h.mu.Lock()
	defer h.mu.Unlock()
	apps := h.book.of(repo).Apps
	before := apps[n.App]
	apps[n.App] = n
	if before.equal(n) && h.tells(repo, n) {
		return
	}
	h.wake(repo, before)
	h.wake(repo, n)
}

// Gone takes in that an app is there no more.
func (h *Herald) Gone(repo, app string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	apps := h.book.of(repo).Apps
	before, ok := apps[app]
	if !ok {
		return
	}
	delete(apps, app)
	h.wake(repo, before)
}

// Forget drops all that is known of a Repo that is gone.
func (h *Herald) Forget(repo string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.DeleteFunc(h.trouble, func(c channel, _ string) bool { return c.Repo == repo })
	h.book.forget(repo)
}

func (h *Herald) wake(repo string, n News) {
	for _, commit := range n.Commits {
		h.queue.AddAfter(subject{repo, commit, n.Env}, gatherFor)
	}
}

// tells tells whether something was told of every commit of the news. h.mu is held.
func (h *Herald) tells(repo string, n News) bool {
	for _, commit := range n.Commits {
		if _, known := h.book.of(repo).Told[subject{repo, commit, n.Env}.page()]; !known {
			return false
		}
	}
	return true
}

func (n News) equal(m News) bool {
	return n.App == m.App && n.Object == m.Object && n.Env == m.Env && n.Result == m.Result && n.Why == m.Why && n.Took == m.Took && slices.Equal(n.Commits, m.Commits)
}

// work tells what is to be told of one commit.
func (h *Herald) work(ctx context.Context, s subject) {
	h.mu.Lock()
	told, known := h.book.of(s.Repo).Told[s.page()]
	now, worth := s.word(h.of(s), told.word, known)
	h.mu.Unlock()
	if !worth {
		h.queue.Forget(s)
		return
	}
	if pause := pendingPause - time.Since(told.At); known && told.State == forge.Pending && now.State == forge.Pending && pause > 0 {
		h.queue.AddAfter(s, pause)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, tellFor)
	defer cancel()
	done, err := h.tell(ctx, s, now)
	if err != nil {
		h.failed(ctx, s, err)
		return
	}
	h.queue.Forget(s)
	if !done {
		return
	}
	if h.changed(channel{s.Repo, Statuses}, nil) {
		h.log.Info("the forge is told again how commits went", "repo", s.Repo)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.book.note(s, now, time.Now()); err != nil {
		h.log.Warn("what was told is not kept: the next start tells it again", "repo", s.Repo, "error", err)
	}
}

// of lists the news that a subject is made of, by app. h.mu is held.
func (h *Herald) of(s subject) []News {
	var list []News
	apps := h.book.of(s.Repo).Apps
	for _, app := range slices.Sorted(maps.Keys(apps)) {
		if n := apps[app]; n.Env == s.Env && slices.Contains(n.Commits, s.Commit) {
			list = append(list, n)
		}
	}
	return list
}

// tell writes the status, and the deployment if there is an environment. It is not done where there is no forge.
func (h *Herald) tell(ctx context.Context, s subject, w word) (done bool, err error) {
	at, err := h.open(ctx, s.Repo)
	if at == nil || err != nil {
		return false, err
	}
	name := at.Context + "/deploy"
	if s.Env != "" {
		name += "/" + s.Env
	}
	link := at.link(w.Path)
	if err := at.Forge.SetStatus(ctx, s.Commit, forge.Status{Context: name, State: w.State, Description: w.Text, URL: link, Ref: at.Branch}); err != nil {
		return false, err
	}
	if s.Env == "" || at.Branch == "" {
		return true, nil
	}
	_, err = at.Forge.Deploy(ctx, forge.Deployment{
		Environment: s.Env, Commit: s.Commit, Ref: at.Branch, Progress: progresses[w.State], Description: w.Text, URL: link,
	})
	if f := fault.Of(err, fault.ForgeFailed); f != nil && f.Code == forge.CodeRight {
		if h.changed(channel{s.Repo, Deployments}, f) {
			h.log.Warn("the forge is not told of deployments: the token may not", "repo", s.Repo, "error", f)
		}
		return true, nil // the status says the same
	}
	if err == nil {
		h.changed(channel{s.Repo, Deployments}, nil)
	}
	return err == nil, err
}

// link gives the address of a page; "" if nobody knows where the agent is reached.
func (p *Place) link(path string) string {
	if p.Page == "" || path == "" {
		return ""
	}
	return strings.TrimSuffix(p.Page, "/") + path
}

var progresses = map[forge.State]forge.Progress{forge.Pending: forge.Running, forge.Success: forge.Succeeded, forge.Failure: forge.Failed}

// failed has it tried again: when the forge wants to be asked, or later and later.
func (h *Herald) failed(ctx context.Context, s subject, err error) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	f := fault.Of(err, fault.ForgeFailed)
	if h.changed(channel{s.Repo, Statuses}, f) {
		h.log.Warn("the forge is not told how commits went; it is tried again, and nothing waits for it", "repo", s.Repo, "error", f)
	}
	if until, ok := forge.RetryAt(err); ok {
		h.queue.AddAfter(s, time.Until(until)+gatherFor)
		return
	}
	ofNoUse := f.Code == forge.CodeMissing || f.Code == forge.CodeInvalid || f.Code == forge.CodeRight
	if ofNoUse && h.queue.NumRequeues(s) >= triesOfNoUse {
		h.queue.Forget(s)
		return
	}
	h.queue.AddRateLimited(s)
}

// changed notes whether the forge takes what it is told, and tells whether that is to be logged: other trouble than before, or the
// end of it.
func (h *Herald) changed(c channel, bad *fault.Fault) bool {
	now := ""
	if bad != nil {
		now = bad.Error()
	}
	h.mu.Lock()
	before, known := h.trouble[c]
	h.trouble[c] = now
	h.mu.Unlock()
	if known && before == now {
		return false
	}
	h.heard(c.Repo, c.Of, bad)
	return bad != nil || before != ""
}
