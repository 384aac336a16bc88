package people

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
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
