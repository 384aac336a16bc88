package agent

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// unlisted tells whether an object is a Secret, and the agent may not list those: then no watch tells of it.
func (t *turn) unlisted(id object.ID) bool {
	return t.agent.options.SecretsEvery > 0 && id.Group == "" && id.Kind == "Secret"
}

// takeSight takes in what a single read of such a Secret has shown, in the place of a watch.
func (t *turn) takeSight(id object.ID, meta metav1.ObjectMeta, err error) {
	switch {
	case cluster.IsGone(err):
		t.agent.facts.Forget(id)
	case err == nil:
		t.agent.facts.Observe(id, meta)
	}
}

// sweepSecrets looks at the app's Secrets when it is time, by name and as the app's ServiceAccount: only their metadata.
func (t *turn) sweepSecrets(ctx context.Context) {
	a, every := t.app, t.agent.options.SecretsEvery
	if every == 0 || !a.hasSecrets() {
		return
	}
	if left := every - time.Since(a.swept); left > 0 {
		t.agent.queue.AddAfter(a.key, left+time.Millisecond)
		return
	}
	a.swept = time.Now()
	t.agent.queue.AddAfter(a.key, every+time.Millisecond)
	for id, e := range a.inventory {
		if !t.unlisted(id) || e.UID == "" {
			continue
		}
		if err := t.agent.facts.Watch(ctx, t.agent.life, id, e.Version, false); err != nil {
			continue
		}
		meta, err := t.client.GetMetadata(ctx, id, e.Version)
		if err != nil && !cluster.IsGone(err) {
			t.log.Warn("a Secret cannot be looked at", "object", id.String(), "error", err)
		}
		t.takeSight(id, meta, err)
	}
}

func (a *app) hasSecrets() bool {
	for id := range a.inventory {
		if id.Group == "" && id.Kind == "Secret" {
			return true
		}
	}
	return false
}

// secretsNote says what is not seen at once.
func (t *turn) secretsNote() string {
	if t.agent.options.SecretsEvery == 0 || !t.app.hasSecrets() {
		return ""
	}
	return fmt.Sprintf("its Secrets are looked at every %s and with each plan, not watched: the agent may not list them", t.agent.options.SecretsEvery)
}

// secret reads the values of a Secret that a Repo or App names, under the agent's own identity.
func (ag *Agent) secret(ctx context.Context, namespace, name string) (map[string]string, error) {
	o, err := ag.cluster.Own().Get(ctx, object.ID{Kind: "Secret", Namespace: namespace, Name: name}, "v1")
	if cluster.IsGone(err) {
		return nil, fault.New(fault.CredentialsRefused, "Secret %s/%s does not exist", namespace, name).
			WithNext("create it, or correct its name in the Repo")
	}
	if err != nil {
		return nil, fault.New(fault.FetchFailed, "Secret %s/%s cannot be read: %w", namespace, name, err)
	}
	data, _ := o.Fields["data"].(map[string]any)
	values := make(map[string]string, len(data))
	for key, value := range data {
		encoded, _ := value.(string)
		decoded, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return nil, fmt.Errorf("the Secret %s/%s has a key %s that is not base64", namespace, name, key)
		}
		values[key] = strings.TrimRight(string(decoded), "\n")
	}
	return values, nil
}
