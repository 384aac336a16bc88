package agent

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/source"
	"plumb.dev/plumb/internal/source/trigger"
)

// repositoryKey is what makes two users of a repository share one copy: address and credential.
type repositoryKey struct {
	namespace, url, secret string
}

// repository is one Git repository under watch: it asks what the refs mean, fetches, and offers commits to its users.
type repository struct {
	agent   *Agent
	key     repositoryKey
	trigger *trigger.Watch
	life    context.Context
	end     context.CancelFunc

	mu     sync.Mutex
	mirror *source.Mirror
	repos  map[types.NamespacedName]*repo
	apps   map[types.NamespacedName]*app // by hand
	heads  map[string]source.Head        // by revision as written
	news   map[string]bool               // revisions with a user that has no offer yet
	stale  map[string]time.Time          // since when a revision cannot be read
}

// user is something that tracks a revision of a repository.
type user struct {
	revision string
	repo     *repo
	app      *app
}

func (ag *Agent) repository(key repositoryKey, poll time.Duration) *repository {
	ag.mu.Lock()
	defer ag.mu.Unlock()
	r, ok := ag.repositories[key]
	if !ok {
		ctx, end := context.WithCancel(ag.life)
		r = &repository{
			agent: ag, key: key, end: end,
			repos: map[types.NamespacedName]*repo{}, apps: map[types.NamespacedName]*app{},
			heads: map[string]source.Head{}, news: map[string]bool{}, stale: map[string]time.Time{},
		}
		r.trigger = &trigger.Watch{Pass: r.pass, Poll: poll}
		ag.repositories[key] = r
		r.life = ctx
		if ag.ready {
			go r.trigger.Run(ctx)
		}
	}
	return r
}

// startRepositories begins to ask servers, once everything that people wrote is known: a first pass sees all its users.
func (ag *Agent) startRepositories() {
	ag.mu.Lock()
	defer ag.mu.Unlock()
	ag.ready = true
	for _, r := range ag.repositories {
		go r.trigger.Run(r.life)
	}
}

// use makes a user known and asks for a pass.
func (r *repository) use(u user) {
	r.mu.Lock()
	r.news[u.revision] = true
	if u.repo != nil {
		r.repos[u.repo.key] = u.repo
	}
	if u.app != nil {
		r.apps[u.app.key] = u.app
	}
	r.mu.Unlock()
	r.trigger.Nudge(trigger.Sync)
}

func (r *repository) forget(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.repos, key)
	delete(r.apps, key)
}

// users lists who tracks what, and which revisions have a user that waits for an offer: that is the caller's to see to.
func (r *repository) users() (users []user, news map[string]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	news, r.news = r.news, map[string]bool{}
	for _, repo := range r.repos {
		users = append(users, user{revision: repo.revision(), repo: repo})
	}
	for _, app := range r.apps {
		users = append(users, user{revision: r.agent.revisionOf(app), app: app})
	}
	slices.SortFunc(users, func(a, b user) int { return strings.Compare(a.revision, b.revision) })
	return users, news
}

// pass asks once what every revision in use means now, and offers what is new. It is called by the trigger, never twice
// at once. The error is what makes the trigger back off.
func (r *repository) pass(ctx context.Context, cause trigger.Cause) error {
	mirror, err := r.open(ctx)
	users, news := r.users()
	if err != nil {
		r.failed(users, err)
		return err
	}
	by := string(cause)
	var errs []error
	for len(users) > 0 {
		n := 1
		for n < len(users) && users[n].revision == users[0].revision {
			n++
		}
		if err := r.revise(ctx, mirror, users[:n], by, news[users[0].revision]); err != nil {
			r.failed(users[:n], err)
			r.lastGood(ctx, mirror, users[:n])
			errs = append(errs, err)
		}
		users = users[n:]
	}
	return errors.Join(errs...)
}

// revise brings the users of one revision to its present commit.
func (r *repository) revise(ctx context.Context, mirror *source.Mirror, users []user, by string, news bool) error {
	revision := users[0].revision
	head, err := mirror.Resolve(ctx, revision)
	if err != nil {
		return err
	}
	r.mu.Lock()
	known, same := r.heads[revision]
	same = same && known.Commit == head.Commit && !news
	wasStale := !r.stale[revision].IsZero()
	r.mu.Unlock()
	if same && !wasStale {
		r.fresh(users, head, by, false)
		return nil
	}
	begun := time.Now()
	snapshot, err := r.fetch(ctx, mirror, head, users)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.heads[revision] = head
	delete(r.stale, revision)
	r.mu.Unlock()
	r.agent.log.Info("a commit was seen", "repository", r.key.url, "revision", revision, "commit", head.Commit, "by", by, "ms", time.Since(begun).Milliseconds())
	r.fresh(users, head, by, true)
	r.offer(ctx, users, offer{commit: head.Commit, ref: head.Ref, snapshot: snapshot, mirror: mirror, seen: begun, by: by})
	return nil
}

// lastGood offers the last commit that was fetched completely, when an agent starts while the server is away: what ran
// is kept true to it.
func (r *repository) lastGood(ctx context.Context, mirror *source.Mirror, users []user) {
	revision := users[0].revision
	known := mirror.State(revision)
	r.mu.Lock()
	_, offered := r.heads[revision]
	r.mu.Unlock()
	if offered || known.Head.Commit == "" {
		return
	}
	snapshot, err := mirror.Snapshot(ctx, known.Head.Commit)
	if err != nil {
		r.agent.log.Warn("the last good commit cannot be read", "repository", r.key.url, "commit", known.Head.Commit, "error", err)
		return
	}
	r.mu.Lock()
	r.heads[revision] = known.Head
	r.mu.Unlock()
	r.offer(ctx, users, offer{commit: known.Head.Commit, ref: known.Head.Ref, snapshot: snapshot, mirror: mirror, seen: known.At, by: "poll"})
}

// offer gives a commit to the users of its revision.
func (r *repository) offer(ctx context.Context, users []user, found offer) {
	for _, u := range users {
		if u.repo != nil {
			r.agent.discover(ctx, u.repo, found)
			continue
		}
		r.agent.place(u.app, found)
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
		r.agent.sourceFailed(u, fault.Of(err, fault.FetchFailed), since)
	}
	r.agent.log.Warn("the repository cannot be read", "repository", r.key.url, "error", err)
}

func (r *repository) fresh(users []user, head source.Head, by string, news bool) {
	for _, u := range users {
		r.agent.sourceFresh(u, head, by, news)
	}
}

// open makes the mirror, with the credentials as they are now.
func (r *repository) open(ctx context.Context) (*source.Mirror, error) {
	remote := source.Remote{URL: r.key.url, AllowLocal: r.agent.options.AllowLocal}
	if r.key.secret != "" {
		values, err := r.agent.secret(ctx, r.key.namespace, r.key.secret)
		if err != nil {
			return nil, err
		}
		remote.Token, remote.Username, remote.Password, remote.CA = values["token"], values["username"], values["password"], []byte(values["ca.crt"])
		if values["identity"] != "" {
			return nil, fault.New(fault.Unsupported, "Secret %s/%s holds an ssh identity, which is not supported yet", r.key.namespace, r.key.secret).
				WithNext("use an https address with a token")
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mirror != nil {
		return r.mirror, r.mirror.Renew(remote)
	}
	mirror, err := source.Open(filepath.Join(r.agent.options.CacheDir, "git"), remote, source.Options{Scope: r.key.namespace + "/" + r.key.secret})
	if err != nil {
		return nil, err
	}
	r.mirror = mirror
	return mirror, nil
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
	if err != nil {
		return nil, fault.New(fault.CredentialsRefused, "Secret %s/%s cannot be read: %w", namespace, name, err).
			WithNext("create it, or correct its name in the Repo")
	}
	data, _ := o.Fields["data"].(map[string]any)
	values := make(map[string]string, len(data))
	for key, value := range data {
		encoded, _ := value.(string)
		decoded, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return nil, fmt.Errorf("Secret %s/%s: key %s is not base64", namespace, name, key)
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
		if o, _, _ := u.app.mailbox(); o != nil {
			paths = append(paths, o.Spec.Path)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// hook verifies a webhook and asks for a pass. It gives the HTTP status; an unknown Repo answers as a wrong signature.
func (ag *Agent) hook(ctx context.Context, namespace, name, signature string, body []byte) int {
	ag.mu.Lock()
	r := ag.repos[types.NamespacedName{Namespace: namespace, Name: name}]
	ag.mu.Unlock()
	if r == nil {
		return 401
	}
	o, repository := r.bound()
	if o.Spec.Webhook == nil || repository == nil {
		return 401
	}
	values, err := ag.hookSecret(ctx, namespace, o.Spec.Webhook.Secret)
	if err != nil || !trigger.VerifyGeneric([]byte(values), body, signature) {
		return 401
	}
	repository.trigger.Nudge(trigger.Webhook)
	return 202
}

func (ag *Agent) hookSecret(ctx context.Context, namespace, name string) (string, error) {
	values, err := ag.secret(ctx, namespace, name)
	return values["secret"], err
}
