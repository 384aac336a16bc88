package agent

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/health"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/repos"
	"plumb.dev/plumb/internal/review"
	"plumb.dev/plumb/internal/source"
	"plumb.dev/plumb/internal/traces"
)

// offer is a commit as it concerns one app: a tree, and what discovery made of it. Offers are never changed.
type offer struct {
	commit    string
	ref       string
	snapshot  *source.Snapshot
	mirror    *source.Mirror
	placement fleet.App       // path, namespace, merged settings
	limits    v1alpha1.Limits // of the root plumb.yaml
	law       *law            // policies that are enforced; nil if there are none
	fault     *fault.Fault    // of the source or the discovery: the app cannot be rendered at this commit
	removed   bool            // the app's folder is gone from Git
	account   string          // ServiceAccount
	seen      time.Time
	by        string
	repo      types.NamespacedName // of the Repo that made the app; zero for an app by hand
	marks     bool                 // the commits since the one before may bear consents, or it does not descend from that
	stale     bool                 // the server cannot be asked: nobody knows whether it still is the head
	trace     *traces.Commit       // of the commit; nil if there are no traces

	base     *offer             // the offer that this one completes with what comes from elsewhere; nil if it needs nothing
	needs    []need             // charts from elsewhere
	sources  map[string]sourced // spec.sources of an App by hand
	lacks    bool               // fault says that something from elsewhere cannot be had
	warnings []string           // about what comes from elsewhere
}

// offerOf is a commit as it was found, before anything was made of it.
func offerOf(found repos.Commit) offer {
	return offer{
		commit: found.ID, ref: found.Ref, snapshot: found.Snapshot, mirror: found.Mirror, seen: found.Seen, by: found.By, marks: found.Marks,
		stale: found.Stale, trace: found.Trace,
	}
}

// letGo ends the hold of an App by hand on the trace of its commit; for the apps of a Repo, that holds it.
func (of *offer) letGo() {
	if of.repo == (types.NamespacedName{}) {
		of.trace.Release()
	}
}

// app is one App under care. The mailbox is written by watches and repositories; the rest belongs to the one worker that
// has the app in hand (the queue never gives an app to two).
type app struct {
	key types.NamespacedName

	mu      sync.Mutex // guards the mailbox
	object  *v1alpha1.App
	offer   *offer
	rules   []ownRule
	newest  chan struct{} // closed when a newer offer arrives: the pass under way stops at a safe boundary
	carried bool          // the newest offer was decided

	proposed *offer             // the newest commit, maybe without what it needs from elsewhere
	dropped  bool               // the App was deleted
	ended    bool               // its objects went before it
	sources  map[string]sourced // spec.sources as they were read last

	proposing *proposal                // the revert that is to be proposed, or was
	reverted  *v1alpha1.ProposedRevert // that was, and is not in the status yet

	showing       sync.Mutex // one at a time puts it onto the board
	revertAsked   string     // token of a person's request that was taken up
	revertHandled string     // of the last one that was carried out, or refused
	revertNote    string     // why it was refused

	gathering sync.Mutex // one at a time; guards the two below
	needsOf   string     // hash of the folder that needed was read from
	needed    []need

	sourceFault *fault.Fault        // the repository of an App by hand cannot be read
	judged      *v1alpha1.AppStatus // as last judged, in full; nobody changes it
	state       v1alpha1.State      // as last judged
	summary     string              // its sentence
	delivered   bool                // the target is applied and healthy: who comes after it may go
	awaiting    bool                // other apps must be ok first
	held        int                 // deletions that wait for consent, likewise
	blocked     bool                // the last plan waits for another app
	sync        string              // the sync token that may be carried out: its repository was asked after it
	woken       bool                // another app has decided: what was waited for may be there
	unserved    bool                // the last plan asked for a kind that is not served

	// in hand
	begun     bool
	recorded  *render.Recorded // reads and answers of the last render, without the objects
	wishes    map[object.ID]wish
	target    string // newest commit that changed the inputs
	changedBy []string
	inventory map[object.ID]v1alpha1.InventoryEntry
	layout    *layout
	unsaved   bool // the Inventory in the cluster is not that of memory: a write failed
	status    v1alpha1.AppStatus
	tried     *offer // what attempts are counted for
	attempts  int
	retryAt   time.Time
	faults    []*fault.Fault // of the last apply
	planned   *plan.Plan     // of the last apply, without objects
	cut       bool           // the last plan was stopped by a newer offer
	heard     int            // what had been said to those who wait when it looked last
	deleting  bool           // an object that was asked to go still stands
	fights    map[object.ID]*fight
	accepted  map[object.ID]string // digests of additions that are none, after a closer look
	progress  progress
	times     times
	synced    string // last sync token carried out
	adopting  string // token of the request to adopt that is being tried
	adopted   string // of the last one that was carried out, or refused
	returned  string // of the last request to give back that was carried out
	adoptNote string // why a request is not carried out
	settings  string // as they were taken up, JSON

	hold   hold
	course course
	ends   ends
	swept  time.Time // when its Secrets were looked at last, where they are not watched

	used           []v1alpha1.SourceStatus // the sources that recorded was rendered with, if this life did that
	rendered       *offer                  // the offer that recorded was found good for
	outline        atomic.Pointer[review.Outline]
	left           map[object.ID]bool   // wishes that are deliberately left alone
	existing       map[object.ID]bool   // wishes that were presumed absent and are not: they are looked at
	shown          map[object.ID]string // drift that is shown, not undone, and why
	unwished       map[object.ID]string // of the Inventory and not of Git, and how the last plan saw them
	refused        *fault.Fault         // the rendered objects cannot be planned
	broken         *fault.Fault         // the last render failed, and its inputs were not the cause
	partial        []render.Read        // what that render had read
	rebase         bool                 // the base of consents moves when nothing is held
	routed         map[object.ID]bool   // objects whose news come here
	verified       string               // digest of recorded
	consentedAt    string               // the commit whose consents the last plan knew
	told           string               // the target that the written status names
	statusWritten  string               // the status as it was written, canonical
	planWarnings   []string
	renderWarnings []string
	loadWarnings   []string
	troubleAt      time.Time // when the pods of the blocking object were asked last
	troubles       map[object.ID]string
	troubleSince   time.Time
	through        string                   // the target for which no other app is waited for any more
	awaitingSince  time.Time                // since when others are waited for
	toldDependents string                   // how the app was when those that come after it were told
	events         map[string]time.Time     // what was told as an Event, and when
	trace          appTrace                 // of the offer in hand
	soonSince      time.Time                // since when a status is held back that is likely to be another soon
	compared       map[object.ID]comparison // of the last plan that was only shown
	book           book
	reported       bool // the status in the cluster is that of memory
}

// wish is what the app wants of one object, without its fields: those are read from the render cache when needed.
type wish struct {
	version string
	digest  string
	ignored bool // plumb.dev/health: ignore
}

// times are the moments of the revision in hand.
type times struct {
	revision               string
	seen, planned, applied time.Time
	healthy                time.Time
	changed                int
	took                   []string
	ours                   bool // this process has seen and planned it: only then its times are measured
}

// progress is how long health has not moved.
type progress struct {
	since time.Time
	print string
}

func (a *app) mailbox() (*v1alpha1.App, *offer, <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.object, a.offer, a.newest
}

func (a *app) proposal() *offer {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.proposed
}

// ownRule is one of the app's own health rules.
type ownRule struct {
	compiled health.Compiled
	kind     string // as it is written: Kind or group/Kind
	text     string
}

func (a *app) healthRules() []health.Compiled {
	a.mu.Lock()
	defer a.mu.Unlock()
	compiled := make([]health.Compiled, len(a.rules))
	for i, rule := range a.rules {
		compiled[i] = rule.compiled
	}
	return compiled
}

// rulesFor gives the rules that are about the kind of an object.
func (a *app) rulesFor(id object.ID) cluster.Rules {
	a.mu.Lock()
	defer a.mu.Unlock()
	var rules cluster.Rules
	for _, rule := range a.rules {
		if rule.kind == id.Kind || rule.kind == id.GroupKind() {
			rules.Compiled = append(rules.Compiled, rule.compiled)
			rules.Text += rule.text
		}
	}
	return rules
}

// lacksKind tells whether the last plan was refused a kind; then the app need not wait for its next try.
func (a *app) lacksKind() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.woken = a.woken || a.unserved
	return a.unserved
}

// put takes in a new offer, and stops a pass that works on an older one.
func (a *app) put(o *offer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.offer != nil && !a.carried {
		o.marks = o.marks || a.offer.marks // nobody has looked at the one before
		a.offer.letGo()
	}
	a.offer, a.carried = o, false
	if !o.stale {
		a.sourceFault = nil
	}
	if a.newest != nil {
		close(a.newest)
	}
	a.newest = make(chan struct{})
}

// unoffered notes why no commit comes, if none ever came. It tells whether that is so.
func (a *app) unoffered(f *fault.Fault) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.offer != nil {
		return false
	}
	a.sourceFault = f
	return true
}

// settle notes that an offer was decided; false if a newer one is here.
func (a *app) settle(o *offer) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.offer != o {
		return false
	}
	if !a.carried {
		o.letGo()
	}
	a.carried = true
	return true
}

func (ag *Agent) putApp(o *v1alpha1.App) {
	key := types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
	ag.mu.Lock()
	a, ok := ag.apps[key]
	ag.mu.Unlock()
	if ok {
		if before, _, _ := a.mailbox(); before.UID != o.UID { // deleted and made anew while the watch was away
			ag.dropApp(before)
			ok = false
		}
	}
	if !ok {
		a = &app{key: key, fights: map[object.ID]*fight{}, accepted: map[object.ID]string{}, existing: map[object.ID]bool{}}
	}
	a.mu.Lock()
	before := a.object
	a.object = o
	a.mu.Unlock()
	if !ok {
		ag.claims.live(key, string(o.UID))
		ag.mu.Lock()
		ag.apps[key] = a
		ag.mu.Unlock()
		if ag.order.meet(key, nodeOf(o)) {
			ag.reordered(key.Namespace)
		}
	}
	ag.show(a)
	if before != nil && sameWish(before, o) {
		return
	}
	ag.bind(a, o)
	ag.queue.Add(key)
}

// sameWish tells whether nothing that people write differs: the echo of our own status write is no news.
func sameWish(before, after *v1alpha1.App) bool {
	if before.UID != after.UID || before.Generation != after.Generation || !slices.Equal(before.Finalizers, after.Finalizers) {
		return false
	}
	for _, key := range []string{v1alpha1.AnnotationSync, v1alpha1.AnnotationDelete, v1alpha1.AnnotationAdopt, v1alpha1.AnnotationReturn, v1alpha1.AnnotationRevert} {
		if before.Annotations[key] != after.Annotations[key] {
			return false
		}
	}
	return true
}

// dropApp forgets an App that was deleted. What it still had stays: objects go only before their App does.
func (ag *Agent) dropApp(o *v1alpha1.App) {
	key := types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
	ag.claims.gone(key)
	ag.mu.Lock()
	a := ag.apps[key]
	delete(ag.apps, key)
	delete(ag.waiting, key)
	for id, owner := range ag.owners {
		if owner == key {
			delete(ag.owners, id)
		}
	}
	ag.mu.Unlock()
	if a == nil {
		return
	}
	a.mu.Lock()
	a.dropped = true
	ended := a.ended
	a.mu.Unlock()
	ag.unshow(a)
	ag.unbind(key)
	ag.charts.Use(key, nil)
	ag.wakeWaiting(key)
	if ag.order.drop(key) {
		ag.reordered(key.Namespace)
	}
	ag.cache.Forget(cacheKey(o))
	ag.recorder.Forget(string(o.UID))
	if maker := (types.NamespacedName{Namespace: o.Namespace, Name: makerOf(o)}); ag.hasForge(maker) {
		ag.herald.Gone(maker.String(), shownName(o))
	}
	if ended {
		ag.log.Info("an App was deleted with its objects", "app", key.String())
	} else {
		ag.log.Info("an App was deleted; its objects stay", "app", key.String())
	}
	ag.missed(key, makerOf(o))
}

// appOf gives an App under care; nil if there is none of that name.
func (ag *Agent) appOf(key types.NamespacedName) *app {
	ag.mu.Lock()
	defer ag.mu.Unlock()
	return ag.apps[key]
}

// missed has an App made anew that somebody deleted while Git has it.
func (ag *Agent) missed(key types.NamespacedName, maker string) {
	ag.mu.Lock()
	r := ag.repos[types.NamespacedName{Namespace: key.Namespace, Name: maker}]
	ag.mu.Unlock()
	if r == nil {
		return
	}
	r.Decided(key)
	if of := r.offerTo(key); of != nil && !of.removed && r.Object().DeletionTimestamp == nil {
		ag.relook(r)
	}
}

// shownState gives the state as it was judged last.
func (a *app) shownState() v1alpha1.State {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state == "" && a.object != nil {
		return a.object.Status.State
	}
	return a.state
}

// isCarried tells whether the newest commit was decided.
func (a *app) isCarried() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.carried
}

// readySync lets the sync that is asked for now be carried out.
func (a *app) readySync() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.object != nil {
		a.sync = a.object.Annotations[v1alpha1.AnnotationSync]
	}
}

func (a *app) mayStart(token string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sync == token
}
