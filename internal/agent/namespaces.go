package agent

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/internal/object"
)

// namespaceEmpty tells whether a namespace holds nothing but objects of the app's Inventory, what hangs on objects in it,
// and what Kubernetes itself puts into every namespace. It says no whenever it cannot be sure.
func (t *turn) namespaceEmpty(ctx context.Context, name string) bool {
	kinds, err := t.agent.cluster.Mapper().Namespaced(ctx)
	if err != nil {
		return false
	}
	inside := map[types.UID]bool{}
	var owners []types.UID
	for gvk, kind := range kinds {
		items, complete, err := t.client.ListMetadata(ctx, kind, name, listLimit)
		if err != nil || !complete {
			t.log.Warn("a namespace cannot be shown to be empty", "namespace", name, "kind", gvk.Kind, "error", err)
			return false
		}
		for i := range items {
			inside[items[i].UID] = true
			id := object.ID{Group: gvk.Group, Kind: gvk.Kind, Namespace: name, Name: items[i].Name}
			if _, ours := t.app.inventory[id]; ours || belongsToNamespace(id) {
				continue
			}
			owner := metav1.GetControllerOf(&items[i])
			if owner == nil {
				return false
			}
			owners = append(owners, owner.UID)
		}
	}
	return !slices.ContainsFunc(owners, func(uid types.UID) bool { return !inside[uid] })
}

// belongsToNamespace tells whether an object goes with its namespace anyway.
func belongsToNamespace(id object.ID) bool {
	switch id.GroupKind() {
	case "Event", "events.k8s.io/Event", "Endpoints", "discovery.k8s.io/EndpointSlice", "coordination.k8s.io/Lease":
		return true
	case "ServiceAccount":
		return id.Name == "default"
	case "ConfigMap":
		return id.Name == "kube-root-ca.crt"
	}
	return false
}
