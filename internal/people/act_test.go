package people

import (
	"context"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/revert"
	"plumb.dev/plumb/internal/server"
)

// A button for a retry says what it does: the engine runs every hook again that has failed, and no other.
func TestWhatARetryDoes(t *testing.T) {
	hookFailed := []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: "HookFailed"}}
	degraded := []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: "HealthDegraded"}}
	migrate := &v1alpha1.Blocking{Kind: "Job", Namespace: "shop", Name: "migrate"}
	for _, tt := range []struct {
		reason string
		status v1alpha1.AppStatus
		ok     bool
		want   []string
	}{
		{"a hook has failed", v1alpha1.AppStatus{Conditions: hookFailed, Blocking: migrate, Target: "0123456789abcdef"}, true, []string{"Job/shop/migrate", "0123456;", "do not run twice"}},
		{"it is not known which", v1alpha1.AppStatus{Conditions: hookFailed}, true, []string{"the failed hook"}},
		{"a Job of the app has failed that is no hook", v1alpha1.AppStatus{Conditions: degraded, Blocking: migrate}, false, []string{"no hook has failed"}},
	} {
		app := &v1alpha1.App{Status: tt.status}
		said := (&Person{}).senseless(server.DoRetry, app)
		if (said == "") != tt.ok {
			t.Errorf("%s: %q", tt.reason, said)
		}
		if said == "" {
			said = retried(app)
		}
		for _, words := range tt.want {
			if !strings.Contains(said, words) {
				t.Errorf("%s: %q lacks %q", tt.reason, said, words)
			}
		}
	}
}

// reverts is what an agent knows of reverts; it has nothing else.
type reverts struct {
	Agent
	change revert.Change
	err    error
}

func (r reverts) Revertible(string, string, string) (revert.Change, error) { return r.change, r.err }

func TestWhoCanRevert(t *testing.T) {
	const newest, older, good = "cccccccccccccccccccccccccccccccccccccccc", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	change := revert.Change{Bad: newest, Good: good, ChangedBy: []string{newest, older}}
	for _, tt := range []struct {
		reason string
		agent  reverts
		commit string
		may    bool
		want   server.Can
	}{
		{"its newest change", reverts{change: change}, newest, true, server.Can{OK: true, Does: "takes ccccccc back to aaaaaaa, in a pull request"}},
		{"a commit that came with it", reverts{change: change}, older, true, server.Can{OK: true, Does: "takes ccccccc back to aaaaaaa, in a pull request"}},
		{"an older one", reverts{change: change}, good, true, server.Can{Why: "its newest change is ccccccc: a revert takes that back"}},
		{"nothing to go back to", reverts{err: fault.New(fault.NothingToRevert, "no earlier revision was ok")}, newest, true, server.Can{Why: "no earlier revision was ok"}},
		{"somebody who may not", reverts{change: change}, newest, false, server.Can{Why: "lena has not the verb patch on apps.plumb.dev in plumb-system; the ClusterRole plumb-operator grants it"}},
	} {
		w := newWatch()
		p := &Person{name: "lena", people: &People{options: Options{Agent: tt.agent}}}
		p.rights = newRights("lena", w.now, func(context.Context, Right) (bool, string, error) { return tt.may, "", nil })
		app := &v1alpha1.App{}
		app.Namespace, app.Name = "plumb-system", "shop"
		if got := p.CanRevert(t.Context(), app, tt.commit); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.reason, got, tt.want)
		}
	}
}
