package repos

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/source/trigger"
	"plumb.dev/plumb/internal/source/webhook"
)

// HookOptions say whom deliveries of webhooks are for.
type HookOptions struct {
	// Repo gives one under care, nil if there is none; Repos gives those of a namespace.
	Repo  func(key types.NamespacedName) *Repo
	Repos func(namespace string) []*Repo
	// Secret reads the values of a Secret.
	Secret func(ctx context.Context, namespace, name string) (map[string]string, error)
	// Look has the pull requests of a Repo looked at, if it has a forge.
	Look func(repo types.NamespacedName)
	// Hint has one pull request of a Repo with a forge looked at; nil: nobody looks at pull requests.
	Hint func(repo types.NamespacedName, number int)
}

// Hooks takes deliveries of webhooks in: a genuine one has the repositories asked that it is about.
type Hooks struct {
	options HookOptions
	seen    webhook.Seen // those that were acted on

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

// NewHooks knows no delivery yet.
func NewHooks(options HookOptions) *Hooks {
	return &Hooks{options: options, secrets: map[types.NamespacedName]hookSecret{}}
}

// Deliver verifies a delivery and asks for a pass of whom it concerns. It gives the HTTP status and a word for the sender; a
// Repo that does not exist answers as a wrong signature.
func (h *Hooks) Deliver(ctx context.Context, key types.NamespacedName, header http.Header, body []byte) (status int, word string) {
	r := h.options.Repo(key)
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
	secret, err := h.secret(ctx, types.NamespacedName{Namespace: key.Namespace, Name: o.Spec.Webhook.Secret})
	if err != nil || !webhook.Verify(kind, secret, header, body, time.Now()) {
		return http.StatusUnauthorized, ""
	}
	r.Delivered(time.Now())
	delivery, err := webhook.Read(kind, header, body)
	isPull := delivery.Pull > 0 && h.options.Hint != nil
	switch {
	case err != nil:
		return http.StatusBadRequest, err.Error()
	case !isPull && !delivery.Moved:
		return http.StatusOK, "nothing to do for the event " + cmp.Or(delivery.Event, "without a name")
	case h.seen.Again(key.String(), delivery.Marks, time.Now()):
		return http.StatusOK, "delivered before"
	}
	concerned := h.concerned(o, r, delivery.Addresses)
	if isPull {
		return h.pull(concerned, delivery.Pull)
	}
	return h.push(concerned, delivery.Ref)
}

func kindOfHook(o *v1alpha1.Repo) webhook.Kind {
	return webhook.Kind(cmp.Or(o.Spec.Webhook.Kind, string(webhook.Generic)))
}

// pull takes in that something happened to a pull request.
func (h *Hooks) pull(concerned []*Repo, number int) (status int, word string) {
	asked := false
	for _, r := range concerned {
		if r.Object().Spec.Forge != nil {
			h.options.Hint(r.Key, number)
			asked = true
		}
	}
	if !asked {
		return http.StatusOK, "no forge is named"
	}
	return http.StatusAccepted, "looking"
}

// push takes in that something was pushed to a ref; "" is any. It may be the head of a pull request.
func (h *Hooks) push(concerned []*Repo, ref string) (status int, word string) {
	for _, r := range concerned {
		h.options.Look(r.Key)
	}
	asked := false
	for _, repository := range repositoriesOf(concerned) {
		if repository.Tracks(ref) {
			repository.Nudge(trigger.Webhook)
			asked = true
		}
	}
	if !asked {
		return http.StatusOK, ref + " is not tracked"
	}
	return http.StatusAccepted, "looking"
}

// concerned lists the Repos that a delivery to a Repo's hook is about. A forge may send the events of many repositories to one
// hook: the addresses in the delivery choose among the Repos of the namespace that are verified alike. If they choose none (a
// forge may be known by another address here) it is the Repo that the hook is of.
func (h *Hooks) concerned(o *v1alpha1.Repo, own *Repo, addresses []string) []*Repo {
	var chosen []*Repo
	for _, r := range h.options.Repos(o.Namespace) {
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
		return []*Repo{own}
	}
	return chosen
}

// repositoriesOf gives the repositories of Repos, each once.
func repositoriesOf(concerned []*Repo) []*Repository {
	var out []*Repository
	for _, r := range concerned {
		if repository := r.Repository(); repository != nil && !slices.Contains(out, repository) {
			out = append(out, repository)
		}
	}
	return out
}

// secret reads the secret of a webhook, not again within hookSecretFor.
func (h *Hooks) secret(ctx context.Context, name types.NamespacedName) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if kept, ok := h.secrets[name]; ok && time.Since(kept.at) < hookSecretFor {
		return kept.value, nil
	}
	values, err := h.options.Secret(ctx, name.Namespace, name.Name)
	h.secrets[name] = hookSecret{value: values["secret"], at: time.Now()}
	return values["secret"], err
}
