package repos

import (
	"context"
	"log/slog"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/ledger"
	"plumb.dev/plumb/internal/traces"
)

// Repo is one Repo object under care: what people wrote, what its newest commit means, and its status, which is written soon after
// it changed.
type Repo struct {
	Key types.NamespacedName

	clerk Clerk
	log   *slog.Logger
	life  context.Context

	mu         sync.Mutex
	object     *v1alpha1.Repo
	repository *Repository
	result     *fleet.Result
	pending    map[types.NamespacedName]bool // apps that have not decided on the observed commit
	status     v1alpha1.RepoStatus           // as it should be
	written    []byte                        // as it was written, JSON
	timer      *time.Timer                   // a write of the status is due
	calm       bool                          // it is due soon
	gone       bool                          // the object was deleted
	delivered  time.Time                     // when a genuine delivery came last
	fault      *fault.Fault                  // of the discovery
	strays     []fleet.Fault                 // of folders that are meant to be apps and are none
	unread     *fault.Fault                  // the repository cannot be read
	forge      map[string]*fault.Fault       // by what the forge is told of: why it does not take it; nil if it does
	trace      *traces.Commit                // of the observed commit, until all apps have decided on it

	writing sync.Mutex   // one write of the status at a time, and what is told of it
	told    fault.Reason // the trouble that was told; "" if there is none
}

// Writes is where statuses are written, and Events: the ledger.
type Writes interface {
	PutRepoStatus(ctx context.Context, namespace, name string, uid types.UID, status *v1alpha1.RepoStatus) error
	Tell(ctx context.Context, of ledger.Subject, what ledger.Happening) error
}

// Clerk is what the status of a Repo is kept with.
type Clerk struct {
	Writes Writes
	// Count counts the apps of a Repo by state.
	Count func(o *v1alpha1.Repo) *v1alpha1.AppCounts
	// Shown takes in how a Repo is now, and when a genuine delivery came last. It is called under the lock of the Repo, so that the
	// newest comes last, and not for one that was deleted.
	Shown func(o *v1alpha1.Repo, delivered time.Time)
	Log   *slog.Logger
}

// NewRepo takes a Repo into care, with the status that a former life has written. The writes of its status end with the context.
func NewRepo(life context.Context, o *v1alpha1.Repo, clerk Clerk) *Repo {
	return &Repo{
		Key: types.NamespacedName{Namespace: o.Namespace, Name: o.Name}, clerk: clerk, log: clerk.Log, life: life,
		object: o, pending: map[types.NamespacedName]bool{}, status: *o.Status.DeepCopy(),
	}
}

// Object gives what people wrote. Nobody changes it.
func (r *Repo) Object() *v1alpha1.Repo {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.object
}

// Repository gives what it is read from; nil until that is known.
func (r *Repo) Repository() *Repository {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.repository
}

// Known gives the Repo with its status as it is now.
func (r *Repo) Known() v1alpha1.Repo {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known()
}

func (r *Repo) known() v1alpha1.Repo {
	o := *r.object
	o.Status = *r.status.DeepCopy()
	return o
}

// Show has it shown as it is now.
func (r *Repo) Show() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return
	}
	o := r.known()
	r.clerk.Shown(&o, r.delivered)
}

// Take takes in what people wrote.
func (r *Repo) Take(o *v1alpha1.Repo) {
	r.mu.Lock()
	r.object = o
	r.mu.Unlock()
}

// ReadFrom takes in what it is read from, and gives what it was read from before.
func (r *Repo) ReadFrom(next *Repository) (before *Repository) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, r.repository = r.repository, next
	return before
}

// Wants gives the revision that it tracks, and the folders whose files a discovery reads.
func (r *Repo) Wants() Wants {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Wants{Revision: r.object.Spec.Revision, Paths: fleet.Roots(r.object.Spec.Apps), Served: r.result != nil}
}

// Result gives what was discovered last; nil if nothing was.
func (r *Repo) Result() *fleet.Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.result
}

// Discovery is what a commit means for a Repo.
type Discovery struct {
	Result *fleet.Result
	Apps   []types.NamespacedName // that are to decide on it
	Found  Commit
	Fault  *fault.Fault  // nil if all is well
	Strays []fleet.Fault // of folders that no App tells of: the apps go on
}

// Discovered takes in what a commit means. What was observed and who has not decided on it become known together, so that
// no status ever says of a commit that all have decided while nobody was asked.
func (r *Repo) Discovered(d Discovery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.holdTrace(d.Found.Trace)
	r.result, r.fault, r.strays = d.Result, d.Fault, d.Strays
	r.pending = make(map[types.NamespacedName]bool, len(d.Apps))
	for _, key := range d.Apps {
		r.pending[key] = true
	}
	if len(d.Apps) == 0 {
		r.holdTrace(nil)
	}
	if seen := r.status.Observed; seen == nil || seen.Revision != d.Found.ID || seen.Ref != d.Found.Ref {
		r.status.Observed = &v1alpha1.Observed{Revision: d.Found.ID, Ref: d.Found.Ref, Time: metav1.Now().Rfc3339Copy(), By: d.Found.By}
	}
}

// holdTrace holds the trace of a commit in the place of that of the one before. The caller holds the lock.
func (r *Repo) holdTrace(next *traces.Commit) {
	next.Hold()
	r.trace.Release()
	r.trace = next
}

// Decided notes that an app has decided on the observed commit.
func (r *Repo) Decided(app types.NamespacedName) {
	r.mu.Lock()
	delete(r.pending, app)
	if len(r.pending) == 0 {
		r.holdTrace(nil)
	}
	r.mu.Unlock()
	r.Changed()
}

// Unreadable notes since when it cannot be read, and why. The last good state stays.
func (r *Repo) Unreadable(news News) {
	stale := metav1.NewTime(news.Since.Truncate(time.Second))
	r.mu.Lock()
	r.status.StaleSince, r.unread = &stale, news.Fault
	r.mu.Unlock()
	r.Changed()
}

// Readable notes that it could be read, after whatever sync was asked for.
func (r *Repo) Readable() {
	r.mu.Lock()
	wasStale := r.status.StaleSince != nil
	r.status.StaleSince, r.unread = nil, nil
	token := r.object.Annotations[v1alpha1.AnnotationSync]
	asked := r.status.Handled.Sync != token
	r.status.Handled.Sync = token
	r.mu.Unlock()
	if wasStale || asked {
		r.Changed()
	}
}

// StaleFor gives for how long it cannot be read.
func (r *Repo) StaleFor(now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.status.StaleSince == nil {
		return 0
	}
	return max(now.Sub(r.status.StaleSince.Time), time.Second)
}

// Observed gives the commit that was seen last; nil if none was discovered in this life.
func (r *Repo) Observed() *v1alpha1.Observed {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.result == nil {
		return nil
	}
	return r.status.Observed.DeepCopy()
}

// Delivered notes that a genuine delivery came.
func (r *Repo) Delivered(at time.Time) {
	r.mu.Lock()
	r.delivered = at
	r.mu.Unlock()
	r.Show()
}

// HeardOfForge takes in whether the forge takes what it is told of something; bad is nil if it does.
func (r *Repo) HeardOfForge(of string, bad *fault.Fault) {
	r.mu.Lock()
	if r.forge == nil {
		r.forge = map[string]*fault.Fault{}
	}
	r.forge[of] = bad
	r.mu.Unlock()
	r.Changed()
}

// Drop ends the care: the object was deleted. Nothing is written or shown of it any more.
func (r *Repo) Drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone = true
	r.holdTrace(nil)
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
}
