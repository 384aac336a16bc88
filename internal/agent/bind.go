package agent

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/repos"
	"plumb.dev/plumb/internal/source/trigger"
)

// bind connects an App object to where its commits come from.
func (ag *Agent) bind(a *app, o *v1alpha1.App) {
	if name := makerOf(o); name != "" {
		ag.mu.Lock()
		r := ag.repos[types.NamespacedName{Namespace: o.Namespace, Name: name}]
		ag.mu.Unlock()
		if r == nil {
			return
		}
		if of := r.offerTo(a.key); of != nil && a.proposal() != of {
			ag.claims.offer(a.key, of.commit)
			ag.propose(a, of)
		}
		if repository := r.Repository(); repository != nil && asksForSync(o) {
			repository.Nudge(trigger.Sync)
		}
		return
	}
	at, poll := ag.repositoryOf(o)
	ag.unbindExcept(a.key, ag.seatsOf(o))
	ag.bindSources(a, o)
	if !at.Known() {
		a.unoffered(fault.New(fault.PathNotFound, "there is no Repo %s in namespace %s", o.Spec.Repo, o.Namespace).
			WithNext("create it, or write the address of a repository"))
		return // the Repo may come a moment after the App that names it: then it is bound again
	}
	ag.repositories.Track(at, seat{ag, a, ""}, poll, causeOf(asksForSync(o)))
}

// asksForSync tells whether somebody asked for a sync that was not carried out.
func asksForSync(o *v1alpha1.App) bool {
	token := o.Annotations[v1alpha1.AnnotationSync]
	return token != "" && token != o.Status.Handled.Sync
}

// repositoryOf gives the repository of an App made by hand: that of the Repo it names, or its own.
func (ag *Agent) repositoryOf(o *v1alpha1.App) (repos.Address, time.Duration) {
	return ag.repositoryAt(o.Namespace, o.Spec.Repo, o.Spec.Secret)
}

// repositoryAt gives the repository of a Repo by its name, or by an address.
func (ag *Agent) repositoryAt(namespace, repo, secret string) (repos.Address, time.Duration) {
	if r := ag.repoOf(namespace, repo); r != nil {
		named := r.Object()
		return repos.Address{Namespace: namespace, URL: named.Spec.URL, Secret: named.Spec.Secret}, pollOf(named)
	}
	return repos.Address{Namespace: namespace, URL: repo, Secret: secret}, time.Minute
}

func (ag *Agent) repoOf(namespace, name string) *repo {
	ag.mu.Lock()
	defer ag.mu.Unlock()
	return ag.repos[types.NamespacedName{Namespace: namespace, Name: name}]
}

// revisionOf gives the revision that an App by hand tracks of its own repository, or of a source.
func (ag *Agent) revisionOf(a *app, source string) string {
	o, _, _ := a.mailbox()
	if o == nil {
		return ""
	}
	repo, revision := o.Spec.Repo, o.Spec.Revision
	if source != "" {
		i := slices.IndexFunc(o.Spec.Sources, func(s v1alpha1.AppSource) bool { return s.Name == source })
		if i < 0 {
			return ""
		}
		repo, revision = o.Spec.Sources[i].Repo, o.Spec.Sources[i].Revision
	}
	if revision != "" {
		return revision
	}
	if r := ag.repoOf(o.Namespace, repo); r != nil {
		return r.Object().Spec.Revision
	}
	return ""
}

func (ag *Agent) unbind(key types.NamespacedName) { ag.unbindExcept(key, nil) }

// unbindExcept has an App leave the repositories that it does not use any more.
func (ag *Agent) unbindExcept(key types.NamespacedName, keep map[string]repos.Address) {
	ag.repositories.Leave(func(u repos.User, at repos.Address) bool {
		s, ok := u.(seat)
		return ok && s.app.key == key && keep[s.source] != at
	})
}

// place offers a commit to an App made by hand. An error says that it has to be done again.
func (ag *Agent) place(a *app, found offer) error {
	o, _, _ := a.mailbox()
	if o == nil {
		return nil
	}
	placed := fleet.ByHand(found.snapshot, o)
	found.placement, found.fault = placed.App, placed.Fault
	found.limits = placed.Root.Limits
	found.account = orDefault(o.Spec.ServiceAccount, defaultAccount)
	var unlawful error
	found.law, unlawful = ag.lawOfHand(o, found, placed.Root.Policies)
	ag.claims.offer(a.key, found.commit)
	if found.fault == nil && ag.order.put(a.key, placed.App.Node()) {
		ag.reordered(a.key.Namespace)
	}
	ag.propose(a, &found)
	if found.fault != nil && found.fault.Reason.OfSource() {
		return found.fault
	}
	return unlawful
}
