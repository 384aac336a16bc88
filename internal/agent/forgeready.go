package agent

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/forge"
)

// ofPulls is that a forge is told of pull requests; the others are the herald's.
const ofPulls = "pull requests"

// heardOfForge takes in whether the forge of a Repo takes what it is told of commits.
func (ag *Agent) heardOfForge(repo, of string, bad *fault.Fault) {
	namespace, name, _ := strings.Cut(repo, "/")
	ag.mu.Lock()
	r := ag.repos[types.NamespacedName{Namespace: namespace, Name: name}]
	ag.mu.Unlock()
	if r == nil {
		return
	}
	r.HeardOfForge(of, bad)
}

func (ag *Agent) heardOfPulls(repo string, bad *fault.Fault) { ag.heardOfForge(repo, ofPulls, bad) }

// shared is the fault of a Repo whose statuses would take the place of those of another one, which was there first.
func (ag *Agent) shared(o *v1alpha1.Repo) error {
	ag.mu.Lock()
	repos := slices.Collect(maps.Values(ag.repos))
	ag.mu.Unlock()
	for _, r := range repos {
		if other := r.Object(); other.UID != o.UID && sharesStatuses(o, other) && isBefore(other, o) {
			return fault.New(fault.ForgeFailed, "Repo %s tells the same branch under the same names, %s/…, and was there first: the two would overwrite each other", r.Key, contextOf(o)).
				WithCode(forge.CodeShared).WithNext("set spec.forge.context of one of them")
		}
	}
	return nil
}

// sharesStatuses tells whether two Repos would write the same statuses to the same commits.
func sharesStatuses(a, b *v1alpha1.Repo) bool {
	if a.Spec.Forge == nil || b.Spec.Forge == nil || contextOf(a) != contextOf(b) || branchOf(a) != branchOf(b) {
		return false
	}
	urlA, nameA, errA := forge.At(a.Spec.URL, a.Spec.Forge.URL)
	urlB, nameB, errB := forge.At(b.Spec.URL, b.Spec.Forge.URL)
	return errA == nil && errB == nil && urlA == urlB && nameA == nameB
}

// branchOf is the branch that a Repo was seen to follow, else what it asks for.
func branchOf(o *v1alpha1.Repo) string {
	if seen := o.Status.Observed; seen != nil && seen.Ref != "" {
		return seen.Ref
	}
	return o.Spec.Revision
}

// isBefore tells which of two Repos was there first.
func isBefore(a, b *v1alpha1.Repo) bool {
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	return a.Namespace+"/"+a.Name < b.Namespace+"/"+b.Name
}
