package apply

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// giveBack takes our label and claim off an object, puts the marks of its former owner on it, and hands our fields to the
// field manager that had them: all in one patch, which changes nothing else and is refused if the object has changed.
func (r Run) giveBack(ctx context.Context, step plan.Step) error {
	for try := 1; ; try++ {
		live, entries, err := r.Target.Get(ctx, step.ID, r.version(step))
		if cluster.IsGone(err) {
			return nil
		}
		if err != nil {
			return err
		}
		meta, _ := live.Fields["metadata"].(map[string]any)
		claim := live.Annotation(v1alpha1.AnnotationOwner)
		switch {
		case meta["uid"] != step.UID, claim != r.Owner && claim != "":
			return nil // another object, or somebody else's
		case meta["deletionTimestamp"] != nil:
			return fault.New(fault.Progressing, "%s is being deleted", step.ID)
		}
		patch, err := r.returning(live, entries, step)
		if err != nil {
			return err
		}
		holder, _, _ := strings.Cut(step.Holder, " ")
		_, err = r.Target.Patch(ctx, step.ID, r.version(step), patch, holder)
		if err == nil || !cluster.IsOther(err) || try == tries {
			return err
		}
	}
}

// returning writes the patch. The marks are written as whole maps, because an object need not have any.
func (r Run) returning(live object.Object, entries []metav1.ManagedFieldsEntry, step plan.Step) ([]byte, error) {
	meta, _ := live.Fields["metadata"].(map[string]any)
	holder, operation, _ := strings.Cut(step.Holder, " ")
	annotations := live.Annotations()
	delete(annotations, v1alpha1.AnnotationOwner)
	maps.Copy(annotations, step.From.Annotations)
	labels := map[string]string{}
	if had, ok := meta["labels"].(map[string]any); ok {
		for key := range had {
			labels[key] = live.Label(key)
		}
	}
	delete(labels, v1alpha1.LabelManaged)
	maps.Copy(labels, step.From.Labels)
	patch, err := json.Marshal([]map[string]any{
		{"op": "test", "path": "/metadata/uid", "value": step.UID},
		{"op": "add", "path": "/metadata/annotations", "value": annotations},
		{"op": "add", "path": "/metadata/labels", "value": labels},
		{"op": "replace", "path": "/metadata/managedFields", "value": diff.Return(entries, r.Manager, holder, metav1.ManagedFieldsOperationType(operation))},
		{"op": "replace", "path": "/metadata/resourceVersion", "value": meta["resourceVersion"]},
	})
	if err != nil {
		return nil, fmt.Errorf("write a patch for %s: %w", step.ID, err)
	}
	return patch, nil
}
