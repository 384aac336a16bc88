package apply

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// apply makes an object so. The first claim is made without force: what another app of Plumb owns is never taken; what
// other tools own is, and the outcome says from whom (resources.md §7.1).
func (r Run) apply(ctx context.Context, out *Outcome) error {
	step := out.Step
	if len(step.Takes)+len(step.Sheds) > 0 {
		took, err := r.migrate(ctx, step)
		if err != nil {
			return err
		}
		out.Took = append(out.Took, took...)
		r.at("migrated")
	}
	if step.HandCount {
		if err := r.handCount(ctx, step); err != nil {
			return err
		}
		r.at("count-handed")
	}
	applied, err := r.send(ctx, step, !step.First || step.New) // what is made only if there is none takes nothing
	if step.New && cluster.IsOther(err) {
		out.Found = true
		return fault.New(fault.Superseded, "%s: there is one, and it is looked at first", step.ID)
	}
	if step.First && fault.Is(err, fault.OwnedByOther) {
		others := cluster.ConflictManagers(err)
		if owner, ok := livingApp(others, step.Takes); ok {
			return fault.New(fault.OwnedByOther, "%s belongs to the app %s", step.ID, owner).
				WithNext("remove it from one of the two folders")
		}
		out.Took = append(out.Took, others...)
		applied, err = r.send(ctx, step, true)
	}
	if fault.Is(err, fault.ImmutableField) {
		return r.onImmutable(ctx, out, err)
	}
	if err != nil {
		return err
	}
	out.Applied = applied
	return nil
}

func (r Run) onImmutable(ctx context.Context, out *Outcome, cause error) error {
	next := plan.OnImmutable(out.Step, r.Policy, fault.Of(cause, fault.ImmutableField))
	if next.Action != plan.Replace {
		return next.Fault
	}
	out.Step = next
	return r.replace(ctx, out)
}

// send applies an object. An object whose definition came with the same plan may be sent before the API server serves its
// kind everywhere: then it is sent again, for a while.
func (r Run) send(ctx context.Context, step plan.Step, force bool) (cluster.Applied, error) {
	opts := cluster.ApplyOptions{Manager: r.Manager, Force: force, New: step.New}
	applied, err := r.Target.Apply(ctx, *step.Object, opts)
	if step.Order != plan.OrderCustom || !cluster.IsUnserved(err) {
		return applied, err
	}
	_ = wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, r.Limit, false, func(ctx context.Context) (bool, error) {
		if r.Served != nil {
			r.Served()
		}
		applied, err = r.Target.Apply(ctx, *step.Object, opts)
		return !cluster.IsUnserved(err), nil
	})
	return applied, err
}

// replace deletes an object and creates it anew, after the API server said that it would accept the new one.
func (r Run) replace(ctx context.Context, out *Outcome) error {
	step := out.Step
	if step.UID == "" {
		return fault.New(fault.ApplyFailed, "%s is not replaced: it is not known which object it is", step.ID)
	}
	if err := r.rehearse(ctx, step); err != nil {
		return err
	}
	if _, err := r.deleteExactly(ctx, step); err != nil {
		return err
	}
	r.at("replace-deleted")
	if step.Run != nil && r.stands(ctx, step) {
		out.Pending = true // the next pass goes on, with the news that it is gone
		return nil
	}
	if err := r.gone(ctx, step); err != nil {
		return err
	}
	r.at("replace-gone")
	applied, err := r.Target.Apply(ctx, *step.Object, cluster.ApplyOptions{Manager: r.Manager, Force: true})
	out.Applied = applied
	return err
}

// rehearse has the API server say whether it would create the object, under another name: what it would refuse must not
// cost the object that is there. That something in it is taken is no refusal: the old object has it.
func (r Run) rehearse(ctx context.Context, step plan.Step) error {
	_, err := r.Target.Apply(ctx, renamed(*step.Object), cluster.ApplyOptions{Manager: r.Manager, Force: true, DryRun: true})
	if err == nil || strings.Contains(err.Error(), "already allocated") {
		return nil
	}
	cause := fault.Of(err, fault.ApplyFailed)
	return fault.New(cause.Reason, "%s is not replaced, because the new one would be refused: %w", step.ID, err)
}

// renamed gives an object under a name that nobody has.
func renamed(o object.Object) object.Object {
	fields := maps.Clone(o.Fields)
	meta, _ := fields["metadata"].(map[string]any)
	meta = maps.Clone(meta)
	name := o.Name()
	meta["name"] = strings.TrimRight(name[:min(len(name), 50)], "-.") + "-rehearsal"
	fields["metadata"] = meta
	return object.Object{Fields: fields, Place: o.Place}
}

// stands tells whether the object of a step is still there, or nobody can say so.
func (r Run) stands(ctx context.Context, step plan.Step) bool {
	live, err := r.Target.GetMetadata(ctx, step.ID, r.version(step))
	return err == nil && string(live.UID) == step.UID || err != nil && !cluster.IsGone(err)
}

func (r Run) gone(ctx context.Context, step plan.Step) error {
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, r.Limit, true, func(ctx context.Context) (bool, error) {
		meta, err := r.Target.GetMetadata(ctx, step.ID, step.Object.Version())
		if cluster.IsGone(err) {
			return true, nil
		}
		return err == nil && string(meta.UID) != step.UID, nil
	})
	if err != nil {
		return fault.New(fault.ApplyFailed, "%s: waited %s for the old object to go: %w", step.ID, r.Limit, err).
			WithNext("look at its finalizers")
	}
	return nil
}

// migrate moves the managedFields entries of tools that made the object before to our manager, in one patch, so that a
// field removed from Git is removed live; the marks that they left go with it. It gives those whose entries were moved.
func (r Run) migrate(ctx context.Context, step plan.Step) ([]string, error) {
	for try := 1; ; try++ {
		live, entries, err := r.Target.Get(ctx, step.ID, step.Object.Version())
		if cluster.IsGone(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		moved, changed := diff.Migrate(entries, r.Manager, step.Takes)
		shed := shedding(live, step.Sheds)
		if !changed && len(shed) == 0 {
			return nil, nil
		}
		meta, _ := live.Fields["metadata"].(map[string]any)
		patch, err := json.Marshal(append([]map[string]any{
			{"op": "replace", "path": "/metadata/managedFields", "value": moved},
			{"op": "replace", "path": "/metadata/resourceVersion", "value": meta["resourceVersion"]},
		}, shed...))
		if err != nil {
			return nil, fmt.Errorf("write a patch for %s: %w", step.ID, err)
		}
		_, err = r.Target.Patch(ctx, step.ID, step.Object.Version(), patch, r.Manager)
		if err == nil {
			return takenFrom(entries, step.Takes), nil
		}
		if !cluster.IsOther(err) || try == tries {
			return nil, err
		}
	}
}

// shedding gives the operations of a JSON patch that take marks off an object, as far as it has them.
func shedding(live object.Object, marks []plan.ToolMark) []map[string]any {
	var out []map[string]any
	for _, m := range marks {
		of := "annotations"
		if m.Label {
			of = "labels"
		}
		if _, has := object.Get(live, m.Path()); has {
			out = append(out, map[string]any{"op": "remove", "path": "/metadata/" + of + "/" + pointerEscape.Replace(m.Key)})
		}
	}
	return out
}

// pointerEscape writes a key as a part of a JSON pointer (RFC 6901, section 3).
var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

// takenFrom gives those of the managers that have an entry.
func takenFrom(entries []metav1.ManagedFieldsEntry, managers []string) []string {
	return slices.DeleteFunc(slices.Clone(managers), func(name string) bool {
		return !slices.ContainsFunc(entries, func(e metav1.ManagedFieldsEntry) bool { return e.Manager == name })
	})
}

// surrender takes our identity off an object that another app owns by now: an apply of the identity alone gives up
// every field, and the new owner's fields stay.
func (r Run) surrender(ctx context.Context, step plan.Step) error {
	meta := map[string]any{"name": step.ID.Name}
	if step.ID.Namespace != "" {
		meta["namespace"] = step.ID.Namespace
	}
	apiVersion := r.version(step)
	if step.ID.Group != "" {
		apiVersion = step.ID.Group + "/" + apiVersion
	}
	empty := object.Object{Fields: map[string]any{"apiVersion": apiVersion, "kind": step.ID.Kind, "metadata": meta}}
	live, err := r.Target.GetMetadata(ctx, step.ID, r.version(step))
	if cluster.IsGone(err) || err == nil && string(live.UID) != step.UID {
		return nil // gone, or another object: nothing of ours is on it, and an apply would create it
	}
	if err != nil {
		return err
	}
	meta["uid"] = step.UID // never creates: an apply with a UID of an object that is gone conflicts
	_, err = r.Target.Apply(ctx, empty, cluster.ApplyOptions{Manager: r.Manager, Force: true})
	return err
}

// establish waits until the CustomResourceDefinitions of an order are served, so that the next order finds their kinds.
func (r Run) establish(ctx context.Context, outcomes []Outcome) {
	defined := false
	for i := range outcomes {
		out := &outcomes[i]
		if out.Step.ID.Kind != "CustomResourceDefinition" || !out.Tried || !out.Done {
			continue
		}
		defined = true
		if err := r.established(ctx, out.Step); err != nil {
			out.Done, out.Fault = false, fault.Of(err, fault.ApplyFailed)
		}
	}
	if defined && r.Served != nil {
		r.Served()
	}
}

func (r Run) established(ctx context.Context, step plan.Step) error {
	last := "it has no condition Established"
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, r.Limit, true, func(ctx context.Context) (bool, error) {
		live, _, err := r.Target.Get(ctx, step.ID, step.Object.Version())
		if err != nil {
			if ctx.Err() == nil { // what was seen before the end says more than that it came
				last = err.Error()
			}
			return false, nil
		}
		message, ok := crdServed(live)
		last = message
		return ok, nil
	})
	if err != nil {
		return fault.New(fault.ApplyFailed, "%s: waited %s for it to be served: %s", step.ID, r.Limit, last)
	}
	return nil
}

func crdServed(live object.Object) (message string, ok bool) {
	status, _ := live.Fields["status"].(map[string]any)
	conditions, _ := status["conditions"].([]any)
	for _, c := range conditions {
		c, _ := c.(map[string]any)
		switch {
		case c["type"] == "Established" && c["status"] == "True":
			return "", true
		case c["type"] == "NamesAccepted" && c["status"] == "False":
			message, _ = c["message"].(string)
			return message, false
		}
	}
	return "it is not established yet", false
}

// livingApp finds an app of Plumb among managers that a conflict was with, other than those that gave the object up or are
// gone: it owns the object, and nothing of it is taken.
func livingApp(managers, given []string) (address string, ok bool) {
	for _, m := range managers {
		if address, app := strings.CutPrefix(m, object.ManagerPrefix); app && !slices.Contains(given, m) {
			return address, true
		}
	}
	return "", false
}
