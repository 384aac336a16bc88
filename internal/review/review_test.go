package review

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/util/workqueue"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/forge/dial"
	"plumb.dev/plumb/internal/forge/forgetest"
	"plumb.dev/plumb/internal/forge/forgetest/githubtest"
	"plumb.dev/plumb/internal/report"
	"plumb.dev/plumb/internal/source"
	"plumb.dev/plumb/internal/source/sourcetest"
)

const head = "0123456789012345678901234567890123456789"

func TestAsksFor(t *testing.T) {
	for _, row := range []struct {
		reason, body string
		want         bool
	}{
		{"the line alone", "/plumb plan " + head, true},
		{"a line among others, as a browser sends them", "looks fine\r\n  /plumb plan " + head + " \r\nthanks", true},
		{"a short name may be another commit's", "/plumb plan " + head[:12], false},
		{"another commit", "/plumb plan " + strings.Repeat("a", 40), false},
		{"in the middle of a sentence", "do not /plumb plan " + head, false},
		{"quoted", "> /plumb plan " + head, false},
		{"no commit", "/plumb plan ", false},
	} {
		if got := asksFor(row.body, head); got != row.want {
			t.Errorf("%s: %v", row.reason, got)
		}
	}
	if asksFor("/plumb plan ", "") {
		t.Error("a pull request without a head is asked for")
	}
}

func TestHolds(t *testing.T) {
	at, pull := &Desk{Tip: "tip"}, forge.Pull{Head: forge.Branch{Commit: head}}
	for _, row := range []struct {
		reason string
		said   said
		want   bool
	}{
		{"nothing was said", said{}, false},
		{"all was said", said{Head: head, Tip: "tip"}, true},
		{"of another head", said{Head: "other", Tip: "tip"}, false},
		{"the branch moved", said{Head: head, Tip: "before"}, false},
		{"no plan was made yet", said{Head: head, State: forge.Pending}, false},
		{"the cluster could not be asked", said{Head: head, Tip: "tip", Open: true}, false},
	} {
		if got := row.said.holds(pull, at); got != row.want {
			t.Errorf("%s: %v", row.reason, got)
		}
	}
}

func TestLineNotes(t *testing.T) {
	broken := fault.New(fault.RenderFailed, "no").At(fault.Place{File: "a.yaml", Line: 3})
	plan := report.PullPlan{Apps: []report.PullApp{{Fault: broken}, {}, {Fault: fault.New(fault.RenderFailed, "nowhere")}}}
	if notes := lineNotes(plan); len(notes) != 1 || notes[0].Path != "a.yaml" || notes[0].Line != 3 || !notes[0].Failure {
		t.Errorf("%+v", notes)
	}
}

// office is a reviewer with a GitHub, and a repository whose pull requests are all from forks: no plan needs a cluster or a render.
type office struct {
	*testing.T
	*Reviewer
	hub    *githubtest.Hub
	forge  forge.Forge
	mirror *source.Mirror
	git    *sourcetest.Server
	heard  sync.Map // by Repo: what is wrong with its forge, "" if nothing is
}

func (o *office) hear(repo string, bad *fault.Fault) {
	if bad == nil {
		o.heard.Store(repo, "")
		return
	}
	o.heard.Store(repo, bad.Code)
}

// fork has somebody open a pull request from a fork, and gives its number and head.
func (o *office) fork(branch string) (number int, commit string) {
	o.Helper()
	number = o.hub.Scene().Fork(branch, map[string]string{"a.yaml": branch})
	pull, err := o.forge.Pull(o.Context(), number)
	if err != nil {
		o.Fatal(err)
	}
	return number, pull.Head.Commit
}

func newOffice(t *testing.T, hub *githubtest.Hub, dir string) *office {
	t.Helper()
	f, err := new(dial.Forges).Open(hub.Access())
	if err != nil {
		t.Fatal(err)
	}
	o := &office{T: t, hub: hub, forge: f}
	o.git = sourcetest.Serve(t, sourcetest.NewRepo(t), sourcetest.ServerOptions{})
	if o.mirror, err = source.Open(t.TempDir(), source.Remote{URL: o.git.URL}, source.Options{}); err != nil {
		t.Fatal(err)
	}
	open := func(_ context.Context, repo string) (*Desk, error) {
		if repo != aRepo {
			return nil, nil
		}
		return &Desk{Repo: &v1alpha1.Repo{}, Forge: f, Kind: forge.GitHub, Context: "plumb", Branch: "main", Tip: "tip", Mirror: o.mirror}, nil
	}
	if o.Reviewer, err = New(open, o.hear, Hands{}, dir, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	o.queue = workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[string](10*time.Millisecond, time.Second))
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { o.Reviewer.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		o.mirror.Close()
	})
	o.Look(aRepo)
	return o
}

const aRepo = "plumb-system/fleet"

// until waits for a condition.
func (o *office) until(what string, is func() error) {
	o.Helper()
	await(o.T, what, is)
}

func await(t *testing.T, what string, is func() error) {
	t.Helper()
	deadline, tick := time.After(30*time.Second), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for {
		err := is()
		if err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("%s: %v", what, err)
		case <-tick.C:
		}
	}
}

func (o *office) pends(commit, text string) {
	o.Helper()
	o.until("the status of "+commit, func() error {
		is := o.hub.Scene().Shown(commit, "plumb/plan")
		if len(is) == 1 && is[0].State == forge.Pending && strings.Contains(is[0].Description, text) {
			return nil
		}
		return errors.New("there is none")
	})
}

// waitsFor tells which pull requests are shown as waiting for whose words, and as nothing else.
func (o *office) waitsFor(want map[int]string) {
	o.Helper()
	got := map[int]string{}
	for _, plan := range o.Kept(aRepo) {
		got[plan.Number] = plan.Consent
		if state, _ := report.PullStatus(plan); state != report.PullPending || len(plan.Apps) > 0 {
			o.Errorf("pull request %d is shown as %s", plan.Number, state)
		}
	}
	if !maps.Equal(got, want) {
		o.Errorf("shown as waiting are %v, want %v", got, want)
	}
}

// A fork's head is not rendered, and whoever may push is told how to ask for it. Hints that come again and again, and a new life,
// say nothing twice.
func TestAForkIsSaidOnce(t *testing.T) {
	hub, dir := githubtest.New(t), t.TempDir()
	o := newOffice(t, hub, dir)
	first, one := o.fork("one")
	o.Hint(aRepo, first)
	o.pends(one, "/plumb plan "+one)
	hub.Scene().Comment(first, forgetest.Eve, "/plumb plan "+one)
	for range 100 {
		o.Hint(aRepo, first)
		o.Hint(aRepo, 4711) // there is no such pull request
		o.Look(aRepo)
	}
	second, two := o.fork("two")
	o.Hint(aRepo, second)
	o.pends(two, "/plumb plan "+two)
	written := func() (n int) {
		for _, call := range hub.Calls() {
			if strings.HasPrefix(call, "POST ") || strings.HasPrefix(call, "PATCH ") {
				n++
			}
		}
		return n
	}
	if n := written(); n != 2 {
		t.Errorf("two statuses are right, %d writes came", n)
	}
	o.waitsFor(map[int]string{first: "/plumb plan " + one, second: "/plumb plan " + two})
	again := newOffice(t, hub, dir)
	third, three := again.fork("three")
	again.Hint(aRepo, third)
	again.pends(three, "/plumb plan "+three)
	again.waitsFor(map[int]string{first: "/plumb plan " + one, second: "/plumb plan " + two, third: "/plumb plan " + three})
	again.until("all were looked at", func() error {
		again.mu.Lock()
		defer again.mu.Unlock()
		if len(again.desk(aRepo).pulls) > 0 || again.desk(aRepo).swept.IsZero() {
			return errors.New("not yet")
		}
		return nil
	})
	if n := written(); n != 1 {
		t.Errorf("one new pull request came, and %d writes", n)
	}
}

// A newer head ends the plan of the one before, and its status, as does the end of the pull request: neither is pending for ever. What cannot be fetched is pending, with the cause, and is tried again; meanwhile
// other pull requests have their turn.
func TestTheNewestHeadWins(t *testing.T) {
	hub := githubtest.New(t)
	o := newOffice(t, hub, t.TempDir())
	o.git.Break(sourcetest.Hang)
	first := hub.Scene().Push("change", "main", map[string]string{"a.yaml": "1"})
	pull, err := o.forge.Create(t.Context(), forge.Proposal{Head: "change", Base: "main", Title: "change"})
	if err != nil {
		t.Fatal(err)
	}
	o.Hint(aRepo, pull.Number)
	o.pends(first, "the plan is being made")
	second := hub.Scene().Push("change", "main", map[string]string{"a.yaml": "2"})
	o.Hint(aRepo, pull.Number)
	o.pends(second, "the plan is being made")
	o.git.Mend()
	o.until("the mended server says that it has no such commit", func() error {
		o.Hint(aRepo, pull.Number)
		if is := hub.Scene().Shown(second, "plumb/plan"); len(is) == 1 && strings.Contains(is[0].Description, "there is no plan yet") {
			return nil
		}
		return errors.New("not yet")
	})
	o.pends(first, "a newer head took its place: "+second[:7])
	if _, err := o.forge.Merge(t.Context(), pull.Number, forge.Merge{Head: second}); err != nil {
		t.Fatal(err)
	}
	o.Hint(aRepo, pull.Number)
	o.pends(second, "the pull request is open no more")
	number, head := o.fork("theirs")
	o.Hint(aRepo, number)
	o.pends(head, "/plumb plan "+head)
}

// A hint about a pull request that is in work is never lost, however early it comes and whatever the forge answers to the look that
// it causes: the plan of the head before would be waited for otherwise, which hangs here.
func TestAHintIsNotLost(t *testing.T) {
	for _, row := range []struct {
		reason string
		fails  int
	}{
		{"it comes before the plan is begun", 0},
		{"the forge fails when the pull request is looked at again", 1},
	} {
		t.Run(row.reason, func(t *testing.T) {
			hub := githubtest.New(t)
			o := newOffice(t, hub, t.TempDir())
			o.git.Break(sourcetest.Hang)
			first := hub.Scene().Push("change", "main", map[string]string{"a.yaml": "1"})
			pull, err := o.forge.Create(t.Context(), forge.Proposal{Head: "change", Base: "main", Title: "change"})
			if err != nil {
				t.Fatal(err)
			}
			var second string
			hub.Next(func(r *http.Request) bool {
				if second == "" && r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/statuses/"+first) {
					second = hub.Scene().Push("change", "main", map[string]string{"a.yaml": "2"})
					o.Hint(aRepo, pull.Number)
					return false
				}
				return row.fails > 0 && second != "" && r.Method == http.MethodGet
			}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
			o.Hint(aRepo, pull.Number)
			o.pends(first, "a newer head took its place")
			o.pends(second, "the plan is being made")
		})
	}
}

// What the forge refuses for good is tried a few times, and then left alone until something changes: a look at all open pull
// requests is no reason, a hint about that one is. What is wrong with the forge is heard, and that it works again.
func TestWhatIsRefusedIsLeftAlone(t *testing.T) {
	hub := githubtest.New(t)
	o := newOffice(t, hub, t.TempDir())
	for range 2 * triesOfNoUse {
		hub.Next(func(r *http.Request) bool { return r.Method == http.MethodPost }, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"message":"Resource not accessible by personal access token"}`))
		})
	}
	number, head := o.fork("one")
	o.Hint(aRepo, number)
	leftAlone := func(number int) func() error {
		return func() error {
			o.mu.Lock()
			defer o.mu.Unlock()
			if d := o.desk(aRepo); d.refused[number].tries < triesOfNoUse || len(d.pulls) > 0 {
				return errors.New("not yet")
			}
			return nil
		}
	}
	o.until("it is left alone", leftAlone(number))
	o.until("it is heard", func() error {
		if is, _ := o.heard.Load(aRepo); is != forge.CodeRight {
			return fmt.Errorf("%v", is)
		}
		return nil
	})
	second, two := o.fork("two") // found by a look at all, which leaves the first alone, and refused too
	o.Look(aRepo)
	o.until("the other is left alone too", leftAlone(second))
	if is := append(hub.Scene().Shown(head, "plumb/plan"), hub.Scene().Shown(two, "plumb/plan")...); len(is) != 0 {
		t.Errorf("it was tried more often than it is of use: %+v", is)
	}
	o.Hint(aRepo, number)
	o.Hint(aRepo, second)
	o.pends(head, "/plumb plan "+head)
	o.pends(two, "/plumb plan "+two)
	o.until("it is heard that it works", func() error {
		if is, _ := o.heard.Load(aRepo); is != "" {
			return fmt.Errorf("%v", is)
		}
		return nil
	})
}
