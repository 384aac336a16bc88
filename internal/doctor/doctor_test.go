package doctor

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
)

func TestCovers(t *testing.T) {
	for _, row := range []struct {
		reason     string
		live, want any
		covers     bool
	}{
		{"the same", map[string]any{"a": "1"}, map[string]any{"a": "1"}, true},
		{"a default of the API server", map[string]any{"a": "1", "b": "2"}, map[string]any{"a": "1"}, true},
		{"a field that is not there", map[string]any{"b": "2"}, map[string]any{"a": "1"}, false},
		{"another value, deep below", map[string]any{"a": []any{map[string]any{"b": true}}}, map[string]any{"a": []any{map[string]any{"b": false}}}, false},
		{"a rule more is another list", []any{"a", "b"}, []any{"a"}, false},
		{"numbers, however they were decoded", float64(40), int64(40), true},
		{"nothing", nil, map[string]any{}, false},
	} {
		if got := covers(row.live, row.want); got != row.covers {
			t.Errorf("%s: %t", row.reason, got)
		}
	}
}

func TestServiceAccountsInUse(t *testing.T) {
	f := fleet{
		repos: []v1alpha1.Repo{{ObjectMeta: metav1.ObjectMeta{Name: "fleet", Namespace: "pay"}, Spec: v1alpha1.RepoSpec{ServiceAccount: "deployer"}}},
		apps: []v1alpha1.App{
			{ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "pay", Labels: map[string]string{v1alpha1.LabelRepo: "fleet"}}, Spec: v1alpha1.AppSpec{Namespace: "a-dev"}},
			{ObjectMeta: metav1.ObjectMeta{Name: "b", Namespace: "plumb-system"}, Spec: v1alpha1.AppSpec{Namespace: "b"}},
			{ObjectMeta: metav1.ObjectMeta{Name: "c", Namespace: "plumb-system"}, Spec: v1alpha1.AppSpec{Namespace: "c", ServiceAccount: "weak"}},
		},
	}
	used := f.used()
	if names := slices.Sorted(maps.Keys(used)); !slices.Equal(names, []string{"pay/deployer", "plumb-system/plumb-deployer", "plumb-system/weak"}) {
		t.Errorf("in use are %v", names)
	}
	if !used["pay/deployer"]["a-dev"] || len(used["pay/deployer"]) != 1 {
		t.Errorf("pay/deployer applies into %v", used["pay/deployer"])
	}
}

// Without a cluster the checks of this machine remain, and what is wrong says what to do.
func TestWithoutACluster(t *testing.T) {
	weak := func(context.Context) (string, error) { return "no Landlock", nil }
	findings := Examine(t.Context(), Options{Sandbox: weak, Trouble: errors.New("no configuration"), CacheDir: t.TempDir() + "/not/there", Now: time.Now})
	checks := map[string]Grade{}
	for _, f := range findings {
		checks[f.Check] = f.Grade
		if (f.Grade == Wrong || f.Grade == Warning) && f.Next == "" {
			t.Errorf("%s is %s, and nothing says what to do", f.Check, f.Grade)
		}
	}
	if checks["git"] != Fine || checks["renders"] != Warning || checks["disk"] == "" || checks["disk"] == Unseen || checks["cluster"] != Wrong || len(checks) != 4 {
		t.Errorf("found: %v", findings)
	}
}
