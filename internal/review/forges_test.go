package review

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/forge/dial"
	"plumb.dev/plumb/internal/forge/forgetest"
	"plumb.dev/plumb/internal/forge/forgetest/githubtest"
	"plumb.dev/plumb/internal/forge/forgetest/gitlabtest"
	"plumb.dev/plumb/internal/source/sourcetest"
)

// A pull request's life is the same at every forge: it is opened, pushed to while its comment is edited in place, merged, and found to
// be as reviewed; and one that is merged with something else in it is found not to be. At Gitea the end-to-end tests show it.
func TestALifeAtEveryForge(t *testing.T) {
	for kind, scene := range map[forge.Kind]func(t *testing.T) forgetest.Scene{
		forge.GitHub: func(t *testing.T) forgetest.Scene { return githubtest.New(t).Scene() },
		forge.GitLab: func(t *testing.T) forgetest.Scene { return gitlabtest.New(t).Scene() },
	} {
		t.Run(string(kind), func(t *testing.T) {
			l := live(t, kind, scene(t))
			l.push("main", "", file("one", config("one", "1")), file("two", config("two", "1")))
			first := l.push("change", "main", file("one", config("one", "2")))
			number := l.propose("change", first)
			l.says(first, forge.Success, "1 app", "1 changed")
			l.commented(number, 1, "data.a", first[:7])

			second := l.push("change", "", file("one", config("one", "3")), file("two", config("two", "3")))
			l.hint(number, second)
			l.says(second, forge.Success, "2 apps")
			l.says(first, forge.Success, "1 app") // it is what was true of that head
			l.commented(number, 1, "two", second[:7])

			quiet := l.push("words", "main", sourcetest.File("README.md", "words"))
			l.propose("words", quiet)
			l.says(quiet, forge.Success, "no deployment affected")

			merged := l.push("main", "", file("one", config("one", "3")), file("two", config("two", "3")))
			l.merge(number, merged)
			l.says(merged, forge.Success, fmt.Sprintf("as reviewed in pull request %d", number))

			third := l.push("more", "main", file("one", config("one", "4")))
			number = l.propose("more", third)
			l.says(third, forge.Success, "1 app")
			other := l.push("main", "", file("one", config("one", "5")), file("two", config("two", "5")))
			l.merge(number, other)
			l.says(other, forge.Failure, fmt.Sprintf("not as reviewed in pull request %d", number), "one", "two")
			l.commented(number, 2, "is not what was reviewed")
		})
	}
}

// life is a study that reviews at a forge.
type life struct {
	*study
	kind  forge.Kind
	scene forgetest.Scene
	forge forge.Forge

	mu  sync.Mutex
	tip string
}

func live(t *testing.T, kind forge.Kind, scene forgetest.Scene) *life {
	t.Helper()
	f, err := new(dial.Forges).Open(scene.Access)
	if err != nil {
		t.Fatal(err)
	}
	l := &life{study: newStudy(t), kind: kind, scene: scene, forge: f}
	l.open = func(context.Context, string) (*Desk, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		at := &Desk{
			Repo: &v1alpha1.Repo{ObjectMeta: metav1.ObjectMeta{Namespace: "plumb-system", Name: "fleet"}}, Forge: f, Kind: kind, Context: "plumb",
			Branch: "main", Tip: l.tip, Mirror: l.mirror,
		}
		at.Repo.Spec.Forge = &v1alpha1.Forge{Lenient: true} // there is no cluster
		return at, nil
	}
	l.queue = workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[string](10*time.Millisecond, time.Second))
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { l.Reviewer.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return l
}

// push commits to a branch of the repository, and has the forge know it. The tip of main is fetched as the agent does.
func (l *life) push(branch, from string, changes ...sourcetest.Change) string {
	l.Helper()
	parent := ""
	if from != "" {
		parent = strings.TrimSpace(l.repo.Git("rev-parse", from))
	}
	var id string
	if parent == "" {
		id = l.repo.Commit(branch, "change "+branch, changes...)
	} else {
		id = l.repo.CommitOn(parent, branch, "change "+branch, changes...)
	}
	l.scene.Took(branch, id, map[string]string{id: id}) // what is in it does not matter to a forge
	if branch != "main" {
		return id
	}
	head, err := l.mirror.Resolve(l.Context(), "main")
	if err == nil {
		err = l.mirror.Fetch(l.Context(), head)
	}
	if err != nil {
		l.Fatal(err)
	}
	l.mu.Lock()
	l.tip = id
	l.mu.Unlock()
	return id
}

func (l *life) propose(branch, head string) int {
	l.Helper()
	pull, err := l.forge.Create(l.Context(), forge.Proposal{Head: branch, Base: "main", Title: "change " + branch})
	if err != nil {
		l.Fatal(err)
	}
	l.hint(pull.Number, head)
	return pull.Number
}

// hint is what a push to a pull request brings: its ref, and a webhook.
func (l *life) hint(number int, head string) {
	l.repo.SetRef(headOf(l.kind, number, head).Ref, head)
	l.Hint(aRepo, number)
}

func (l *life) merge(number int, commit string) {
	l.scene.MergedAs(number, commit)
	l.Hint(aRepo, number)
}

func (l *life) until(is func() error) {
	l.Helper()
	await(l.T, "the life of a pull request", is)
}

func (l *life) says(commit string, state forge.State, words ...string) {
	l.Helper()
	l.until(func() error {
		is := l.scene.Shown(commit, "plumb/plan")
		if len(is) != 1 || is[0].State != state {
			return fmt.Errorf("%s has %+v, want %s", commit[:7], is, state)
		}
		for _, w := range words {
			if !strings.Contains(is[0].Description, w) {
				return fmt.Errorf("%q is not in %q", w, is[0].Description)
			}
		}
		return nil
	})
}

// commented waits for so many comments, of which the last has all of some words.
func (l *life) commented(number, n int, words ...string) {
	l.Helper()
	l.until(func() error {
		all, err := l.forge.Comments(l.Context(), number)
		if err == nil && len(all) != n {
			err = errors.New("there are " + fmt.Sprint(len(all)) + " comments")
		}
		if err != nil {
			return err
		}
		for _, w := range words {
			if !strings.Contains(all[n-1].Body, w) {
				return fmt.Errorf("%q is not in %s", w, all[n-1].Body)
			}
		}
		return nil
	})
}
