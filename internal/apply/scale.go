package apply

import (
	"context"

	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// scaleManager is the field manager that keeps a number of replicas from falling to its default between the apply that
// gives it up and the first write of the autoscaler, which takes it.
const scaleManager = "plumb-scale"

// handCount has another manager own the number of replicas that the object has now, if it is ours. A conflict means that
// somebody has set it since it was read: then nothing need be kept.
func (r Run) handCount(ctx context.Context, step plan.Step) error {
	live, entries, err := r.Target.Get(ctx, step.ID, step.Object.Version())
	if cluster.IsGone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	count, has := object.Get(live, object.Fields("spec", "replicas"))
	if !has || !diff.OwnsReplicas(entries, r.Manager) {
		return nil
	}
	metadata := map[string]any{"name": step.ID.Name}
	if step.ID.Namespace != "" {
		metadata["namespace"] = step.ID.Namespace
	}
	only := object.Object{Fields: map[string]any{
		"apiVersion": step.Object.Fields["apiVersion"], "kind": step.ID.Kind,
		"metadata": metadata, "spec": map[string]any{"replicas": count},
	}}
	_, err = r.Target.Apply(ctx, only, cluster.ApplyOptions{Manager: scaleManager})
	if fault.Is(err, fault.OwnedByOther) {
		return nil
	}
	return err
}
