package plan

import (
	"slices"
	"strings"

	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/object"
)

// Autoscaler is an object that says: the size of that other object is not Git's to say.
type Autoscaler struct {
	ID     object.ID `json:"id"`
	Target object.ID `json:"target"`
	// Count: it sets how many (HorizontalPodAutoscaler, KEDA's ScaledObject); else how large (VerticalPodAutoscaler).
	Count bool `json:"count,omitempty"`
	// Acted: it has set the number at least once.
	Acted bool `json:"acted,omitempty"`
}

// The kinds of autoscalers, with the version at which to list each.
var (
	HorizontalAutoscaler = object.ID{Group: "autoscaling", Kind: "HorizontalPodAutoscaler"}
	ScaledObject         = object.ID{Group: "keda.sh", Kind: "ScaledObject"}
	VerticalAutoscaler   = object.ID{Group: "autoscaling.k8s.io", Kind: "VerticalPodAutoscaler"}
	AutoscalerVersions   = map[object.ID]string{HorizontalAutoscaler: "v2", ScaledObject: "v1alpha1", VerticalAutoscaler: "v1"}
)

// AutoscalerOf reads an autoscaler; false if the object is none, or names no target.
func AutoscalerOf(o object.Object) (Autoscaler, bool) {
	id := o.ID()
	field := "scaleTargetRef"
	switch (object.ID{Group: id.Group, Kind: id.Kind}) {
	case HorizontalAutoscaler, ScaledObject:
	case VerticalAutoscaler:
		field = "targetRef"
	default:
		return Autoscaler{}, false
	}
	ref, _ := object.Get(o, object.Fields("spec", field))
	target, _ := ref.(map[string]any)
	name, _ := target["name"].(string)
	kind, _ := target["kind"].(string)
	version, _ := target["apiVersion"].(string)
	if kind == "" && id.Kind == ScaledObject.Kind { // KEDA's defaults
		kind, version = "Deployment", "apps/v1"
	}
	if name == "" || kind == "" {
		return Autoscaler{}, false
	}
	group, _, grouped := strings.Cut(version, "/")
	if !grouped {
		group = ""
	}
	acted, _ := object.Get(o, object.Fields("status", "lastScaleTime"))
	return Autoscaler{
		ID: id, Target: object.ID{Group: group, Kind: kind, Namespace: id.Namespace, Name: name},
		Count: id.Kind != VerticalAutoscaler.Kind, Acted: acted != nil,
	}, true
}

// ScaledIn lists the namespaces whose autoscalers a plan must know: those with an object that somebody has scaled, or
// whose number of replicas is ours in the cluster and gone from Git. Usually there are none.
func ScaledIn(desired []object.Object, live map[object.ID]Live) []string {
	var names []string
	for _, o := range desired {
		l := live[o.ID()]
		if len(scaled(o, l)) > 0 || l.Counts && !hasReplicas(o) {
			names = append(names, o.Namespace())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// scaled gives what others have scaled of an object: to none leaves no trace but that nobody owns the number.
func scaled(o object.Object, l Live) []diff.ScaledField {
	if l.Uncounted && hasReplicas(o) {
		return append(slices.Clone(l.Scaled), diff.ScaledField{Field: replicas.String(), Count: true})
	}
	return l.Scaled
}

var replicas = object.Fields("spec", "replicas")

func hasReplicas(o object.Object) bool {
	_, has := object.Get(o, replicas)
	return has
}

// yielded gives Desired without the fields that an autoscaler of the object has set. A field goes only after that: dropped
// earlier, the API server would set it to its default. If the autoscaler goes from Git, or from the cluster, what Git says
// counts again.
func yielded(in Input) []object.Object {
	if !slices.ContainsFunc(in.Desired, func(o object.Object) bool { return len(scaled(o, in.Picture.Live[o.ID()])) > 0 }) {
		return in.Desired
	}
	scalers := autoscalers(in)
	desired := slices.Clone(in.Desired)
	for i, o := range desired {
		for _, f := range scaled(o, in.Picture.Live[o.ID()]) {
			if !scalers.own(o.ID(), f) {
				continue
			}
			if path, err := object.ParsePath(f.Field); err == nil {
				desired[i] = object.Remove(desired[i], path)
			}
		}
	}
	return desired
}

// scalers are the autoscalers that count for a plan.
type scalers struct {
	all     []Autoscaler
	unknown map[string]bool // namespaces
}

// autoscalers gathers those of Git, and those of the cluster that are not about to go because Git does not have them.
func autoscalers(in Input) scalers {
	s := scalers{unknown: in.Picture.Unscaled}
	wished := map[object.ID]bool{}
	for _, o := range in.Desired {
		if a, ok := AutoscalerOf(o); ok {
			s.all = append(s.all, a)
			wished[a.ID] = true
		}
	}
	recorded := map[object.ID]bool{}
	for _, e := range in.Inventory {
		recorded[EntryID(e)] = true
	}
	for _, a := range in.Picture.Autoscalers {
		if wished[a.ID] || !recorded[a.ID] {
			s.all = append(s.all, a)
		}
	}
	return s
}

// own tells whether a field belongs to an autoscaler of the object. A person's kubectl scale is drift until the autoscaler
// has acted; from then on the number is its own, whoever set it last: it will answer. To none, which leaves nobody's name,
// scales KEDA; an HPA would not answer to that.
func (s scalers) own(id object.ID, f diff.ScaledField) bool {
	none, person := f.Manager == "", diff.PersonsTool(f.Manager)
	if s.unknown[id.Namespace] {
		return !person && !none
	}
	return slices.ContainsFunc(s.all, func(a Autoscaler) bool {
		switch {
		case a.Count != f.Count || a.Target != id:
			return false
		case none:
			return a.ID.Kind == ScaledObject.Kind
		}
		return !person || a.Acted
	})
}

// handsCount tells whether an apply would take away the number of replicas that an autoscaler is to have from now on.
func (m *maker) handsCount(o object.Object, live Live) bool {
	if !live.Counts || hasReplicas(o) {
		return false
	}
	scalers := autoscalers(m.in)
	return slices.ContainsFunc(scalers.all, func(a Autoscaler) bool { return a.Count && a.Target == o.ID() })
}
