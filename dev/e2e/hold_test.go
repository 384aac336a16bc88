package e2e

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// holdAt holds an app at a commit as plumb pause --at does.
func (s *scenario) holdAt(app, commit string, until time.Time) {
	s.Helper()
	s.patch("App/"+system+"/"+app, "plumb-cli", "spec: {pause: {reason: the new one is bad, by: lena, at: "+commit+", until: \""+until.UTC().Format(time.RFC3339)+"\"}}")
}

// heldAt waits until an app is held at a commit that is applied.
func (s *scenario) heldAt(app, commit string) appStatus {
	s.Helper()
	return s.until(app, func(a appStatus) error {
		if reason, _ := a.ready(); a.State != "paused" || reason != "Held" || a.Revision != commit {
			return errNotYet("%s, want it held at %.7s", a, commit)
		}
		return nil
	})
}

// A Hold has an older commit applied and kept true: what Git has since is not applied, what people change is undone, what the
// commits since have brought is pruned as after any commit, and an agent that starts anew, also without its cache, goes on.
// It ends by itself when the branch renders the same, and the next commit is applied as ever.
func TestHold(t *testing.T) {
	s := newScenario(t, lives(t), "held")
	const app, web = "apps/held/a.yaml", "ConfigMap/held/settings"
	good := s.commit("good", files{app: configMap("settings", "a", "good")})
	s.ok("held", good)
	bad := s.commit("bad", files{app: configMap("settings", "a", "bad"), "apps/held/b.yaml": configMap("more", "b", "1")})
	s.ok("held", bad)

	s.holdAt("held", good, time.Now().Add(24*time.Hour))
	status := s.heldAt("held", good)
	s.has(web, "data.a", "good")
	s.gone("ConfigMap/held/more")
	s.says(status.Summary, "held at "+good[:7]+" by lena", "the new one is bad", bad[:7]+" is not applied")
	if kept := field(s.live("App/"+system+"/held"), "status.held.newest"); kept != bad {
		t.Errorf("%v is kept away, want %s", kept, bad)
	}

	worse := s.commit("worse", files{app: configMap("settings", "a", "worse")})
	s.decided(worse)
	s.until("held", func(a appStatus) error {
		if !strings.Contains(a.Summary, worse[:7]+" is not applied") {
			return errNotYet("%s, want that %.7s is not applied", a.Summary, worse)
		}
		return nil
	})
	s.edit(web, "kubectl", `{"data": {"a": "by hand"}}`)
	s.has(web, "data.a", "good")

	s.restarted()
	s.heldAt("held", good)
	s.kill()
	if err := os.RemoveAll(s.cache()); err != nil {
		t.Fatal(err)
	}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	s.edit(web, "kubectl", `{"data": {"a": "by hand again"}}`)
	s.has(web, "data.a", "good")
	s.heldAt("held", good)

	mended := s.commit("as it was", files{app: configMap("settings", "a", "good") + "# with a remark\n", "apps/held/b.yaml": ""})
	s.ok("held", mended)
	if over := field(s.live("App/"+system+"/held"), "status.handled.hold"); over == nil {
		t.Error("the status does not say that the Hold is over")
	}
	next := s.commit("next", files{app: configMap("settings", "a", "next")})
	s.ok("held", next)
	s.has(web, "data.a", "next")
}

// At its time a Hold is over, and the newest commit is applied.
func TestHoldEndsAtItsTime(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "held-a-while")
	good := s.commit("good", files{"apps/held-a-while/a.yaml": configMap("settings", "a", "1")})
	s.ok("held-a-while", good)
	bad := s.commit("bad", files{"apps/held-a-while/a.yaml": configMap("settings", "a", "2")})
	s.ok("held-a-while", bad)
	s.holdAt("held-a-while", good, time.Now().Add(24*time.Hour))
	s.heldAt("held-a-while", good)
	s.has("ConfigMap/held-a-while/settings", "data.a", "1")
	s.holdAt("held-a-while", good, time.Now().Add(2*time.Second))
	s.ok("held-a-while", bad)
	s.has("ConfigMap/held-a-while/settings", "data.a", "2")
}

// A Hold is the go-ahead for an app that is synced by hand, and what it deletes is guarded as ever.
func TestHoldIsGuarded(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "held-guarded")
	const app = "apps/held-guarded/"
	good := s.commit("good", files{app + "a.yaml": configMap("settings", "a", "1"), app + "plumb.yaml": "sync: manual\n"})
	s.is("held-guarded", "waiting", "NeedsSync")
	s.sync("held-guarded")
	s.ok("held-guarded", good)
	bad := s.commit("bad", files{app + "a.yaml": configMap("settings", "a", "2"), app + "b.yaml": claim("data")})
	s.is("held-guarded", "waiting", "NeedsSync")
	s.sync("held-guarded")
	s.until("held-guarded", func(a appStatus) error {
		if a.Revision != bad {
			return errNotYet("%s", a)
		}
		return nil
	})
	s.holdAt("held-guarded", good, time.Now().Add(24*time.Hour))
	status := s.is("held-guarded", "waiting", "DeletionHeld")
	s.has("ConfigMap/held-guarded/settings", "data.a", "1")
	s.says(strings.Join(status.held(), " "), "PersistentVolumeClaim/held-guarded/data")
	s.says(status.Summary, "held at "+good[:7]+" by lena")
	s.live("PersistentVolumeClaim/held-guarded/data")
}

// A commit that nobody has is told, and nothing is done; once the Hold is corrected, or gone, everything goes on.
func TestHoldAtNothing(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "held-nowhere")
	good := s.commit("good", files{"apps/held-nowhere/a.yaml": configMap("settings", "a", "1")})
	s.ok("held-nowhere", good)
	s.holdAt("held-nowhere", strings.Repeat("ab", 20), time.Now().Add(24*time.Hour))
	status := s.is("held-nowhere", "failed", "HoldUnreadable")
	s.says(status.Summary, "held at abababa", "cannot be read")
	next := s.commit("next", files{"apps/held-nowhere/a.yaml": configMap("settings", "a", "2")})
	s.decided(next)
	s.has("ConfigMap/held-nowhere/settings", "data.a", "1")
	s.patch("App/"+system+"/held-nowhere", "plumb-cli", "spec: {pause: null}")
	s.ok("held-nowhere", next)
	s.has("ConfigMap/held-nowhere/settings", "data.a", "2")
	for _, wrong := range []map[string]any{
		{"reason": "r", "by": "lena", "at": good},
		{"reason": "r", "by": "lena", "at": "main", "until": "2099-01-01T00:00:00Z"},
	} {
		patch, err := json.Marshal(map[string]any{"spec": map[string]any{"pause": wrong}})
		if err != nil {
			t.Fatal(err)
		}
		client, name := s.at("App/" + system + "/held-nowhere")
		if _, err := client.Patch(context.Background(), name, types.MergePatchType, patch, metav1.PatchOptions{}); err == nil {
			t.Errorf("the API server takes a Hold that is %s", patch)
		}
	}
}
