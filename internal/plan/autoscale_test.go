package plan_test

import (
	"testing"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

func scalable(replicas any) object.Object {
	spec := map[string]any{"paused": false}
	if replicas != nil {
		spec["replicas"] = replicas
	}
	return object.Object{Fields: map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "web", "namespace": "shop"}, "spec": spec,
	}}
}

func autoscalerObject(apiVersion, kind string, spec map[string]any) object.Object {
	return object.Object{Fields: map[string]any{
		"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"name": "web", "namespace": "shop"}, "spec": spec,
	}}
}

func TestAutoscalerOf(t *testing.T) {
	web := map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
	rows := []struct {
		reason string
		object object.Object
		count  bool
		target string // "" = it is none
	}{
		{"the classic", autoscalerObject("autoscaling/v2", "HorizontalPodAutoscaler", map[string]any{"scaleTargetRef": web}), true, "apps/Deployment"},
		{"an older version", autoscalerObject("autoscaling/v1", "HorizontalPodAutoscaler", map[string]any{"scaleTargetRef": web}), true, "apps/Deployment"},
		{"KEDA takes a Deployment where no kind is said", autoscalerObject("keda.sh/v1alpha1", "ScaledObject", map[string]any{"scaleTargetRef": map[string]any{"name": "web"}}), true, "apps/Deployment"},
		{"KEDA scales other kinds too", autoscalerObject("keda.sh/v1alpha1", "ScaledObject", map[string]any{"scaleTargetRef": map[string]any{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web"}}), true, "argoproj.io/Rollout"},
		{"a VPA sets sizes, not numbers", autoscalerObject("autoscaling.k8s.io/v1", "VerticalPodAutoscaler", map[string]any{"targetRef": web}), false, "apps/Deployment"},
		{"an HPA that names nothing", autoscalerObject("autoscaling/v2", "HorizontalPodAutoscaler", nil), false, ""},
		{"another kind", scalable(nil), false, ""},
	}
	for _, row := range rows {
		a, ok := plan.AutoscalerOf(row.object)
		if !ok {
			if row.target != "" {
				t.Errorf("%s: it is none", row.reason)
			}
			continue
		}
		if a.Target.GroupKind() != row.target || a.Target.Name != "web" || a.Target.Namespace != "shop" || a.Count != row.count {
			t.Errorf("%s: %+v", row.reason, a)
		}
	}
}

// A number of replicas is its autoscaler's once that has written it, and Git's as long and as soon as there is none.
func TestYield(t *testing.T) {
	hpa := autoscalerObject("autoscaling/v2", "HorizontalPodAutoscaler", map[string]any{"scaleTargetRef": map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}})
	inCluster, _ := plan.AutoscalerOf(hpa)
	acted := inCluster
	acted.Acted = true
	keda, _ := plan.AutoscalerOf(autoscalerObject("keda.sh/v1alpha1", "ScaledObject", map[string]any{"scaleTargetRef": map[string]any{"name": "web"}}))
	byController := diff.ScaledField{Field: "spec.replicas", Manager: "kube-controller-manager", Count: true}
	byPerson := diff.ScaledField{Field: "spec.replicas", Manager: "kubectl", Count: true}
	size := diff.ScaledField{Field: "spec.paused", Manager: "vpa-updater"}
	rows := []struct {
		reason   string
		git      []object.Object // beside the Deployment
		live     []plan.Autoscaler
		recorded bool // the autoscaler is in the Inventory
		unknown  bool
		scaled   []diff.ScaledField
		none     bool // nobody owns the number
		yielded  bool
	}{
		{reason: "nobody has written it: dropped now it would fall to one", git: []object.Object{hpa}},
		{reason: "the autoscaler of Git has written it", git: []object.Object{hpa}, scaled: []diff.ScaledField{byController}, yielded: true},
		{reason: "one that Git does not know has", live: []plan.Autoscaler{inCluster}, scaled: []diff.ScaledField{byController}, yielded: true},
		{reason: "there is no autoscaler any more: Git counts again", scaled: []diff.ScaledField{byController}},
		{reason: "Git drops the autoscaler with this commit", live: []plan.Autoscaler{inCluster}, recorded: true, scaled: []diff.ScaledField{byController}},
		{reason: "a person before the autoscaler ever acted: drift", git: []object.Object{hpa}, live: []plan.Autoscaler{inCluster}, scaled: []diff.ScaledField{byPerson}},
		{reason: "a person after that: the autoscaler will answer", git: []object.Object{hpa}, live: []plan.Autoscaler{acted}, scaled: []diff.ScaledField{byPerson}, yielded: true},
		{reason: "nobody may list them: a controller's mark is proof enough", unknown: true, scaled: []diff.ScaledField{byController}, yielded: true},
		{reason: "nobody may list them: a person's is not", unknown: true, scaled: []diff.ScaledField{byPerson}},
		{reason: "KEDA scales to none, which leaves no name", live: []plan.Autoscaler{keda}, none: true, yielded: true},
		{reason: "an HPA does not: somebody has switched the app off", live: []plan.Autoscaler{acted}, none: true},
		{reason: "an HPA does not own sizes", git: []object.Object{hpa}, scaled: []diff.ScaledField{size}},
	}
	for _, row := range rows {
		web := scalable(int64(3))
		in := plan.Input{App: plan.App{Namespace: "plumb-system", Name: "shop", UID: "1"}, Desired: append([]object.Object{web}, row.git...)}
		in.Picture = plan.Picture{
			Live:   map[object.ID]plan.Live{web.ID(): {UID: "w", Owner: in.App.Owner(), Managed: true, Scaled: row.scaled, Uncounted: row.none}},
			Absent: map[object.ID]bool{hpa.ID(): true}, Autoscalers: row.live, LivingApps: map[string]bool{"1": true},
		}
		in.Inventory = []v1alpha1.InventoryEntry{{Group: "apps", Version: "v1", Kind: "Deployment", Namespace: "shop", Name: "web", UID: "w", Created: true}}
		if row.recorded {
			in.Inventory = append(in.Inventory, v1alpha1.InventoryEntry{Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler", Namespace: "shop", Name: "web", UID: "h"})
		}
		if row.unknown {
			in.Picture.Unscaled = map[string]bool{"shop": true}
		}
		for _, s := range plan.Make(in).Steps {
			if s.ID != web.ID() {
				continue
			}
			_, has := object.Get(*s.Object, object.Fields("spec", "replicas"))
			if has == row.yielded {
				t.Errorf("%s: yielded %v, want %v", row.reason, !has, row.yielded)
			}
			if _, has := object.Get(*s.Object, object.Fields("spec", "paused")); !has {
				t.Errorf("%s: another field went", row.reason)
			}
		}
		if _, has := object.Get(in.Desired[0], object.Fields("spec", "replicas")); !has {
			t.Errorf("%s: the wish itself was changed", row.reason)
		}
	}
}

// When Git drops the number for an autoscaler's sake, what runs is handed over; without one it falls to its default, as
// any field does that goes from Git.
func TestHandCount(t *testing.T) {
	hpa := autoscalerObject("autoscaling/v2", "HorizontalPodAutoscaler", map[string]any{"scaleTargetRef": map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}})
	inCluster, _ := plan.AutoscalerOf(hpa)
	rows := []struct {
		reason string
		number any
		git    []object.Object
		live   []plan.Autoscaler
		counts bool
		want   bool
	}{
		{"the autoscaler comes with the commit", nil, []object.Object{hpa}, nil, true, true},
		{"it is there already", nil, nil, []plan.Autoscaler{inCluster}, true, true},
		{"the number stays in Git", int64(3), []object.Object{hpa}, nil, true, false},
		{"it is not ours", nil, []object.Object{hpa}, nil, false, false},
		{"there is no autoscaler", nil, nil, nil, true, false},
	}
	for _, row := range rows {
		web := scalable(row.number)
		in := plan.Input{App: plan.App{Namespace: "plumb-system", Name: "shop", UID: "1"}, Desired: append([]object.Object{web}, row.git...)}
		in.Inventory = []v1alpha1.InventoryEntry{{Group: "apps", Version: "v1", Kind: "Deployment", Namespace: "shop", Name: "web", UID: "w", Created: true}}
		in.Picture = plan.Picture{
			Live:   map[object.ID]plan.Live{web.ID(): {UID: "w", Owner: in.App.Owner(), Managed: true, Counts: row.counts}},
			Absent: map[object.ID]bool{hpa.ID(): true}, Autoscalers: row.live, LivingApps: map[string]bool{"1": true},
		}
		if asked := len(plan.ScaledIn(in.Desired, in.Picture.Live)) > 0; asked != (row.counts && row.number == nil) {
			t.Errorf("%s: the autoscalers are asked for: %v", row.reason, asked)
		}
		for _, s := range plan.Make(in).Steps {
			if s.ID == web.ID() && s.HandCount != row.want {
				t.Errorf("%s: handed over %v, want %v", row.reason, s.HandCount, row.want)
			}
		}
	}
}
