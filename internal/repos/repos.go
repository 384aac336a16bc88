// Package repos looks after Repos, and follows what apps are made of: Git repositories, for those who track a revision of one, and
// charts from elsewhere, for the apps that need them. It asks when it is time or a webhook says so, fetches, gives what is new to
// everybody who uses it, and writes the status of each Repo soon after it changed.
//
// All who read one address with one credential share one copy and one question. What cannot be read is asked again, and those who
// use it are told since when; what they were given before stays readable to them. It never decides what a commit means, never
// touches a user's object, and reads of the cluster nothing but the Secrets that addresses name, through the hand that it is given.
//
// Start at Repositories.Track, at Charts.Use, at Repo, and at Hooks.Deliver; repository.go is one pass over a repository, status.go
// what a Repo says.
package repos

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/source"
	"plumb.dev/plumb/internal/source/trigger"
	"plumb.dev/plumb/internal/traces"
)

// StageFetch is the stage of the line that is done here, as metrics, logs and traces call it.
const StageFetch = "fetch"

// Address is what makes two who read a repository share one copy: where it is, and the Secret that it is read with.
type Address struct {
	Namespace, URL, Secret string
}

// Known tells whether this is an address at all: one has a colon, the name of a Repo that is not there has none.
func (a Address) Known() bool { return strings.Contains(a.URL, ":") }

// Commit is a commit as it was found. Nobody changes it.
type Commit struct {
	Revision string // as it was asked for
	ID       string
	Ref      string
	Snapshot *source.Snapshot
	Mirror   *source.Mirror
	Seen     time.Time
	By       string         // why it was looked for
	Marks    bool           // the commits since the one before may bear consents, or it does not descend from that
	Stale    bool           // the server cannot be asked: nobody knows whether it still is the head
	Trace    *traces.Commit // nil if there are no traces; it is released when Take returns: who needs it longer holds it
}

// Wants is what a user of a repository wants of it now.
type Wants struct {
	Revision string
	Paths    []string // the folders whose files it will read, beside plumb.yaml at the root
	Served   bool     // it was given a commit before
}

// News is how asking for a revision went.
type News struct {
	Fault *fault.Fault // why it cannot be read; nil if it can
	Since time.Time    // since when it cannot
	By    string       // why it was looked for; "" with a fault
}

// User tracks a revision of a repository. Its methods are called without a lock held.
type User interface {
	// Key names it: of two users of one key the one that was tracked last counts.
	Key() any
	Wants() Wants
	// Announce tells of the commit that all users of the revision are about to be given, before the first of them is.
	Announce(commit string)
	// Take takes a commit. An error says that not all could be made of it: it is given again with the next pass.
	Take(ctx context.Context, found Commit) error
	Hear(News)
}

// Options say how repositories are followed.
type Options struct {
	Folder     string // of the copies
	AllowLocal bool   // file:// addresses
	// Secret reads the values of a Secret.
	Secret func(ctx context.Context, namespace, name string) (map[string]string, error)
	// Took takes in how long a stage took.
	Took   func(stage string, begun time.Time)
	Traces *traces.Traces // nil: none
	Log    *slog.Logger
}

// Repositories are those under watch, each as long as somebody uses it.
type Repositories struct {
	options Options
	log     *slog.Logger
	life    context.Context

	mu    sync.Mutex // taken above that of a Repository
	all   map[Address]*Repository
	ready bool // servers are asked
}

// New follows no repository yet, and asks no server before Start. All ends with the context.
func New(life context.Context, options Options) *Repositories {
	return &Repositories{options: options, log: options.Log, life: life, all: map[Address]*Repository{}}
}

// Start begins to ask servers, once everybody is known who tracks something: a first pass sees all its users.
func (rs *Repositories) Start() {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.ready = true
	for _, r := range rs.all {
		r.mu.Lock()
		r.pace(true)
		r.mu.Unlock()
	}
}

// Track makes a user of a repository known and asks for a pass. A repository that nobody used before is made; it is asked as often
// as its most eager user wants.
func (rs *Repositories) Track(at Address, u User, poll time.Duration, by trigger.Cause) *Repository {
	revision := u.Wants().Revision
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r, ok := rs.all[at]
	if !ok {
		r = &Repository{
			of: rs, log: rs.log, at: at, users: map[any]tracked{}, heads: map[string]source.Head{}, news: map[string]bool{}, stale: map[string]time.Time{},
		}
		r.life, r.end = context.WithCancel(rs.life)
		rs.all[at] = r
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.news[revision] = true
	r.users[u.Key()] = tracked{u, poll}
	r.pace(rs.ready)
	r.trigger.Nudge(by)
	return r
}

// Untrack forgets a user. A repository without users is not asked any more; what it gave stays readable to those who still hold
// it.
func (rs *Repositories) Untrack(r *Repository, u User) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users[u.Key()].User == u {
		delete(r.users, u.Key())
	}
	if len(r.users) > 0 {
		r.pace(rs.ready)
		return
	}
	r.end()
	if rs.all[r.at] == r {
		delete(rs.all, r.at)
	}
}

// Leave forgets the users that leave where they are.
func (rs *Repositories) Leave(leaves func(u User, at Address) bool) {
	rs.mu.Lock()
	all := slices.Collect(maps.Values(rs.all))
	rs.mu.Unlock()
	for _, r := range all {
		for _, u := range r.everybody() {
			if leaves(u, r.at) {
				rs.Untrack(r, u)
			}
		}
	}
}

// Close ends all, and closes the copies.
func (rs *Repositories) Close() error {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	var errs []error
	for _, r := range rs.all {
		errs = append(errs, r.close())
	}
	return errors.Join(errs...)
}

// ShownURL is an address as logs show it: without what may be a password or a token.
func ShownURL(address string) string {
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
