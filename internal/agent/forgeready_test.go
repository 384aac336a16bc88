package agent

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/repos"
)

// Two Repos that would write the same statuses: the one that was there first does, and the other says so.
func TestOnlyOneRepoTellsABranch(t *testing.T) {
	made := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	repoAt := func(name string, after time.Duration, change func(*v1alpha1.Repo)) *v1alpha1.Repo {
		o := &v1alpha1.Repo{ObjectMeta: metav1.ObjectMeta{Namespace: "plumb-system", Name: name, UID: types.UID(name), CreationTimestamp: metav1.NewTime(made.Add(after))}}
		o.Spec.URL, o.Spec.Forge = "https://git.example.com/acme/fleet.git", &v1alpha1.Forge{Kind: "gitea", Secret: "token"}
		o.Status.Observed = &v1alpha1.Observed{Ref: "refs/heads/main"}
		if change != nil {
			change(o)
		}
		return o
	}
	for _, row := range []struct {
		reason        string
		change        func(*v1alpha1.Repo) // of the other one, which is older
		first, second bool                 // has to be silent
	}{
		{"the same branch: who came later is silent", nil, false, true},
		{"the address is written in another way", func(o *v1alpha1.Repo) { o.Spec.URL = "git@git.example.com:acme/fleet" }, false, true},
		{"another branch: its own commits", func(o *v1alpha1.Repo) { o.Status.Observed.Ref = "refs/heads/next" }, false, false},
		{"names of its own", func(o *v1alpha1.Repo) { o.Spec.Forge.Context = "team-b" }, false, false},
		{"another repository", func(o *v1alpha1.Repo) { o.Spec.URL = "https://git.example.com/acme/other.git" }, false, false},
		{"no forge: it tells nothing", func(o *v1alpha1.Repo) { o.Spec.Forge = nil }, false, false},
		{"made later than the one that is asked about", func(o *v1alpha1.Repo) { o.CreationTimestamp = metav1.NewTime(made.Add(time.Hour)) }, true, false},
	} {
		first, second := repoAt("a", 0, row.change), repoAt("b", time.Minute, nil)
		ag := &Agent{repos: map[types.NamespacedName]*repo{}}
		for _, o := range []*v1alpha1.Repo{first, second} {
			key := types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
			ag.repos[key] = &repo{Repo: repos.NewRepo(t.Context(), o, repos.Clerk{})}
		}
		if first.Spec.Forge != nil {
			if err := ag.shared(first); (err != nil) != row.first {
				t.Errorf("%s: the first: %v", row.reason, err)
			}
		}
		err := ag.shared(second)
		if (err != nil) != row.second || err != nil && fault.Of(err, fault.Unsupported).Code != forge.CodeShared {
			t.Errorf("%s: the second: %v", row.reason, err)
		}
	}
}
