package preview

import (
	"bytes"
	"fmt"
	"slices"

	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// noise are the labels that every release of a chart changes and that change nothing.
var noise = []string{
	object.Fields("metadata", "labels", "helm.sh/chart").String(),
	object.Fields("metadata", "labels", "app.kubernetes.io/version").String(),
}

// folded tells whether only such labels of an object differ.
func folded(fields []diff.FieldChange) bool {
	return !slices.ContainsFunc(fields, func(f diff.FieldChange) bool { return !slices.Contains(noise, f.Field) })
}

// risks says what else happens when an object changes so. rendered is what Git says, with what an autoscaler owns.
func risks(was, is, rendered object.Object, autoscalers []plan.Autoscaler) []string {
	var out []string
	if restart := restarts(was, is); restart != "" {
		out = append(out, restart)
	}
	if _, has := object.Get(rendered, object.Fields("spec", "replicas")); has {
		for _, a := range autoscalers {
			if a.Count && a.Target == rendered.ID() {
				out = append(out, fmt.Sprintf("%s sets how many there are: spec.replicas of Git does not stay", a.ID))
			}
		}
	}
	if differ(was, is, "spec", "selector") && (is.Kind() == "Service" || is.Kind() == "NetworkPolicy") {
		out = append(out, "it selects other pods")
	}
	return out
}

// restarts says how the pods of a workload are replaced when its template changes.
func restarts(was, is object.Object) string {
	switch is.Kind() {
	case "Deployment", "StatefulSet", "DaemonSet":
	default:
		return ""
	}
	if !differ(was, is, "spec", "template") {
		return ""
	}
	pods := "its pods"
	if n, ok := object.Get(is, object.Fields("spec", "replicas")); ok {
		pods = fmt.Sprintf("%v pods", n)
		if pods == "1 pods" {
			pods = "1 pod"
		}
		if pods == "0 pods" {
			return ""
		}
	}
	strategy, _ := object.Get(is, object.Fields("spec", "strategy", "type"))
	update, _ := object.Get(is, object.Fields("spec", "updateStrategy", "type"))
	switch {
	case strategy == "Recreate":
		return "stops " + pods + " before new ones start"
	case update == "OnDelete":
		return "takes effect on a pod when somebody deletes it"
	}
	return "rolling restart of " + pods
}

func differ(was, is object.Object, path ...string) bool {
	before, had := object.Get(was, object.Fields(path...))
	after, has := object.Get(is, object.Fields(path...))
	return had != has || !bytes.Equal(object.Canonical(before), object.Canonical(after))
}

// loss says what goes with an object that is deleted.
func loss(id object.ID) []string {
	switch id.Kind {
	case "PersistentVolumeClaim", "PersistentVolume":
		return []string{"DELETES DATA"}
	case "Namespace":
		return []string{"DELETES EVERYTHING IN IT"}
	case "CustomResourceDefinition":
		return []string{"DELETES ALL OBJECTS OF ITS KIND"}
	}
	return nil
}
