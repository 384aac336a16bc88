package agent

import (
	"bytes"
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/object"
)

// pullSecrets is the list of a ServiceAccount to which controllers (OpenShift's, registries') add entries of their own. To
// the API server it is one value (k8s.io/api core/v1, listType=atomic): whoever adds an entry takes all of it from us.
var pullSecrets = object.Fields("imagePullSecrets")

// yieldPullSecrets takes that list out of what is applied where a controller has it now and all of Git's entries are in it.
// To take it back would remove the controller's entry, which it would add again, for ever. Should an entry of Git's be
// missing, the list is Git's again, and the controller adds to it anew.
func (t *turn) yieldPullSecrets(ctx context.Context) error {
	for i, o := range t.objects {
		git, has := object.Get(o, pullSecrets)
		if id := o.ID(); !has || id.Group != "" || id.Kind != "ServiceAccount" || t.app.inventory[id].UID == "" {
			continue
		}
		live, entries, err := t.client.Get(ctx, o.ID(), o.Version())
		if cluster.IsGone(err) {
			continue
		}
		if err != nil {
			return err
		}
		if now, _ := object.Get(live, pullSecrets); hasAll(now, git) && byController(entries, t.manager(), pullSecrets) {
			t.objects[i] = object.Remove(o, pullSecrets)
		}
	}
	return nil
}

// byController tells whether a field is owned by a program that is neither ours nor a person's tool, and not by us.
func byController(entries []metav1.ManagedFieldsEntry, ours string, field object.Path) bool {
	owns := func(manager string) bool {
		return slices.ContainsFunc(diff.PathsOf(entries, manager), field.Covers)
	}
	return !owns(ours) && slices.ContainsFunc(entries, func(e metav1.ManagedFieldsEntry) bool {
		return !diff.PersonsTool(e.Manager) && owns(e.Manager)
	})
}

// hasAll tells whether every entry of one list is in the other.
func hasAll(list, of any) bool {
	have, _ := list.([]any)
	want, ok := of.([]any)
	return ok && !slices.ContainsFunc(want, func(e any) bool {
		return !slices.ContainsFunc(have, func(other any) bool { return bytes.Equal(object.Canonical(e), object.Canonical(other)) })
	})
}
