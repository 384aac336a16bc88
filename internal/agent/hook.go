package agent

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/repos"
	"plumb.dev/plumb/internal/source/trigger"
	"plumb.dev/plumb/internal/source/webhook"
)

// hooks is what the agent knows of deliveries: those that were acted on, and the secrets that verify them.
type hooks struct {
	seen    webhook.Seen
	mu      sync.Mutex
	secrets map[types.NamespacedName]hookSecret
}

// hookSecret is a secret as it was read from its Secret.
type hookSecret struct {
	value string
	at    time.Time
}

// hookSecretFor is how long a secret is not read again: anybody may send a delivery, and must not make the agent ask the
// API server for each.
const hookSecretFor = 2 * time.Second

// hook verifies a delivery and asks for a pass of whom it concerns. It gives the HTTP status and a word for the sender; a
// Repo that does not exist answers as a wrong signature.
func (ag *Agent) hook(ctx context.Context, key types.NamespacedName, header http.Header, body []byte) (status int, word string) {
	ag.mu.Lock()
	r := ag.repos[key]
	ag.mu.Unlock()
	if r == nil {
		return http.StatusUnauthorized, ""
	}
	o := r.Object()
	if o.Spec.Webhook == nil || r.Repository() == nil {
		return http.StatusUnauthorized, ""
	}
	kind := kindOfHook(o)
	if !webhook.Claims(kind, header) {
		return http.StatusUnauthorized, ""
	}
	secret, err := ag.hookSecret(ctx, types.NamespacedName{Namespace: key.Namespace, Name: o.Spec.Webhook.Secret})
	if err != nil || !webhook.Verify(kind, secret, header, body, time.Now()) {
		return http.StatusUnauthorized, ""
	}
	r.Delivered(time.Now())
	delivery, err := webhook.Read(kind, header, body)
	switch {
	case err != nil:
		return http.StatusBadRequest, err.Error()
	case delivery.Pull > 0 && ag.reviewer != nil:
		return ag.hookPull(o, r, delivery)
	case !delivery.Moved:
		return http.StatusOK, "nothing to do for the event " + orDefault(delivery.Event, "without a name")
	case ag.hooks.seen.Again(key.String(), delivery.Marks, time.Now()):
		return http.StatusOK, "delivered before"
	}
	for _, concerned := range ag.concerned(o, r, delivery.Addresses) {
		ag.lookAtPulls(concerned.Key) // a push may be to the head of one
	}
	if asked := nudgeAll(repositoriesOf(ag.concerned(o, r, delivery.Addresses)), delivery.Ref); !asked {
		return http.StatusOK, delivery.Ref + " is not tracked"
	}
	return http.StatusAccepted, "looking"
}

func kindOfHook(o *v1alpha1.Repo) webhook.Kind {
	return webhook.Kind(orDefault(o.Spec.Webhook.Kind, string(webhook.Generic)))
}

// hookPull takes in that something happened to a pull request.
func (ag *Agent) hookPull(o *v1alpha1.Repo, own *repo, delivery webhook.Delivery) (status int, word string) {
	if ag.hooks.seen.Again(own.Key.String(), delivery.Marks, time.Now()) {
		return http.StatusOK, "delivered before"
	}
	asked := false
	for _, r := range ag.concerned(o, own, delivery.Addresses) {
		if ag.hasForge(r.Key) {
			ag.reviewer.Hint(r.Key.String(), delivery.Pull)
			asked = true
		}
	}
	if !asked {
		return http.StatusOK, "no forge is named"
	}
	return http.StatusAccepted, "looking"
}

// concerned lists the Repos that a delivery to a Repo's hook is about. A forge may send the events of many repositories to one
// hook: the addresses in the delivery choose among the Repos of the namespace that are verified alike. If they choose none (a
// forge may be known by another address here) it is the Repo that the hook is of.
func (ag *Agent) concerned(o *v1alpha1.Repo, own *repo, addresses []string) []*repo {
	ag.mu.Lock()
	var alike []*repo
	for key, r := range ag.repos {
		if key.Namespace == o.Namespace {
			alike = append(alike, r)
		}
	}
	ag.mu.Unlock()
	var chosen []*repo
	for _, r := range alike {
		other := r.Object()
		if r.Repository() == nil || other.Spec.Webhook == nil || other.Spec.Webhook.Secret != o.Spec.Webhook.Secret || kindOfHook(other) != kindOfHook(o) {
			continue
		}
		isIt := func(address string) bool { return webhook.Same(address, other.Spec.URL) }
		if slices.ContainsFunc(addresses, isIt) {
			chosen = append(chosen, r)
		}
	}
	if len(chosen) == 0 {
		return []*repo{own}
	}
	return chosen
}

// repositoriesOf gives the repositories of Repos, each once.
func repositoriesOf(concerned []*repo) []*repos.Repository {
	var out []*repos.Repository
	for _, r := range concerned {
		if repository := r.Repository(); repository != nil && !slices.Contains(out, repository) {
			out = append(out, repository)
		}
	}
	return out
}

// nudgeAll asks for a pass of those repositories of which somebody tracks a ref; "" is any. It tells whether there is one.
func nudgeAll(repositories []*repos.Repository, ref string) (asked bool) {
	for _, r := range repositories {
		if r.Tracks(ref) {
			r.Nudge(trigger.Webhook)
			asked = true
		}
	}
	return asked
}

// hookSecret reads the secret of a webhook, not again within hookSecretFor.
func (ag *Agent) hookSecret(ctx context.Context, name types.NamespacedName) (string, error) {
	h := &ag.hooks
	h.mu.Lock()
	defer h.mu.Unlock()
	if kept, ok := h.secrets[name]; ok && time.Since(kept.at) < hookSecretFor {
		return kept.value, nil
	}
	values, err := ag.secret(ctx, name.Namespace, name.Name)
	if h.secrets == nil {
		h.secrets = map[types.NamespacedName]hookSecret{}
	}
	h.secrets[name] = hookSecret{value: values["secret"], at: time.Now()}
	return values["secret"], err
}
