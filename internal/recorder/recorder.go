// Package recorder writes an app's record, Entries, behind the passes: nothing waits for it, what is refused is tried again, and
// it is bounded. A mark in the cache folder says of each App what was written last, so that a start asks nothing; what the status
// says beyond the mark is what a life of the agent ended before it wrote.
//
// It never decides what an Entry says (package record does) nor when a revision is worth one (the agent does), and it never
// writes anything else.
//
// Start at Recorder.Put.
package recorder

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/record"
	"plumb.dev/plumb/internal/shelf"
)

const (
	// entriesKept is how many Entries an App has (resources.md §9).
	entriesKept = 200
	// driftPause is the least time between two writes of one Entry of drift: corrections meanwhile are counted in the next.
	driftPause = time.Minute
	// workers is how many Entries are written at once: nobody waits for them.
	workers = 2
	// draftsKept is how many Entries of one App wait to be written while that is refused; the oldest go, and come back from
	// the status at the next start.
	draftsKept = 30
)

// Books is where Entries are: package ledger.
type Books interface {
	PutEntry(ctx context.Context, entry *v1alpha1.Entry) error
	EntryResults(ctx context.Context, namespace, selector string) (map[string]v1alpha1.Result, error)
	DeleteEntry(ctx context.Context, namespace, name string) error
}

// Recorder writes Entries. Its methods may be called by many at once.
type Recorder struct {
	books Books
	marks *shelf.Shelf              // a file for each App
	calm  func(ctx context.Context) // waits while users' objects are to be applied
	log   *slog.Logger
	ask   Ask                                          // nil: reviews are not asked for
	queue workqueue.TypedRateLimitingInterface[string] // UIDs of Apps

	mu    sync.Mutex
	files map[string]*file     // by UID of the App
	mute  map[string]time.Time // by Repo: until when its forge is not asked
}

// Mark is what was recorded of an App last.
type Mark struct {
	Name   string          `json:"name"` // of the Entry of the newest revision
	Result v1alpha1.Result `json:"result"`
	Reason string          `json:"reason,omitempty"`
	Drift  time.Time       `json:"drift,omitzero"` // of the newest correction
	Known  bool            `json:"known"`          // there is a mark
}

// Says tells whether an Entry tells no more than what was written last.
func (m Mark) Says(e *v1alpha1.Entry) bool {
	return m.Name == e.Name && m.Result == e.Result && (e.Revision == nil || m.Reason == e.Revision.Reason)
}

// Draft is an Entry that is to be written.
type Draft struct {
	Entry v1alpha1.Entry
	Sure  bool // false: only if there is none of this name and result, which may say more
	First bool // the App has none yet: nothing needs to be listed
	turn  int  // they are written in the order in which they were put
}

// file is what is known of one App's record.
type file struct {
	offered Mark // what was put last
	drafts  map[string]Draft
	puts    int
	there   map[string]v1alpha1.Result // by name; nil: not listed yet
	wrote   map[string]time.Time       // Entries of drift, and when each was written
	told    bool                       // that it cannot be written was logged
	gone    bool                       // the App is gone

	questions map[string]question            // by name: Entries whose pull requests are not known yet
	pulls     map[string][]v1alpha1.PullLine // by name: those that are
}

// New gives a Recorder that keeps its marks in a folder of its own, which it makes, and writes once Run is called. Before each write calm waits
// as long as there is something more urgent to do.
func New(books Books, dir string, log *slog.Logger, calm func(context.Context)) (*Recorder, error) {
	marks, err := shelf.Open(dir, 0)
	if err != nil {
		return nil, err
	}
	return &Recorder{
		books: books, marks: marks, log: log, calm: calm, files: map[string]*file{},
		queue: workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[string](time.Second, 5*time.Minute)),
	}, nil
}

// Run writes until ctx ends.
func (r *Recorder) Run(ctx context.Context) {
	context.AfterFunc(ctx, r.queue.ShutDown)
	for range workers {
		go func() {
			for {
				uid, shutdown := r.queue.Get()
				if shutdown {
					return
				}
				r.calm(ctx)
				r.work(ctx, uid)
				r.queue.Done(uid)
			}
		}()
	}
}

// Mark gives what was put last for an App, else what a former life has written.
func (r *Recorder) Mark(uid string) Mark {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.of(uid).offered
}

// of gives what is known of an App's record. r.mu is held.
func (r *Recorder) of(uid string) *file {
	f := r.files[uid]
	if f == nil {
		f = &file{drafts: map[string]Draft{}, wrote: map[string]time.Time{}}
		if data, err := r.marks.Read(page(uid)); err == nil && json.Unmarshal(data, &f.offered) != nil {
			f.offered = Mark{}
		}
		r.files[uid] = f
	}
	return f
}

// page is the name of the file of an App's mark.
func page(uid string) string { return object.DigestBytes([]byte(uid))[len("sha256:"):][:32] + ".json" }

// Put has an Entry written.
func (r *Recorder) Put(d Draft) {
	r.mu.Lock()
	defer r.mu.Unlock()
	uid := d.Entry.AppUID
	f := r.of(uid)
	f.offered = f.offered.after(&d.Entry)
	if waits, ok := f.drafts[d.Entry.Name]; ok && waits.Sure && !d.Sure && waits.Entry.Result == d.Entry.Result {
		return // what waits to be written says more
	}
	f.puts++
	d.turn = f.puts
	f.drafts[d.Entry.Name] = d
	for names := f.waiting(); len(names) > draftsKept; names = names[1:] {
		delete(f.drafts, names[0])
	}
	r.queue.Add(uid)
}

// waiting gives the names of the drafts, the one that was put first before the others.
func (f *file) waiting() []string {
	return slices.SortedFunc(maps.Keys(f.drafts), func(a, b string) int { return cmp.Compare(f.drafts[a].turn, f.drafts[b].turn) })
}

// after is the mark when an Entry was written. Revisions are put in their order: the last one is the newest, whatever the
// clock says.
func (m Mark) after(e *v1alpha1.Entry) Mark {
	m.Known = true
	switch at := record.LastHealed(e); {
	case e.Revision == nil && at.After(m.Drift):
		m.Drift = at
	case e.Revision != nil:
		m.Name, m.Result, m.Reason = e.Name, e.Result, e.Revision.Reason
	}
	return m
}

// Forget drops what is known of an App that is gone, but for the Entry of its removal, which outlives it.
func (r *Recorder) Forget(uid string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.marks.Remove(page(uid))
	f := r.files[uid]
	if f == nil {
		return
	}
	f.gone = true
	maps.DeleteFunc(f.drafts, func(_ string, d Draft) bool { return d.Entry.Labels[v1alpha1.LabelRemoval] == "" })
	if len(f.drafts) == 0 {
		delete(r.files, uid)
	}
}

// work writes what is to be written of one App.
func (r *Recorder) work(ctx context.Context, uid string) {
	r.mu.Lock()
	f := r.of(uid)
	names := f.waiting()
	r.mu.Unlock()
	for _, name := range names {
		r.mu.Lock()
		d, ok := f.drafts[name]
		pause := driftPause - time.Since(f.wrote[name])
		r.mu.Unlock()
		switch {
		case !ok:
		case d.Entry.Revision == nil && pause > 0 && !f.wrote[name].IsZero():
			r.queue.AddAfter(uid, pause)
		default:
			if err := r.write(ctx, f, d); err != nil {
				r.refused(ctx, f, d, err)
				return
			}
		}
	}
	if err := r.reask(ctx, f); err != nil {
		r.refused(ctx, f, Draft{Entry: v1alpha1.Entry{AppUID: uid}}, err)
		return
	}
	r.queue.Forget(uid)
}

func (r *Recorder) refused(ctx context.Context, f *file, d Draft, err error) {
	if ctx.Err() != nil {
		return
	}
	if !f.told {
		r.log.Warn("the record cannot be written; it is tried again, and nothing waits for it", "app", d.Entry.Namespace+"/"+d.Entry.App, "error", err)
	}
	f.told = true
	r.queue.AddRateLimited(d.Entry.AppUID)
}

// write writes one Entry, removes those that there is no room for, and moves the mark. Only one worker has an App in hand.
func (r *Recorder) write(ctx context.Context, f *file, d Draft) error {
	e := &d.Entry
	if f.there == nil && d.First {
		f.there = map[string]v1alpha1.Result{}
	}
	if f.there == nil {
		there, err := r.books.EntryResults(ctx, e.Namespace, v1alpha1.LabelAppUID+"="+e.AppUID)
		if err != nil {
			return err
		}
		f.there = there
	}
	if d.Sure || f.there[e.Name] != e.Result {
		r.review(ctx, f, &d)
		if err := r.books.PutEntry(ctx, e.DeepCopy()); err != nil {
			return err
		}
	}
	f.told = false
	f.there[e.Name] = e.Result
	if err := r.prune(ctx, f.there, e.Namespace); err != nil {
		r.log.Warn("an old Entry was not removed; it is with the next one", "app", e.Namespace+"/"+e.App, "error", err)
	}
	r.pruneRemovals(ctx, e)
	return r.done(f, d)
}

// done takes a draft off, unless another has taken its place meanwhile, and moves the mark.
func (r *Recorder) done(f *file, d Draft) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	name, uid := d.Entry.Name, d.Entry.AppUID
	if d.Entry.Revision == nil {
		f.wrote[name] = time.Now()
		maps.DeleteFunc(f.wrote, func(_ string, at time.Time) bool { return time.Since(at) > driftPause })
	}
	if now := f.drafts[name]; now.Entry.Result == d.Entry.Result && record.LastHealed(&now.Entry).Equal(record.LastHealed(&d.Entry)) {
		delete(f.drafts, name)
	}
	if f.gone {
		if len(f.drafts) == 0 {
			delete(r.files, uid)
		}
		return nil
	}
	mark := Mark{}
	if data, err := r.marks.Read(page(uid)); err == nil {
		_ = json.Unmarshal(data, &mark) // a broken one is none
	}
	data, err := json.Marshal(mark.after(&d.Entry))
	if err != nil {
		return err
	}
	if err := r.marks.Put(page(uid), data); err != nil {
		r.log.Warn("what was recorded last is not kept: the next start asks for it", "error", err)
	}
	return nil
}

func (r *Recorder) prune(ctx context.Context, there map[string]v1alpha1.Result, namespace string) error {
	for _, name := range record.Surplus(slices.Collect(maps.Keys(there)), entriesKept) {
		if err := r.books.DeleteEntry(ctx, namespace, name); err != nil {
			return err
		}
		delete(there, name)
	}
	return nil
}

// pruneRemovals bounds the Entries of apps that are gone, which no App holds any more.
func (r *Recorder) pruneRemovals(ctx context.Context, e *v1alpha1.Entry) {
	repo := e.Labels[v1alpha1.LabelRepo]
	if e.Labels[v1alpha1.LabelRemoval] == "" || repo == "" {
		return
	}
	there, err := r.books.EntryResults(ctx, e.Namespace, v1alpha1.LabelRemoval+"=true,"+v1alpha1.LabelRepo+"="+repo)
	if err == nil {
		err = r.prune(ctx, there, e.Namespace)
	}
	if err != nil {
		r.log.Warn("the Entries of apps that are gone are not counted", "repo", repo, "error", err)
	}
}
