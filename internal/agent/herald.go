package agent

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/herald"
	"plumb.dev/plumb/internal/redact"
)

// announce has the forge told how the commits that changed the app went, if its Repo names one. Nothing waits for it. What was
// ok once stays ok: trouble that comes later is not the commit's.
func (t *turn) announce() {
	a := t.app
	maker := types.NamespacedName{Namespace: t.object.Namespace, Name: makerOf(t.object)}
	if t.hold != nil || t.agent.options.ReadOnly || len(a.status.History) == 0 || !a.reported || !t.agent.hasForge(maker) {
		return
	}
	row := a.status.History[0]
	news := herald.News{App: shownName(t.object), Object: t.app.key.String(), Env: t.object.Spec.Env, Why: whyOf(a.status)}
	for _, id := range a.status.ChangedBy {
		if !strings.Contains(id, "@") { // of another repository
			news.Commits = append(news.Commits, id)
		}
	}
	switch {
	case row.Revision != a.status.Target || len(news.Commits) == 0:
		return
	case row.Result == string(v1alpha1.StateOK):
		news.Result, news.Why = herald.OK, ""
		if row.Seen != nil && row.Healthy != nil {
			news.Took = row.Healthy.Sub(row.Seen.Time).Round(time.Second)
		}
	case row.Result == string(v1alpha1.StateFailed):
		news.Result = herald.Failed
	default:
		news.Result = herald.Rolling
	}
	t.agent.herald.Tell(maker.String(), news)
}

// shownName is what people call an app: cart/prod.
func shownName(o *v1alpha1.App) string {
	name := orDefault(o.Spec.App, o.Name)
	if o.Spec.Env != "" {
		name += "/" + o.Spec.Env
	}
	return name
}

// whyOf names the object that keeps an app from being ok, and what it says; else the summary.
func whyOf(s v1alpha1.AppStatus) string {
	if b := s.Blocking; b != nil && b.Message != "" {
		return fmt.Sprintf("%s %s: %s", b.Kind, b.Name, b.Message)
	}
	return s.Summary
}

func (ag *Agent) hasForge(key types.NamespacedName) bool {
	o := ag.repoObject(key)
	return o != nil && o.Spec.Forge != nil
}

// repoObject gives a Repo as it was seen last, nil if there is none.
func (ag *Agent) repoObject(key types.NamespacedName) *v1alpha1.Repo {
	ag.mu.Lock()
	r := ag.repos[key]
	ag.mu.Unlock()
	if r == nil {
		return nil
	}
	return r.Object()
}

// placeOf gives the herald the forge of a Repo; nil if it names none.
func (ag *Agent) placeOf(ctx context.Context, repo string) (*herald.Place, error) {
	o, opened, err := ag.forgeOf(ctx, repo)
	if opened == nil || err != nil {
		return nil, err
	}
	if shared := ag.shared(o); shared != nil {
		return nil, shared
	}
	place := &herald.Place{Forge: opened, Context: contextOf(o), Page: ag.options.PageURL}
	if seen := o.Status.Observed; seen != nil {
		place.Branch, _ = strings.CutPrefix(seen.Ref, "refs/heads/")
	}
	if strings.HasPrefix(place.Branch, "refs/") {
		place.Branch = "" // a tag
	}
	return place, nil
}

// contextOf gives the beginning of the names of the statuses that a Repo's commits get.
func contextOf(o *v1alpha1.Repo) string { return orDefault(o.Spec.Forge.Context, "plumb") }

// forgeOf opens the forge of a Repo, with the credential as it is now; nil if it names none.
func (ag *Agent) forgeOf(ctx context.Context, repo string) (*v1alpha1.Repo, forge.Forge, error) {
	namespace, name, _ := strings.Cut(repo, "/")
	o := ag.repoObject(types.NamespacedName{Namespace: namespace, Name: name})
	if o == nil || o.Spec.Forge == nil {
		return nil, nil, nil
	}
	spec := o.Spec.Forge
	values, err := ag.secret(ctx, namespace, spec.Secret)
	if err != nil {
		return nil, nil, err
	}
	if values["token"] == "" && values["private-key"] == "" {
		return nil, nil, fault.New(fault.CredentialsRefused, "Secret %s/%s has neither the key token nor the keys app-id and private-key", namespace, spec.Secret).
			WithNext("put a token of the forge into it")
	}
	access := forge.Access{
		Kind: forge.Kind(spec.Kind), Token: redact.Hide(values["token"]), CA: []byte(values["ca.crt"]),
		App: forge.App{ID: values["app-id"], Key: redact.Hide(values["private-key"])},
	}
	if access.URL, access.Repository, err = forge.At(o.Spec.URL, spec.URL); err != nil {
		return nil, nil, err
	}
	opened, err := ag.forges.Open(access)
	return o, opened, err
}
