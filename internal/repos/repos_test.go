package repos

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"

	"plumb.dev/plumb/internal/source/sourcetest"
	"plumb.dev/plumb/internal/source/trigger"
)

// follower is a user that hands on what it is given and told.
type follower struct {
	key      string
	revision string
	served   bool
	refuses  error // what it answers a commit with, once

	announced chan string
	taken     chan Commit
	heard     chan News
}

func newFollower(key, revision string) *follower {
	return &follower{key: key, revision: revision, announced: make(chan string, 100), taken: make(chan Commit, 100), heard: make(chan News, 100)}
}

func (f *follower) Key() any { return f.key }
func (f *follower) Wants() Wants {
	return Wants{Revision: f.revision, Paths: []string{"apps"}, Served: f.served}
}
func (f *follower) Announce(commit string) { f.announced <- commit }
func (f *follower) Hear(news News)         { f.heard <- news }

func (f *follower) Take(_ context.Context, found Commit) error {
	err := f.refuses
	f.refuses = nil
	f.taken <- found
	return err
}

// next gives what comes next on a channel; the test fails if nothing does.
func next[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(time.Minute):
		t.Fatal("nothing came: " + what)
		panic("not reached")
	}
}

// following follows repositories of this machine, and keeps its copies in a folder.
func following(t *testing.T, folder string) *Repositories {
	ctx, end := context.WithCancel(context.Background())
	rs := New(ctx, Options{
		Folder: folder, AllowLocal: true, Took: func(string, time.Time) {}, Log: slog.New(slog.DiscardHandler),
		Secret: func(context.Context, string, string) (map[string]string, error) {
			return nil, errors.New("no Secret is asked for")
		},
	})
	t.Cleanup(func() {
		end()
		if err := rs.Close(); err != nil {
			t.Error(err)
		}
	})
	return rs
}

// Each user is given the newest commit of what it tracks, once, and again when it moves.
func TestACommitIsGivenOnce(t *testing.T) {
	origin := sourcetest.NewRepo(t)
	first := origin.Commit("main", "first", sourcetest.File("apps/cart/a.yaml", "a"))
	rs := following(t, t.TempDir())
	main, tag := newFollower("main", "main"), newFollower("tag", "v1")
	origin.Git("tag", "v1", first)
	r := rs.Track(Address{URL: origin.URL()}, main, time.Hour, trigger.Poll)
	if rs.Track(Address{URL: origin.URL()}, tag, time.Hour, trigger.Poll) != r {
		t.Fatal("one address, two repositories")
	}
	rs.Start()
	for _, f := range []*follower{main, tag} {
		if announced, found := next(t, "the announcement", f.announced), next(t, "the commit", f.taken); announced != first || found.ID != first || found.Revision != f.revision {
			t.Errorf("%s: announced %s, given %s of %q, want %s", f.key, announced, found.ID, found.Revision, first)
		}
		if news := next(t, "that it could be read", f.heard); news.Fault != nil || news.By != string(trigger.Poll) {
			t.Errorf("%s: heard %+v", f.key, news)
		}
	}
	second := origin.Commit("main", "second\n\nPlumb-Allow-Delete: cart", sourcetest.File("apps/cart/a.yaml", "b"))
	r.Nudge(trigger.Webhook)
	if found := next(t, "the second commit", main.taken); found.ID != second || found.By != string(trigger.Webhook) || found.Stale || !found.Marks {
		t.Errorf("given %+v, want %s", found, second)
	}
	if news := next(t, "that the tag was asked for", tag.heard); news.Fault != nil {
		t.Errorf("the tag: %+v", news)
	}
	r.Nudge(trigger.Poll)
	next(t, "that the tag was asked for again", tag.heard)
	if len(tag.taken) != 0 {
		t.Error("a tag that did not move is given again")
	}
}

// What could not be made of a commit is tried again, by giving it again.
func TestACommitIsGivenAgainWhenItCouldNotBeTaken(t *testing.T) {
	origin := sourcetest.NewRepo(t)
	commit := origin.Commit("main", "first", sourcetest.File("apps/cart/a.yaml", "a"))
	rs := following(t, t.TempDir())
	f := newFollower("main", "main")
	f.refuses = errors.New("the API server is away")
	rs.Track(Address{URL: origin.URL()}, f, time.Hour, trigger.Poll)
	rs.Start()
	for range 2 {
		if found := next(t, "the commit", f.taken); found.ID != commit {
			t.Errorf("given %s, want %s", found.ID, commit)
		}
	}
	for range 2 {
		if news := next(t, "how it went", f.heard); news.Fault != nil {
			t.Errorf("Git could be read, and it heard %s", news.Fault)
		}
	}
}

// A server that is away is told of, with the last good commit for who has none; when it is back that is told too.
func TestAServerThatIsAway(t *testing.T) {
	origin := sourcetest.NewRepo(t)
	commit := origin.Commit("main", "first", sourcetest.File("apps/cart/a.yaml", "a"))
	folder := t.TempDir()
	before := following(t, folder)
	f := newFollower("main", "main")
	r := before.Track(Address{URL: origin.URL()}, f, time.Hour, trigger.Poll)
	before.Start()
	next(t, "the commit", f.taken)
	before.Untrack(r, f)
	if err := r.close(); err != nil {
		t.Fatal(err)
	}

	away := origin.Dir + ".away"
	if err := os.Rename(origin.Dir, away); err != nil {
		t.Fatal(err)
	}
	after := following(t, folder)
	late, served := newFollower("late", "main"), newFollower("served", "main")
	served.served = true
	r = after.Track(Address{URL: origin.URL()}, late, time.Hour, trigger.Poll)
	after.Track(Address{URL: origin.URL()}, served, time.Hour, trigger.Poll)
	after.Start()
	for _, f := range []*follower{late, served} {
		if news := next(t, "that it cannot be read", f.heard); news.Fault == nil || news.Since.IsZero() {
			t.Errorf("%s: heard %+v of a server that is away", f.key, news)
		}
	}
	if found := next(t, "the last good commit", late.taken); found.ID != commit || !found.Stale {
		t.Errorf("given %+v, want %s as one of which nobody knows whether it still is the head", found, commit)
	}
	if len(served.taken) != 0 {
		t.Error("who has the last good commit is given it again")
	}
	if !r.Tracks("refs/heads/other") {
		t.Error("while a revision cannot be read every ref may be what it follows")
	}
	if err := os.Rename(away, origin.Dir); err != nil {
		t.Fatal(err)
	}
	for news := next(t, "that it can be read", late.heard); news.Fault != nil; news = next(t, "that it can be read", late.heard) {
	}
	if found := next(t, "the commit again", late.taken); found.ID != commit || found.Stale {
		t.Errorf("given %+v after the server is back", found)
	}
	if r.Tracks("refs/heads/other") || !r.Tracks("refs/heads/main") || !r.Tracks("") {
		t.Error("it tracks main, and whatever is no ref may be it")
	}
}

func TestARepositoryEndsWithItsLastUser(t *testing.T) {
	rs := following(t, t.TempDir())
	at := Address{Namespace: "plumb-system", URL: "https://git.example.com/a.git"}
	calm, eager := newFollower("a", "main"), newFollower("b", "main")
	r := rs.Track(at, calm, time.Minute, trigger.Poll)
	rs.Track(at, eager, 10*time.Second, trigger.Poll)
	if r.trigger.Poll != 10*time.Second {
		t.Errorf("asked every %s, want as often as the most eager wants", r.trigger.Poll)
	}
	rs.Leave(func(u User, from Address) bool { return u == User(eager) && from == at })
	if users := r.everybody(); len(users) != 1 || users[0] != User(calm) {
		t.Errorf("users %v after one has left", users)
	}
	if r.trigger.Poll != time.Minute || r.life.Err() != nil {
		t.Errorf("asked every %s, ended: %v", r.trigger.Poll, r.life.Err())
	}
	rs.Untrack(r, newFollower("a", "main"))
	if len(r.everybody()) != 1 {
		t.Error("another user of the name took the user away")
	}
	rs.Untrack(r, calm)
	if r.life.Err() == nil || len(rs.all) != 0 {
		t.Error("a repository that nobody uses goes on")
	}
}

func TestNewsAreTakenBeforeUsersAreListed(t *testing.T) {
	rs := following(t, t.TempDir())
	at := Address{URL: "https://git.example.com/a.git"}
	r := rs.Track(at, newFollower("a", "main"), time.Minute, trigger.Poll)
	if news := r.takeNews(); !news["main"] {
		t.Error("a new user is no news")
	}
	rs.Track(at, newFollower("b", "main"), time.Minute, trigger.Poll)
	if news := r.takeNews(); !news["main"] {
		t.Error("a user that came after the news were taken is forgotten")
	}
	if news := r.takeNews(); news["main"] {
		t.Error("the same news twice")
	}
}

func TestByRevision(t *testing.T) {
	a, b, c := asking{newFollower("a", ""), ""}, asking{newFollower("b", ""), ""}, asking{newFollower("c", "v1"), "v1"}
	parts := byRevision([]asking{a, b, c})
	if len(parts) != 2 || len(parts[0]) != 2 || parts[1][0] != c {
		t.Errorf("parted into %v", parts)
	}
	if len(byRevision(nil)) != 0 {
		t.Error("nobody is parted into something")
	}
}

func TestShownURL(t *testing.T) {
	for address, want := range map[string]string{
		"https://git.example.com/acme/fleet.git":                     "https://git.example.com/acme/fleet.git",
		"https://lena:hunter2@git.example.com/acme/fleet.git":        "https://git.example.com/acme/fleet.git",
		"https://git.example.com/acme/fleet.git?token=hunter2":       "https://git.example.com/acme/fleet.git",
		"https://git.example.com/acme/fleet.git#hunter2":             "https://git.example.com/acme/fleet.git",
		"https://lena:hun@ter2@git.example.com/acme/fleet.git?x=y#z": "https://git.example.com/acme/fleet.git",
		"git@git.example.com:acme/fleet.git":                         "git.example.com:acme/fleet.git",
		"file:///srv/fleet":                                          "file:///srv/fleet",
	} {
		if got := ShownURL(address); got != want {
			t.Errorf("%s is shown as %s", address, got)
		}
	}
}
