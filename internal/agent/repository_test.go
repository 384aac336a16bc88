package agent

import (
	"log/slog"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/source/trigger"
)

// idle is an agent that asks nobody anything.
func idle(t *testing.T) *Agent {
	return &Agent{
		life: t.Context(), log: slog.New(slog.DiscardHandler), claims: newClaims(),
		apps: map[types.NamespacedName]*app{}, repos: map[types.NamespacedName]*repo{}, repositories: map[repositoryKey]*repository{},
	}
}

func TestARepositoryEndsWithItsLastUser(t *testing.T) {
	ag := idle(t)
	at := repositoryKey{namespace: "plumb-system", url: "https://git.example.com/a.git"}
	theRepo := user{repo: &repo{key: cart, object: &v1alpha1.Repo{}}}
	theApp := user{app: &app{key: cart, object: &v1alpha1.App{}}} // of the same name
	r := ag.track(at, theRepo, time.Minute, trigger.Poll)
	if ag.track(at, theApp, 10*time.Second, trigger.Poll) != r {
		t.Fatal("one address, two repositories")
	}
	if r.trigger.Poll != 10*time.Second {
		t.Errorf("asked every %s, want as often as the most eager wants", r.trigger.Poll)
	}
	ag.untrack(r, theApp)
	if users := r.users(); len(users) != 1 || users[0].repo != theRepo.repo {
		t.Errorf("users %v after the App went, want the Repo of the same name", users)
	}
	if r.trigger.Poll != time.Minute || r.life.Err() != nil {
		t.Errorf("asked every %s, ended: %v", r.trigger.Poll, r.life.Err())
	}
	ag.untrack(r, user{repo: &repo{key: cart}})
	if len(r.users()) != 1 {
		t.Error("another Repo object of the name took the user away")
	}
	ag.untrack(r, theRepo)
	if r.life.Err() == nil || len(ag.repositories) != 0 {
		t.Error("a repository that nobody uses goes on")
	}
}

func TestNewsAreTakenBeforeUsersAreListed(t *testing.T) {
	ag := idle(t)
	at := repositoryKey{url: "https://git.example.com/a.git"}
	r := ag.track(at, user{revision: "main", repo: &repo{key: cart, object: &v1alpha1.Repo{}}}, time.Minute, trigger.Poll)
	if news := r.takeNews(); !news["main"] {
		t.Error("a new user is no news")
	}
	ag.track(at, user{revision: "main", app: &app{key: books, object: &v1alpha1.App{}}}, time.Minute, trigger.Poll)
	if news := r.takeNews(); !news["main"] {
		t.Error("a user that came after the news were taken is forgotten")
	}
	if news := r.takeNews(); news["main"] {
		t.Error("the same news twice")
	}
}
