package repos

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/source"
	"plumb.dev/plumb/internal/source/trigger"
)

// logLimit is how many commits between two heads are looked at one by one for lines of consent.
const logLimit = 200

// Repository is one Git repository under watch: it asks what the revisions in use mean, fetches, and gives commits to its users.
type Repository struct {
	of   *Repositories
	log  *slog.Logger
	at   Address
	life context.Context
	end  context.CancelFunc

	passing sync.Mutex // one pass at a time, also while a trigger takes the place of another

	mu      sync.Mutex // taken below that of Repositories, never above it
	trigger *trigger.Watch
	rest    context.CancelFunc // ends the trigger; nil before it runs
	mirror  *source.Mirror
	users   map[any]tracked        // by their keys
	heads   map[string]source.Head // by revision as written
	news    map[string]bool        // revisions with a user that was given nothing yet
	stale   map[string]time.Time   // since when a revision cannot be read

	complaint string // why it cannot be read, as it was logged
}

// tracked is a user with how often it wants to be asked for.
type tracked struct {
	User
	poll time.Duration
}

// asking is a user with the revision that it wants in this pass.
type asking struct {
	User
	revision string
}

// Address gives where it is read from, and with what.
func (r *Repository) Address() Address { return r.at }

// Mirror gives the copy; nil until it was opened.
func (r *Repository) Mirror() *source.Mirror {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mirror
}

// Nudge asks for a pass.
func (r *Repository) Nudge(by trigger.Cause) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trigger.Nudge(by)
}

// Tracks tells whether a ref may be what some user of the repository follows. While a revision cannot be read every ref may.
func (r *Repository) Tracks(ref string) bool {
	if !strings.HasPrefix(ref, "refs/") {
		return true
	}
	return slices.ContainsFunc(r.asking(), func(u asking) bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return !r.stale[u.revision].IsZero() || source.Follows(u.revision, r.heads[u.revision].Ref, ref)
	})
}

// pace has the repository asked as often as its most eager user wants. Another trigger begins with a pass. The caller
// holds the lock.
func (r *Repository) pace(run bool) {
	poll := r.eagerest()
	if r.trigger == nil || r.trigger.Poll != poll {
		replaced := r.rest != nil
		if replaced {
			r.rest()
			r.rest = nil
		}
		r.trigger = &trigger.Watch{Poll: poll, Pass: func(_ context.Context, by trigger.Cause) error {
			r.passing.Lock()
			defer r.passing.Unlock()
			return r.pass(r.life, by)
		}}
		if replaced {
			r.trigger.Nudge(trigger.Sync) // whoever asked the one before is answered by this one
		}
	}
	if run && r.rest == nil {
		ctx, rest := context.WithCancel(r.life)
		r.rest = rest
		go r.trigger.Run(ctx)
	}
}

// eagerest is how often the most eager user wants to be asked for. The caller holds the lock.
func (r *Repository) eagerest() time.Duration {
	least := time.Duration(-1)
	for _, u := range r.users {
		if least < 0 || u.poll < least {
			least = u.poll
		}
	}
	return least
}

// everybody lists the users.
func (r *Repository) everybody() []User {
	r.mu.Lock()
	defer r.mu.Unlock()
	users := make([]User, 0, len(r.users))
	for _, u := range r.users {
		users = append(users, u.User)
	}
	return users
}

// asking lists who uses the repository, those of one revision together.
func (r *Repository) asking() []asking {
	var users []asking
	for _, u := range r.everybody() {
		users = append(users, asking{u, u.Wants().Revision})
	}
	slices.SortFunc(users, func(a, b asking) int { return strings.Compare(a.revision, b.revision) })
	return users
}

// uses tells whether a user still is one.
func (r *Repository) uses(u User) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.users[u.Key()]
	return ok
}

// pass asks once what every revision in use means now, and gives what is new. It is called by the trigger, never twice
// at once. The error is what makes the trigger back off.
func (r *Repository) pass(ctx context.Context, cause trigger.Cause) error {
	mirror, unopened := r.open(ctx)
	news := r.takeNews() // before the users are listed: whoever comes later asks for another pass
	var errs []error
	for _, users := range byRevision(r.asking()) {
		err := unopened
		if err == nil {
			err = r.revise(ctx, mirror, question{users: users, news: news[users[0].revision], by: string(cause)})
		}
		if ctx.Err() != nil {
			return ctx.Err() // nobody uses it any more, or the agent ends
		}
		if err == nil {
			continue
		}
		errs = append(errs, err)
		if errors.As(err, new(*unmade)) {
			continue // Git was read; it is what was to be made of the commit that could not be
		}
		r.failed(users, err)
		if mirror != nil {
			r.lastGood(ctx, mirror, users)
		}
	}
	return errors.Join(errs...)
}

// byRevision parts users, sorted by revision, into those of each.
func byRevision(users []asking) [][]asking {
	var parts [][]asking
	for i, u := range users {
		if i == 0 || users[i-1].revision != u.revision {
			parts = append(parts, nil)
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], u)
	}
	return parts
}

// takeNews gives the revisions with a user that was given nothing yet, and clears them.
func (r *Repository) takeNews() map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	news := r.news
	r.news = map[string]bool{}
	return news
}

// question is what a pass asks about one revision.
type question struct {
	users []asking
	news  bool // one of them was given nothing yet
	by    string
}

// unmade says that a commit was read, and that not all could be made of it.
type unmade struct{ error }

// Unwrap gives the cause.
func (u *unmade) Unwrap() error { return u.error }

// revise brings the users of one revision to its present commit.
func (r *Repository) revise(ctx context.Context, mirror *source.Mirror, ask question) error {
	users, by := ask.users, ask.by
	revision := users[0].revision
	before := mirror.State(revision).Head.Commit
	head, err := mirror.Resolve(ctx, revision)
	if err != nil {
		return err
	}
	r.mu.Lock()
	known, seen := r.heads[revision]
	stale := !r.stale[revision].IsZero()
	r.mu.Unlock()
	if seen && known == head && !ask.news && !stale {
		r.fresh(users, by)
		return nil
	}
	begun := time.Now()
	snapshot, err := r.fetch(ctx, mirror, head, users)
	r.of.options.Took(StageFetch, begun)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.heads[revision] = head
	delete(r.stale, revision)
	r.mu.Unlock()
	trace := r.of.options.Traces.Commit(ShownURL(r.at.URL), head.Commit, begun, before != head.Commit)
	defer trace.Release()
	trace.Set("ref", head.Ref, "by", by)
	trace.Begin(StageFetch, begun).End(time.Now(), nil)
	r.log.Info("a commit was seen", "repository", ShownURL(r.at.URL), "ref", head.Ref, "revision", head.Commit, "by", by, "seconds", time.Since(begun).Seconds())
	r.fresh(users, by)
	return r.give(ctx, users, Commit{
		Revision: revision, ID: head.Commit, Ref: head.Ref, Snapshot: snapshot, Mirror: mirror, Seen: begun, By: by, Trace: trace,
		Marks: mayConsent(ctx, mirror, before, head.Commit),
	})
}

// mayConsent tells whether the commits between two heads may bear lines of consent, or the second does not descend from
// the first: then the base of consents moves.
func mayConsent(ctx context.Context, mirror *source.Mirror, before, head string) bool {
	if before == head {
		return false
	}
	if before == "" {
		return true
	}
	if forward, err := mirror.IsAncestor(ctx, before, head); err != nil || !forward {
		return true
	}
	log, err := mirror.Log(ctx, before, head, logLimit)
	return err != nil || len(log) == logLimit || slices.ContainsFunc(log, func(c source.Commit) bool {
		return len(plan.ParseConsents(c.ID, c.Subject+"\n\n"+c.Body)) > 0
	})
}

// lastGood gives the last commit that was fetched completely, when an agent starts while the server is away: what ran
// is kept true to it.
func (r *Repository) lastGood(ctx context.Context, mirror *source.Mirror, users []asking) {
	users = slices.DeleteFunc(slices.Clone(users), func(u asking) bool { return u.Wants().Served })
	if len(users) == 0 {
		return
	}
	revision := users[0].revision
	known := mirror.State(revision)
	if known.Head.Commit == "" {
		return
	}
	snapshot, err := mirror.Snapshot(ctx, known.Head.Commit)
	if err != nil {
		r.log.Warn("the last good commit cannot be read", "repository", ShownURL(r.at.URL), "revision", known.Head.Commit, "error", err)
		return
	}
	r.mu.Lock()
	r.heads[revision] = known.Head
	r.mu.Unlock()
	err = r.give(ctx, users, Commit{
		Revision: revision, ID: known.Head.Commit, Ref: known.Head.Ref, Snapshot: snapshot, Mirror: mirror, Seen: known.At, By: string(trigger.Poll), Stale: true,
	})
	if err != nil {
		r.log.Warn("the last good commit was not taken up completely", "repository", ShownURL(r.at.URL), "error", err)
	}
}

// give gives a commit to the users of its revision. All know that it comes before the first of them acts on it: an object may move
// between the apps of two users. What could not be made of it is tried again with the next pass.
func (r *Repository) give(ctx context.Context, users []asking, found Commit) error {
	for _, u := range users {
		u.Announce(found.ID)
	}
	var errs []error
	for _, u := range users {
		if err := u.Take(ctx, found); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) == 0 {
		return nil
	}
	r.mu.Lock()
	r.news[found.Revision] = true
	r.mu.Unlock()
	return &unmade{errors.Join(errs...)}
}

func (r *Repository) fetch(ctx context.Context, mirror *source.Mirror, head source.Head, users []asking) (*source.Snapshot, error) {
	if err := mirror.Fetch(ctx, head); err != nil {
		return nil, err
	}
	if err := mirror.Complete(ctx, head.Commit, pathsOf(users)); err != nil {
		return nil, err
	}
	return mirror.Snapshot(ctx, head.Commit)
}

// pathsOf lists the folders whose files the users will read.
func pathsOf(users []asking) []string {
	paths := []string{"plumb.yaml"}
	for _, u := range users {
		paths = append(paths, u.Wants().Paths...)
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// failed tells the users of a revision since when it cannot be read. What runs stays.
func (r *Repository) failed(users []asking, err error) {
	f := fault.Of(err, fault.FetchFailed)
	for _, u := range users {
		r.mu.Lock()
		since, ok := r.stale[u.revision]
		if !ok {
			since = time.Now()
			r.stale[u.revision] = since
		}
		r.news[u.revision] = true
		r.mu.Unlock()
		if r.uses(u.User) { // else it uses another repository by now
			u.Hear(News{Fault: f, Since: since})
		}
	}
	r.complain(f)
}

// complain logs why the repository cannot be read, once for as long as that is so.
func (r *Repository) complain(f *fault.Fault) {
	r.mu.Lock()
	level := slog.LevelWarn
	if r.complaint == f.Error() {
		level = slog.LevelDebug
	}
	r.complaint = f.Error()
	r.mu.Unlock()
	r.log.Log(r.life, level, "the repository cannot be read", "repository", ShownURL(r.at.URL), "stage", StageFetch, "reason", f.Reason, "error", f)
}

func (r *Repository) fresh(users []asking, by string) {
	r.mu.Lock()
	r.complaint = ""
	r.mu.Unlock()
	for _, u := range users {
		u.Hear(News{By: by})
	}
}
