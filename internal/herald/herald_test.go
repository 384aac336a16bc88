package herald

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/forge/dial"
	"plumb.dev/plumb/internal/forge/forgetest/githubtest"
)

func TestWord(t *testing.T) {
	ok := func(app string) News { return News{App: app, Result: OK, Took: 42 * time.Second} }
	rolling := News{App: "web/prod", Result: Rolling, Why: "Deployment web: 1 of 3 pods are ready"}
	failed := News{App: "pay/prod", Result: Failed, Why: "Deployment pay: ImagePullBackOff"}
	const commit, app = "/c/plumb-system/fleet/abc", "/app/plumb-system/web-prod"
	of := subject{fleet, "abc", "prod"}
	linked := rolling
	linked.Object = "plumb-system/web-prod"
	pending, success, failure := word{forge.Pending, "p", commit}, word{forge.Success, "s", commit}, word{forge.Failure, "f", commit}
	for _, test := range []struct {
		reason string
		apps   []News
		told   word
		known  bool
		want   word
		worth  bool
	}{
		{"nothing is known of it", nil, word{}, false, word{}, false},
		{"one app is under way", []News{rolling}, word{}, false, word{forge.Pending, "web/prod: Deployment web: 1 of 3 pods are ready", commit}, true},
		{"and still is", []News{rolling}, word{forge.Pending, "web/prod: Deployment web: 1 of 3 pods are ready", commit}, true, word{forge.Pending, "web/prod: Deployment web: 1 of 3 pods are ready", commit}, false},
		{"one is ok", []News{ok("web/prod")}, pending, true, word{forge.Success, "web/prod is ok after 42s", commit}, true},
		{"several are", []News{ok("a"), ok("b")}, pending, true, word{forge.Success, "2 apps are ok after 42s", commit}, true},
		{"one waits and one is ok", []News{ok("a"), rolling}, pending, true, word{forge.Pending, "web/prod: Deployment web: 1 of 3 pods are ready (1 of 2 apps are ok)", commit}, true},
		{"one failed: that is what counts", []News{ok("a"), rolling, failed}, pending, true, word{forge.Failure, "pay/prod: Deployment pay: ImagePullBackOff (1 of 3 apps are ok)", commit}, true},
		{"without a sentence there is a word", []News{{App: "a", Result: Failed}}, word{}, false, word{forge.Failure, "a is failed", commit}, true},
		{"replaced while it was under way", nil, pending, true, word{forge.Success, "another commit took its place before it was ok", commit}, true},
		{"replaced after it was ok", nil, success, true, success, false},
		{"replaced after it failed: it did fail", nil, failure, true, failure, false},
		{"one app: its page tells more", []News{linked}, word{}, false, word{forge.Pending, "web/prod: Deployment web: 1 of 3 pods are ready", app}, true},
		{"what was told without a link is told again with it", []News{linked}, word{forge.Pending, "web/prod: Deployment web: 1 of 3 pods are ready", ""}, true, word{forge.Pending, "web/prod: Deployment web: 1 of 3 pods are ready", app}, true},
		{"several apps: that of the commit", []News{linked, ok("a")}, word{}, false, word{forge.Pending, "web/prod: Deployment web: 1 of 3 pods are ready (1 of 2 apps are ok)", commit}, true},
	} {
		now, worth := of.word(test.apps, test.told, test.known)
		if now != test.want || worth != test.worth {
			t.Errorf("%s: %+v, %v, want %+v, %v", test.reason, now, worth, test.want, test.worth)
		}
	}
}

// town is a herald with a GitHub to tell.
type town struct {
	*testing.T
	*Herald
	hub     *githubtest.Hub
	dir     string
	without atomic.Bool // the Repo names no forge
	opened  atomic.Int64
	heard   sync.Map // by what the forge is told of: what is wrong, "" if nothing is
}

func (w *town) hear(_, of string, bad *fault.Fault) {
	if bad == nil {
		w.heard.Store(of, "")
		return
	}
	w.heard.Store(of, bad.Code)
}

// hears waits until something is known of what the forge is told of.
func (w *town) hears(of, want string) {
	w.Helper()
	deadline, tick := time.After(30*time.Second), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for {
		is, known := w.heard.Load(of)
		if known && is == want {
			return
		}
		select {
		case <-deadline:
			w.Fatalf("of %s is heard %v, want %q", of, is, want)
		case <-tick.C:
		}
	}
}

func newTown(t *testing.T, hub *githubtest.Hub, dir string) *town {
	t.Helper()
	f, err := new(dial.Forges).Open(hub.Access())
	if err != nil {
		t.Fatal(err)
	}
	w := &town{T: t, hub: hub, dir: dir}
	open := func(_ context.Context, repo string) (*Place, error) {
		w.opened.Add(1)
		if repo != fleet || w.without.Load() {
			return nil, nil
		}
		return &Place{Forge: f, Context: "plumb", Branch: "main", Page: "https://plumb.example.com/"}, nil
	}
	if w.Herald, err = New(open, w.hear, dir, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { w.Herald.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return w
}

func (w *town) stands(commit, context string, want forge.State, text string) {
	w.Helper()
	deadline, tick := time.After(30*time.Second), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for {
		is := w.hub.Scene().Shown(commit, context)
		if len(is) == 1 && is[0].State == want && strings.Contains(is[0].Description, text) {
			return
		}
		select {
		case <-deadline:
			w.Fatalf("%s of %s is %+v, want %s %q", context, commit[:7], is, want, text)
		case <-tick.C:
		}
	}
}

func push(hub *githubtest.Hub, n int) string {
	return hub.Scene().Push("main", "", map[string]string{"a.yaml": fmt.Sprint(n)})
}

const fleet = "plumb-system/fleet"

// A commit is pending, then it is ok, per environment; the deployment moves with it.
func TestACommitIsTold(t *testing.T) {
	w := newTown(t, githubtest.New(t), t.TempDir())
	commit := push(w.hub, 1)
	w.Tell(fleet, News{App: "web/prod", Object: "plumb-system/web-prod", Env: "prod", Commits: []string{commit}, Result: Rolling, Why: "Deployment web: 0 of 1 pods are ready"})
	w.Tell(fleet, News{App: "web/test", Env: "test", Commits: []string{commit}, Result: OK})
	w.stands(commit, "plumb/deploy/prod", forge.Pending, "Deployment web")
	if is := w.hub.Scene().Shown(commit, "plumb/deploy/prod"); is[0].URL != "https://plumb.example.com/app/plumb-system/web-prod" {
		t.Errorf("the status links to %q", is[0].URL)
	}
	w.stands(commit, "plumb/deploy/test", forge.Success, "web/test is ok")
	w.Tell(fleet, News{App: "web/prod", Env: "prod", Commits: []string{commit}, Result: OK, Took: time.Minute})
	w.stands(commit, "plumb/deploy/prod", forge.Success, "web/prod is ok after 1m0s")
	if is := w.hub.Scene().Deploys("prod"); len(is) != 1 || is[0].Progress == forge.Failed || !strings.HasPrefix(is[0].URL, "https://plumb.example.com/") {
		t.Errorf("%+v", is)
	}
	w.Tell(fleet, News{App: "plain", Commits: []string{commit}, Result: Failed, Why: "no"})
	w.stands(commit, "plumb/deploy", forge.Failure, "plain: no")
	w.Tell("other/repo", News{App: "x", Commits: []string{commit}, Result: OK}) // it has no forge
}

// What was told is not told again by the next life, and what it did not yet hear of does not count as ok.
func TestANewLifeTellsNothingTwice(t *testing.T) {
	hub, dir := githubtest.New(t), t.TempDir()
	commit := push(hub, 1)
	ok := News{App: "a", Env: "prod", Commits: []string{commit}, Result: OK}
	failed := News{App: "b", Env: "prod", Commits: []string{commit}, Result: Failed, Why: "broken"}
	one := newTown(t, hub, dir)
	one.Tell(fleet, ok)
	one.Tell(fleet, failed)
	one.stands(commit, "plumb/deploy/prod", forge.Failure, "broken (1 of 2")
	one.waitForFile()
	hub.Calls()

	two := newTown(t, hub, dir)
	two.Tell(fleet, ok) // and b comes later
	later := push(hub, 2)
	two.Tell(fleet, News{App: "c", Env: "prod", Commits: []string{later}, Result: OK})
	two.stands(later, "plumb/deploy/prod", forge.Success, "c is ok")
	two.stands(commit, "plumb/deploy/prod", forge.Failure, "broken")
	for _, call := range hub.Calls() {
		if strings.Contains(call, commit) {
			t.Errorf("the commit was told again: %s", call)
		}
	}
}

// waitForFile waits until what was told is kept.
func (w *town) waitForFile() {
	w.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		files, _ := filepath.Glob(filepath.Join(w.dir, "*.json"))
		if len(files) == 1 {
			if data, err := os.ReadFile(files[0]); err == nil && strings.Contains(string(data), `"failure"`) {
				return
			}
		}
		if w.Context().Err() != nil {
			w.Fatal("nothing was kept")
		}
	}
}

// Pods become ready one by one: of what is under way a sentence is told now and then, of an end at once.
func TestProgressIsToldNowAndThen(t *testing.T) {
	w := newTown(t, githubtest.New(t), t.TempDir())
	commit, other := push(w.hub, 1), push(w.hub, 2)
	n := News{App: "web", Env: "prod", Commits: []string{commit}, Result: Rolling, Why: "1 of 3 pods are ready"}
	w.Tell(fleet, n)
	w.stands(commit, "plumb/deploy/prod", forge.Pending, "1 of 3")
	n.Why = "2 of 3 pods are ready"
	w.Tell(fleet, n)
	w.Tell(fleet, News{App: "other", Env: "prod", Commits: []string{other}, Result: OK})
	w.stands(other, "plumb/deploy/prod", forge.Success, "other is ok") // that came later, and is told
	w.stands(commit, "plumb/deploy/prod", forge.Pending, "1 of 3")
	n.Result = OK
	w.Tell(fleet, n)
	w.stands(commit, "plumb/deploy/prod", forge.Success, "web is ok")
}

// A commit whose apps another commit took over is not pending for ever.
func TestAReplacedCommitIsEnded(t *testing.T) {
	w := newTown(t, githubtest.New(t), t.TempDir())
	one, two := push(w.hub, 1), push(w.hub, 2)
	w.Tell(fleet, News{App: "web", Env: "prod", Commits: []string{one}, Result: Rolling})
	w.stands(one, "plumb/deploy/prod", forge.Pending, "")
	w.Tell(fleet, News{App: "web", Env: "prod", Commits: []string{two}, Result: Rolling})
	w.stands(one, "plumb/deploy/prod", forge.Success, "another commit took its place")
	w.stands(two, "plumb/deploy/prod", forge.Pending, "")
	w.Gone(fleet, "web")
	w.stands(two, "plumb/deploy/prod", forge.Success, "")
}

// What could not be told because the Repo named no forge is not taken for told when it names one.
func TestAForgeThatComesLater(t *testing.T) {
	w := newTown(t, githubtest.New(t), t.TempDir())
	commit, other := push(w.hub, 1), push(w.hub, 2)
	n := News{App: "web", Env: "prod", Commits: []string{commit}, Result: OK}
	w.without.Store(true)
	w.Tell(fleet, n)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for w.opened.Load() == 0 {
		<-tick.C
	}
	w.without.Store(false)
	w.Tell(fleet, News{App: "other", Env: "prod", Commits: []string{other}, Result: OK})
	w.stands(other, "plumb/deploy/prod", forge.Success, "other is ok")
	w.Tell(fleet, n)
	w.stands(commit, "plumb/deploy/prod", forge.Success, "web is ok")
}

// A forge that is down is told when it is up again, what is true then; one that asks for patience is left alone meanwhile.
func TestAForgeThatIsDown(t *testing.T) {
	for _, test := range []struct {
		reason string
		code   string
		answer func(w http.ResponseWriter)
	}{
		{"down", forge.CodeDown, func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) }},
		{"asks for patience", forge.CodeRateLimit, func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			w := newTown(t, githubtest.New(t), t.TempDir())
			commit := push(w.hub, 1)
			failed := make(chan struct{})
			w.hub.Next(func(*http.Request) bool { return true }, func(rw http.ResponseWriter, _ *http.Request) {
				test.answer(rw)
				close(failed)
			})
			w.Tell(fleet, News{App: "web", Env: "prod", Commits: []string{commit}, Result: Rolling})
			<-failed
			w.hears(Statuses, test.code)
			w.Tell(fleet, News{App: "web", Env: "prod", Commits: []string{commit}, Result: OK})
			w.stands(commit, "plumb/deploy/prod", forge.Success, "web is ok")
			w.hears(Statuses, "")
		})
	}
}

// A token that may not make deployments is no reason to leave out the statuses; it is told once, until it may.
func TestATokenWithoutDeployments(t *testing.T) {
	w := newTown(t, githubtest.New(t), t.TempDir())
	one, two, three := push(w.hub, 1), push(w.hub, 2), push(w.hub, 3)
	refused := true
	for i, commit := range []string{one, two, three} {
		if refused = i < 2; refused {
			w.hub.Next(func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/deployments") }, func(rw http.ResponseWriter, _ *http.Request) {
				rw.WriteHeader(http.StatusForbidden)
				fmt.Fprint(rw, `{"message":"Resource not accessible by personal access token"}`)
			})
		}
		w.Tell(fleet, News{App: "web", Env: "prod", Commits: []string{commit}, Result: OK})
		w.stands(commit, "plumb/deploy/prod", forge.Success, "web is ok")
		w.hears(Statuses, "")
		w.hears(Deployments, map[bool]string{true: forge.CodeRight}[refused])
	}
}
