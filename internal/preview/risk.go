package preview

import (
	"bytes"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/resource"

	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/report"
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

// risk is what else happens with a change. Its text says nothing that only the cluster knows; it is "" if the change itself
// says it all.
type risk struct {
	word report.Risk
	text string
}

// note adds risks to a difference.
func note(d *report.ObjectDiff, risks ...risk) {
	for _, r := range risks {
		if r.text != "" {
			d.Notes = append(d.Notes, r.text)
		}
		if !slices.Contains(d.Risks, r.word) {
			d.Risks = append(d.Risks, r.word)
		}
	}
	slices.SortStableFunc(d.Risks, report.Risk.Compare)
}

// pair is one object on two sides: as the API server would have it, and as Git says it. Sides without it have no fields.
type pair struct{ was, is, saidBefore, said object.Object }

// risks says what else happens when an object changes so.
func risks(p pair, autoscalers []plan.Autoscaler) []risk {
	var out []risk
	out = append(out, storage(p)...)
	out = append(out, rights(p.saidBefore, p.said)...)
	out = append(out, selects(p)...)
	out = append(out, restarts(p, autoscalers)...)
	return append(out, autoscaled(p.said, autoscalers)...)
}

// autoscaled says that Git has a number which an autoscaler sets.
func autoscaled(said object.Object, autoscalers []plan.Autoscaler) []risk {
	if _, has := object.Get(said, object.Fields("spec", "replicas")); !has {
		return nil
	}
	var out []risk
	for _, a := range autoscalers {
		if a.Count && a.Target == said.ID() {
			out = append(out, risk{report.RiskAutoscaler, fmt.Sprintf("%s sets how many there are: spec.replicas of Git does not stay", a.ID)})
		}
	}
	return out
}

// selectors are the fields by which kinds of Kubernetes choose pods. Those of workloads are immutable, so that the API server
// says what is to be said.
var selectors = map[string]struct{ field, text string }{
	"/Service":                            {"selector", "it selects other pods"},
	"networking.k8s.io/NetworkPolicy":     {"podSelector", "it selects other pods"},
	"policy/PodDisruptionBudget":          {"selector", "it protects other pods"},
	"autoscaling/HorizontalPodAutoscaler": {"scaleTargetRef", "it scales another workload"},
}

// selects says that a selector leads to other pods.
func selects(p pair) []risk {
	id := p.is.ID()
	selector, ok := selectors[id.Group+"/"+id.Kind]
	if !ok || len(p.was.Fields) == 0 || !differ(p.was, p.is, "spec", selector.field) {
		return nil
	}
	return []risk{{report.RiskSelector, selector.text}}
}

// restarts says how the pods of a workload are replaced when its template changes, and that none are left.
func restarts(p pair, autoscalers []plan.Autoscaler) []risk {
	id := p.is.ID()
	switch id.Group + "/" + id.Kind {
	case "apps/Deployment", "apps/StatefulSet", "apps/DaemonSet", "argoproj.io/Rollout":
	default:
		return nil
	}
	if len(p.was.Fields) == 0 {
		return nil
	}
	number := object.Fields("spec", "replicas")
	left, counted := object.Get(p.is, number)
	if counted && object.Text(left) == "0" {
		if before, _ := object.Get(p.was, number); object.Text(before) != "0" {
			return []risk{{report.RiskDowntime, "stops all its pods: 0 are left"}}
		}
		return nil
	}
	if !differ(p.was, p.is, "spec", "template") {
		return nil
	}
	pods := podsOf(p, autoscalers)
	strategy, _ := object.Get(p.is, object.Fields("spec", "strategy", "type"))
	update, _ := object.Get(p.is, object.Fields("spec", "updateStrategy", "type"))
	switch {
	case strategy == "Recreate":
		return []risk{{report.RiskDowntime, "stops " + pods + " before new ones start"}}
	case update == "OnDelete":
		return []risk{{report.RiskRestart, "takes effect on a pod when somebody deletes it"}}
	}
	return []risk{{report.RiskRestart, "rolling restart of " + pods}}
}

// podsOf gives the number of pods, if Git says it and nobody else sets it.
func podsOf(p pair, autoscalers []plan.Autoscaler) string {
	number := object.Fields("spec", "replicas")
	said, has := object.Get(p.said, number)
	runs, _ := object.Get(p.is, number)
	scaled := slices.ContainsFunc(autoscalers, func(a plan.Autoscaler) bool { return a.Count && a.Target == p.said.ID() })
	switch {
	case !has || scaled || object.Text(said) != object.Text(runs):
		return "its pods"
	case object.Text(said) == "1":
		return "1 pod"
	}
	return object.Text(said) + " pods"
}

// storage says what becomes of what is stored.
func storage(p pair) []risk {
	switch id := p.said.ID(); id.Group + "/" + id.Kind {
	case "/PersistentVolumeClaim":
		path := object.Fields("spec", "resources", "requests", "storage")
		if was, is := quantity(p.saidBefore, path), quantity(p.said, path); was != nil && is != nil && is.Cmp(*was) < 0 {
			return []risk{{report.RiskShrink, fmt.Sprintf("no volume can become smaller: %s to %s", was, is)}}
		}
	case "/PersistentVolume":
		if becomes(p, "Delete", "spec", "persistentVolumeReclaimPolicy") {
			return []risk{{report.RiskDataLoss, "its data goes when its claim goes, from now on"}}
		}
	case "apps/StatefulSet":
		return retention(p)
	}
	return nil
}

// retention says when a StatefulSet takes its volumes with it.
func retention(p pair) []risk {
	var out []risk
	if becomes(p, "Delete", "spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted") {
		out = append(out, risk{report.RiskDataLoss, "its volumes are deleted with it, from now on"})
	}
	const scaled = "whenScaled"
	if becomes(p, "Delete", "spec", "persistentVolumeClaimRetentionPolicy", scaled) {
		out = append(out, risk{report.RiskDataLoss, "volumes are deleted when it is scaled down, from now on"})
	}
	policy, _ := object.Get(p.said, object.Fields("spec", "persistentVolumeClaimRetentionPolicy", scaled))
	number := object.Fields("spec", "replicas")
	if was, is := quantity(p.saidBefore, number), quantity(p.said, number); policy == "Delete" && was != nil && is != nil && is.Cmp(*was) < 0 {
		out = append(out, risk{report.RiskDataLoss, "DELETES DATA: the volumes of the pods that go are deleted"})
	}
	return out
}

// becomes tells whether a field of an object that was there gets this value.
func becomes(p pair, value string, path ...string) bool {
	was, _ := object.Get(p.saidBefore, object.Fields(path...))
	is, _ := object.Get(p.said, object.Fields(path...))
	return len(p.saidBefore.Fields) > 0 && was != value && is == value
}

func quantity(o object.Object, path object.Path) *resource.Quantity {
	v, ok := object.Get(o, path)
	if !ok {
		return nil
	}
	q, err := resource.ParseQuantity(object.Text(v))
	if err != nil {
		return nil
	}
	return &q
}

func differ(was, is object.Object, path ...string) bool {
	before, had := object.Get(was, object.Fields(path...))
	after, has := object.Get(is, object.Fields(path...))
	return had != has || !bytes.Equal(object.Canonical(before), object.Canonical(after))
}

// loss says what goes with an object that is deleted. o is what is known of it.
func loss(id object.ID, o object.Object) []risk {
	switch id.Group + "/" + id.Kind {
	case "/PersistentVolumeClaim", "/PersistentVolume":
		return []risk{{report.RiskDataLoss, "DELETES DATA"}}
	case "/Namespace":
		return []risk{{report.RiskContents, "DELETES EVERYTHING IN IT"}}
	case "apiextensions.k8s.io/CustomResourceDefinition":
		return []risk{{report.RiskContents, "DELETES ALL OBJECTS OF ITS KIND"}}
	case "apps/StatefulSet":
		if policy, _ := object.Get(o, object.Fields("spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted")); policy == "Delete" {
			return []risk{{report.RiskDataLoss, "DELETES DATA: its volumes are deleted with it"}}
		}
	}
	return nil
}
