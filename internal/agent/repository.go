package agent

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/source"
	"plumb.dev/plumb/internal/source/trigger"
)

// repositoryKey is what makes two users of a repository share one copy: address and credential.
type repositoryKey struct {
	namespace, url, secret string
}

// repository is one Git repository under watch: it asks what the refs mean, fetches, and offers commits to its users.
// Its lock is taken below that of the agent, never above it.
type repository struct {
	agent *Agent
	key   repositoryKey
	life  context.Context
	end   context.CancelFunc

	passing sync.Mutex // one pass at a time, also while a trigger takes the place of another

	mu      sync.Mutex
	trigger *trigger.Watch
	rest    context.CancelFunc // ends the trigger; nil before it runs
	mirror  *source.Mirror
	repos   map[types.NamespacedName]*repo
	apps    map[seat]*app          // by hand
	polls   map[any]time.Duration  // by user: the shortest counts
	heads   map[string]source.Head // by revision as written
	news    map[string]bool        // revisions with a user that has no offer yet
	stale   map[string]time.Time   // since when a revision cannot be read

	complaint string // why it cannot be read, as it was logged
}

// user is something that tracks a revision of a repository: a Repo, or an App by hand with its own repository, or with one of
// spec.sources.
type user struct {
	revision string
	repo     *repo
	app      *app
	source   string // name in spec.sources; "" for the App's own
}

// seat is what an App by hand uses a repository as. It may use one twice, at two revisions.
type seat struct {
	app    types.NamespacedName
	source string
}

func (u user) seat() seat { return seat{u.app.key, u.source} }

// served tells whether a user was offered a commit before.
func (u user) served() bool {
	if u.repo != nil {
		u.repo.mu.Lock()
		defer u.repo.mu.Unlock()
		return u.repo.result != nil
	}
	if u.source != "" {
		return u.app.sourced(u.source).commit != ""
	}
	return u.app.proposal() != nil
}

// track makes a user of a repository known and asks for a pass. A repository that nobody used before is made.
func (ag *Agent) track(key repositoryKey, u user, poll time.Duration, by trigger.Cause) *repository {
	ag.mu.Lock()
	defer ag.mu.Unlock()
	r, ok := ag.repositories[key]
	if !ok {
		r = &repository{
			agent: ag, key: key, repos: map[types.NamespacedName]*repo{}, apps: map[seat]*app{}, polls: map[any]time.Duration{},
			heads: map[string]source.Head{}, news: map[string]bool{}, stale: map[string]time.Time{},
		}
		r.life, r.end = context.WithCancel(ag.life)
		ag.repositories[key] = r
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.news[u.revision] = true
	if u.repo != nil {
		r.repos[u.repo.key] = u.repo
		r.polls[u.repo] = poll
	}
	if u.app != nil {
		r.apps[u.seat()] = u.app
		r.polls[u.seat()] = poll
	}
	r.pace(ag.ready)
	r.trigger.Nudge(by)
	return r
}

// untrack forgets a user. A repository without users is not asked any more; what it gave stays readable to those who
// still hold it.
func (ag *Agent) untrack(r *repository, u user) {
	ag.mu.Lock()
	defer ag.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if u.repo != nil && r.repos[u.repo.key] == u.repo {
		delete(r.polls, u.repo)
		delete(r.repos, u.repo.key)
	}
	if u.app != nil && r.apps[u.seat()] == u.app {
		delete(r.polls, u.seat())
		delete(r.apps, u.seat())
	}
	if len(r.repos)+len(r.apps) > 0 {
		r.pace(ag.ready)
		return
	}
	r.end()
	if ag.repositories[r.key] == r {
		delete(ag.repositories, r.key)
	}
}

// pace has the repository asked as often as its most eager user wants. Another trigger begins with a pass. The caller
// holds the lock.
func (r *repository) pace(run bool) {
	poll := slices.Min(slices.Collect(maps.Values(r.polls)))
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

// startRepositories begins to ask servers, once everything that people wrote is known: a first pass sees all its users.
func (ag *Agent) startRepositories() {
	ag.mu.Lock()
	defer ag.mu.Unlock()
	ag.ready = true
	for _, r := range ag.repositories {
		r.mu.Lock()
		r.pace(true)
		r.mu.Unlock()
	}
}

func (r *repository) nudge(by trigger.Cause) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trigger.Nudge(by)
}

// seats gives what an App by hand uses the repository as.
func (r *repository) seats(a types.NamespacedName) map[seat]*app {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := map[seat]*app{}
	for at, app := range r.apps {
		if at.app == a {
			found[at] = app
		}
	}
	return found
}

// users lists who uses the repository, those of one revision together.
func (r *repository) users() []user {
	r.mu.Lock()
	repos, apps := slices.Collect(maps.Values(r.repos)), maps.Clone(r.apps)
	r.mu.Unlock()
	var users []user
	for _, repo := range repos {
		users = append(users, user{revision: repo.revision(), repo: repo})
	}
	for at, app := range apps {
		users = append(users, user{revision: r.agent.revisionOf(app, at.source), app: app, source: at.source})
	}
	slices.SortFunc(users, func(a, b user) int { return strings.Compare(a.revision, b.revision) })
	return users
}

// pass asks once what every revision in use means now, and offers what is new. It is called by the trigger, never twice
// at once. The error is what makes the trigger back off.
func (r *repository) pass(ctx context.Context, cause trigger.Cause) error {
	mirror, unopened := r.open(ctx)
	news := r.takeNews() // before the users are listed: whoever comes later asks for another pass
	var errs []error
	for _, users := range byRevision(r.users()) {
		err := unopened
		if err == nil {
			err = r.revise(ctx, mirror, asking{users: users, news: news[users[0].revision], by: string(cause)})
		}
		if ctx.Err() != nil {
			return ctx.Err() // nobody uses it any more, or the agent ends
		}
		if err == nil {
			continue
		}
		errs = append(errs, err)
		if errors.As(err, new(*unmade)) {
			continue // Git was read; it is the App objects that could not be written
		}
		r.failed(users, err)
		if mirror != nil {
			r.lastGood(ctx, mirror, users)
		}
	}
	return errors.Join(errs...)
}

// byRevision parts users, sorted by revision, into those of each.
func byRevision(users []user) [][]user {
	var parts [][]user
	for i, u := range users {
		if i == 0 || users[i-1].revision != u.revision {
			parts = append(parts, nil)
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], u)
	}
	return parts
}

// takeNews gives the revisions with a user that has no offer yet, and clears them.
func (r *repository) takeNews() map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	news := r.news
	r.news = map[string]bool{}
	return news
}

// asking is what a pass asks about one revision.
type asking struct {
	users []user
	news  bool // one of them has no offer yet
	by    string
}

// unmade says that a commit was read and that not all of its App objects could be written.
type unmade struct{ error }

// Unwrap gives the cause.
func (u *unmade) Unwrap() error { return u.error }

// revise brings the users of one revision to its present commit.
func (r *repository) revise(ctx context.Context, mirror *source.Mirror, ask asking) error {
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
	r.agent.metrics.took(stageFetch, begun)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.heads[revision] = head
	delete(r.stale, revision)
	r.mu.Unlock()
	trace := r.agent.options.Traces.Commit(shownURL(r.key.url), head.Commit, begun, before != head.Commit)
	defer trace.Release()
	trace.Set("ref", head.Ref, "by", by)
	trace.Begin(stageFetch, begun).End(time.Now(), nil)
	r.agent.log.Info("a commit was seen", "repository", shownURL(r.key.url), "ref", head.Ref, "revision", head.Commit, "by", by, "seconds", time.Since(begun).Seconds())
	r.fresh(users, by)
	return r.offer(ctx, users, offer{
		commit: head.Commit, ref: head.Ref, snapshot: snapshot, mirror: mirror, seen: begun, by: by, trace: trace,
		marks: mayConsent(ctx, mirror, before, head.Commit),
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

// lastGood offers the last commit that was fetched completely, when an agent starts while the server is away: what ran
// is kept true to it.
func (r *repository) lastGood(ctx context.Context, mirror *source.Mirror, users []user) {
	users = slices.DeleteFunc(slices.Clone(users), user.served)
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
		r.agent.log.Warn("the last good commit cannot be read", "repository", shownURL(r.key.url), "revision", known.Head.Commit, "error", err)
		return
	}
	r.mu.Lock()
	r.heads[revision] = known.Head
	r.mu.Unlock()
	err = r.offer(ctx, users, offer{
		commit: known.Head.Commit, ref: known.Head.Ref, snapshot: snapshot, mirror: mirror, seen: known.At, by: string(trigger.Poll), stale: true,
	})
	if err != nil {
		r.agent.log.Warn("the last good commit was not taken up completely", "repository", shownURL(r.key.url), "error", err)
	}
}

// offer gives a commit to the users of its revision. What could not be made of it is tried again with the next pass.
func (r *repository) offer(ctx context.Context, users []user, found offer) error {
	r.announce(users, found.commit)
	var errs []error
	for _, u := range users {
		switch {
		case u.source != "":
			r.agent.bring(u, found)
			continue
		case u.repo == nil:
			if err := r.agent.place(u.app, found); err != nil {
				errs = append(errs, err)
			}
			continue
		}
		if err := r.agent.discover(ctx, u.repo, found); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) == 0 {
		return nil
	}
	r.mu.Lock()
	r.news[users[0].revision] = true
	r.mu.Unlock()
	return &unmade{errors.Join(errs...)}
}

// announce notes that all apps of a revision are about to be offered a commit, before the first of them acts on it: an
// object may move between the apps of two users.
func (r *repository) announce(users []user, commit string) {
	for _, u := range users {
		if u.source != "" {
			continue // the commit of an App is that of its own repository
		}
		if u.repo == nil {
			r.agent.claims.offer(u.app.key, commit)
			continue
		}
		o, _ := u.repo.bound()
		for key := range r.agent.appsOf(o) {
			r.agent.claims.offer(key, commit)
		}
	}
}

func (r *repository) fetch(ctx context.Context, mirror *source.Mirror, head source.Head, users []user) (*source.Snapshot, error) {
	if err := mirror.Fetch(ctx, head); err != nil {
		return nil, err
	}
	if err := mirror.Complete(ctx, head.Commit, r.agent.pathsOf(users)); err != nil {
		return nil, err
	}
	return mirror.Snapshot(ctx, head.Commit)
}

// failed tells the users of a revision since when it cannot be read. What runs stays.
func (r *repository) failed(users []user, err error) {
	for _, u := range users {
		r.mu.Lock()
		since, ok := r.stale[u.revision]
		if !ok {
			since = time.Now()
			r.stale[u.revision] = since
		}
		r.news[u.revision] = true
		r.mu.Unlock()
		if u.app != nil && r.seats(u.app.key)[u.seat()] == nil {
			continue // it uses another repository by now
		}
		r.agent.sourceFailed(u, fault.Of(err, fault.FetchFailed), since)
	}
	r.complain(fault.Of(err, fault.FetchFailed))
}

// complain logs why the repository cannot be read, once for as long as that is so.
func (r *repository) complain(f *fault.Fault) {
	r.mu.Lock()
	level := slog.LevelWarn
	if r.complaint == f.Error() {
		level = slog.LevelDebug
	}
	r.complaint = f.Error()
	r.mu.Unlock()
	r.agent.log.Log(r.life, level, "the repository cannot be read", "repository", shownURL(r.key.url), "stage", stageFetch, "reason", f.Reason, "error", f)
}

func (r *repository) fresh(users []user, by string) {
	r.mu.Lock()
	r.complaint = ""
	r.mu.Unlock()
	for _, u := range users {
		r.agent.sourceFresh(u, by)
	}
}

// shownURL is an address as logs show it: without what may be a password or a token.
func shownURL(address string) string {
	if at := strings.LastIndex(address, "@"); at >= 0 {
		scheme, _, ok := strings.Cut(address, "://")
		address = address[at+1:]
		if ok {
			address = scheme + "://" + address
		}
	}
	address, _, _ = strings.Cut(address, "?")
	address, _, _ = strings.Cut(address, "#")
	return address
}

// open makes the mirror, with the credentials as they are now. Where they cannot be had the mirror still gives what was
// read before.
func (r *repository) open(ctx context.Context) (*source.Mirror, error) {
	remote, unknown := r.remote(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mirror != nil {
		if unknown != nil {
			return r.mirror, unknown
		}
		return r.mirror, r.mirror.Renew(remote)
	}
	mirror, err := source.Open(filepath.Join(r.agent.options.CacheDir, "git"), remote, source.Options{Scope: r.key.namespace + "/" + r.key.secret})
	if err != nil {
		return nil, errors.Join(unknown, err)
	}
	r.mirror = mirror
	return mirror, unknown
}

// remote gives the address with its credentials.
func (r *repository) remote(ctx context.Context) (source.Remote, error) {
	remote := source.Remote{URL: r.key.url, AllowLocal: r.agent.options.AllowLocal}
	if r.key.secret == "" {
		return remote, nil
	}
	values, err := r.agent.secret(ctx, r.key.namespace, r.key.secret)
	if err != nil {
		return remote, err
	}
	remote.Token, remote.Username, remote.Password, remote.CA = values["token"], values["username"], values["password"], []byte(values["ca.crt"])
	remote.Identity, remote.KnownHosts = values["identity"], values["known_hosts"]
	return remote, nil
}

func (r *repository) close() error {
	r.end()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mirror == nil {
		return nil
	}
	return r.mirror.Close()
}

// secret reads the values of a Secret that a Repo or App names, under the agent's own identity.
func (ag *Agent) secret(ctx context.Context, namespace, name string) (map[string]string, error) {
	o, err := ag.cluster.Own().Get(ctx, object.ID{Kind: "Secret", Namespace: namespace, Name: name}, "v1")
	if cluster.IsGone(err) {
		return nil, fault.New(fault.CredentialsRefused, "Secret %s/%s does not exist", namespace, name).
			WithNext("create it, or correct its name in the Repo")
	}
	if err != nil {
		return nil, fault.New(fault.FetchFailed, "Secret %s/%s cannot be read: %w", namespace, name, err)
	}
	data, _ := o.Fields["data"].(map[string]any)
	values := make(map[string]string, len(data))
	for key, value := range data {
		encoded, _ := value.(string)
		decoded, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return nil, fmt.Errorf("the Secret %s/%s has a key %s that is not base64", namespace, name, key)
		}
		values[key] = strings.TrimRight(string(decoded), "\n")
	}
	return values, nil
}

// pathsOf lists the folders whose files the users will read.
func (ag *Agent) pathsOf(users []user) []string {
	paths := []string{"plumb.yaml"}
	for _, u := range users {
		if u.repo != nil {
			paths = append(paths, u.repo.roots()...)
			continue
		}
		if o, _, _ := u.app.mailbox(); o != nil && u.source == "" {
			paths = append(paths, o.Spec.Path) // of other sources single files are read, when they are needed
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}
