package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/repos"
)

// discover works out which apps a commit of a Repo has, makes their App objects, and offers them the commit. An error
// says that it has to be done again.
func (ag *Agent) discover(ctx context.Context, r *repo, commit repos.Commit) error {
	o, found := r.Object(), offerOf(commit)
	begun, span := time.Now(), found.trace.Begin(stageDiscover, time.Now(), "repo", r.Key.String())
	defer ag.metrics.took(stageDiscover, begun)
	result := fleet.Discover(fleet.Input{
		Tree: found.snapshot, Apps: o.Spec.Apps, Clusters: ag.clusterList(), Repo: o.Name, Namespace: o.Namespace, Previous: r.Result(),
	})
	found.limits = result.Root.Limits
	found.account = orDefault(o.Spec.ServiceAccount, defaultAccount)
	found.repo = r.Key
	var unlawful error
	found.law, unlawful = lawOf(ctx, o, found, result.Root.Policies)
	offers := ag.offersOf(o, result, found)
	fewer := ag.claims.unfound(r.Key, unfoundIn(result, found, offers))
	ag.expect(r, offers, found.commit)
	unread := unfetched(result)
	bad := cmp.Or(result.Blocked(), unread)
	if bad == nil && len(result.Apps) == 0 {
		bad = nothingFound(result)
	}
	if bad == nil {
		bad = ag.duplicates(o, result)
	}
	r.Discovered(repos.Discovery{Result: &result, Apps: slices.Collect(maps.Keys(offers)), Found: commit, Fault: bad, Strays: straysOf(result, offers)})
	r.setOffers(offers)
	reordered := ag.order.found(r.Key, offers)
	err := errors.Join(unlawful, ag.makeApps(ctx, o, result))
	if unread != nil {
		err = errors.Join(err, unread)
	}
	span.End(time.Now(), err, "apps", len(result.Apps))
	for key, of := range offers {
		ag.dispatch(key, of)
	}
	if fewer {
		ag.wakeWaiting(r.Key)
	}
	if reordered {
		ag.reordered(r.Key.Namespace)
	}
	r.Changed()
	ag.lookAtPulls(r.Key)
	return err
}

// straysOf gives the faults of folders for which there is no App that could tell of them.
func straysOf(result fleet.Result, offers map[types.NamespacedName]*offer) []fleet.Fault {
	return slices.DeleteFunc(slices.Clone(result.Faults), func(f fleet.Fault) bool {
		for _, of := range offers {
			if of.fault != nil && f.Covers(of.placement.Address(), of.placement.Path) {
				return true
			}
		}
		return f.App == ""
	})
}

// unfetched gives the fault of a folder that could not be fetched: a submodule. The same commit may give more later.
func unfetched(result fleet.Result) *fault.Fault {
	for _, f := range result.Faults {
		if f.Fault.Reason.OfSource() {
			return f.Fault
		}
	}
	return nil
}

// expect tells the other apps whose word they have to wait for, before anybody acts on the commit.
func (ag *Agent) expect(r *repo, offers map[types.NamespacedName]*offer, commit string) {
	var there []types.NamespacedName
	for key, of := range offers {
		if of.removed {
			ag.claims.offer(key, commit)
			continue
		}
		there = append(there, key)
	}
	if ag.claims.expect(r.Key, there, commit) {
		ag.wakeWaiting(r.Key)
	}
}

// duplicates is the fault of a commit with an app whose App object somebody else has made. The other apps go on.
func (ag *Agent) duplicates(o *v1alpha1.Repo, result fleet.Result) *fault.Fault {
	for _, placed := range result.Apps {
		if other := ag.madeByOther(types.NamespacedName{Namespace: o.Namespace, Name: placed.Name}, o); other != "" {
			return fault.New(fault.DuplicateApp, "%s would be App %s, which %s has made", placed.Path, placed.Name, other).
				WithNext("rename one of the two, or give this Repo an app template in spec.apps")
		}
	}
	return nil
}

// offersOf gives every app of a Repo its offer: those that were found, and those that are known from before and that
// the commit does not have, or cannot be read for.
func (ag *Agent) offersOf(o *v1alpha1.Repo, result fleet.Result, found offer) map[types.NamespacedName]*offer {
	offers := map[types.NamespacedName]*offer{}
	for _, placed := range result.Apps {
		key := types.NamespacedName{Namespace: o.Namespace, Name: placed.Name}
		if other := ag.madeByOther(key, o); other != "" {
			ag.log.Error("an App of this name exists already and is left alone", "app", key.String(), "repo", o.Namespace+"/"+o.Name, "other", other)
			continue
		}
		of := found
		of.placement, of.fault = placed, placed.Fault
		offers[key] = &of
	}
	for key, known := range ag.appsOf(o) {
		if offers[key] != nil {
			continue
		}
		of := found
		address := fleet.Address{App: known.Spec.App, Env: known.Spec.Env, Cluster: known.Spec.Cluster}
		of.placement = fleet.App{Name: known.Name, App: known.Spec.App, Env: known.Spec.Env, Cluster: known.Spec.Cluster, Path: known.Spec.Path, Namespace: known.Spec.Namespace}
		of.fault = result.FaultOf(address, known.Spec.Path)
		of.removed = of.fault == nil
		offers[key] = &of
	}
	return offers
}

// appsOf lists the App objects that a Repo made.
func (ag *Agent) appsOf(o *v1alpha1.Repo) map[types.NamespacedName]*v1alpha1.App {
	ag.mu.Lock()
	defer ag.mu.Unlock()
	out := map[types.NamespacedName]*v1alpha1.App{}
	for key, a := range ag.apps {
		known, _, _ := a.mailbox()
		if known != nil && key.Namespace == o.Namespace && makerOf(known) == o.Name {
			out[key] = known
		}
	}
	return out
}

// makerOf names the Repo that made an App; "" for an App by hand, whatever labels it bears.
func makerOf(o *v1alpha1.App) string {
	if owner := metav1.GetControllerOf(o); owner != nil && owner.Kind == "Repo" && owner.Name == o.Labels[v1alpha1.LabelRepo] {
		return owner.Name
	}
	return ""
}

// makeApps writes the App objects that are missing or differ. A Repo that is being deleted makes none.
func (ag *Agent) makeApps(ctx context.Context, o *v1alpha1.Repo, result fleet.Result) error {
	if o.DeletionTimestamp != nil {
		return nil
	}
	yes := true
	var errs []error
	for _, placed := range result.Apps {
		if ag.madeByOther(types.NamespacedName{Namespace: o.Namespace, Name: placed.Name}, o) != "" {
			continue
		}
		want := &v1alpha1.App{
			ObjectMeta: metav1.ObjectMeta{
				Name: placed.Name, Namespace: o.Namespace, Labels: placed.Labels,
				OwnerReferences: []metav1.OwnerReference{{
					APIVersion: v1alpha1.GroupVersion.String(), Kind: "Repo", Name: o.Name, UID: o.UID, Controller: &yes,
				}},
			},
			Spec: v1alpha1.AppSpec{
				Repo: o.Name, Path: placed.Path, App: placed.App, Env: placed.Env, Cluster: placed.Cluster, Namespace: placed.Namespace,
				ServiceAccount: orDefault(o.Spec.ServiceAccount, defaultAccount),
			},
		}
		if ag.hasApp(want) || placed.Fault != nil && ag.knows(types.NamespacedName{Namespace: want.Namespace, Name: want.Name}) {
			continue
		}
		if err := ag.ledger.PutApp(ctx, want); err != nil {
			ag.log.Error("an App could not be written", "app", o.Namespace+"/"+placed.Name, "error", err)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (ag *Agent) hasApp(want *v1alpha1.App) bool {
	ag.mu.Lock()
	a := ag.apps[types.NamespacedName{Namespace: want.Namespace, Name: want.Name}]
	ag.mu.Unlock()
	if a == nil {
		return false
	}
	have, _, _ := a.mailbox()
	if have == nil {
		return false
	}
	spec := have.Spec
	spec.Pause = nil
	for key, value := range want.Labels {
		if have.Labels[key] != value {
			return false
		}
	}
	return spec.Repo == want.Spec.Repo && spec.Path == want.Spec.Path && spec.App == want.Spec.App && spec.Env == want.Spec.Env &&
		spec.Cluster == want.Spec.Cluster && spec.Namespace == want.Spec.Namespace && spec.ServiceAccount == want.Spec.ServiceAccount
}

// madeByOther names who made an App that a Repo would make too: another Repo, or a person. "" if nobody did.
func (ag *Agent) madeByOther(key types.NamespacedName, o *v1alpha1.Repo) string {
	ag.mu.Lock()
	a := ag.apps[key]
	ag.mu.Unlock()
	if a == nil {
		return ""
	}
	known, _, _ := a.mailbox()
	if known == nil {
		return ""
	}
	owner := metav1.GetControllerOf(known)
	switch {
	case owner == nil || owner.Kind != "Repo":
		return "a person"
	case owner.UID != o.UID && owner.Name != o.Name:
		return "Repo " + owner.Name
	}
	return ""
}

func (ag *Agent) knows(key types.NamespacedName) bool {
	ag.mu.Lock()
	defer ag.mu.Unlock()
	return ag.apps[key] != nil
}

// dispatch gives an app its offer, if its App object is known by now; if not, bind does when it comes.
func (ag *Agent) dispatch(key types.NamespacedName, of *offer) {
	ag.mu.Lock()
	a := ag.apps[key]
	ag.mu.Unlock()
	if a == nil {
		return
	}
	ag.propose(a, of)
}

// nothingFound is the fault of a commit in which there is no app, with the way out.
func nothingFound(result fleet.Result) *fault.Fault {
	f := fault.New(fault.PathNotFound, "no folder of this repository is an app")
	if len(result.Suggested) == 0 {
		return f.WithNext("put an app into apps/<name>/")
	}
	var lines []string
	for _, p := range result.Suggested {
		lines = append(lines, patternText(p))
	}
	return f.WithNext("set spec.apps of the Repo to [%s]", strings.Join(lines, ", "))
}

// patternText is a pattern as it is written in YAML on one line.
func patternText(p v1alpha1.Pattern) string {
	text := fmt.Sprintf("{path: %q", p.Path)
	if p.App != "" {
		text += fmt.Sprintf(", app: %q", p.App)
	}
	if p.Exclude {
		text += ", exclude: true"
	}
	return text + "}"
}
