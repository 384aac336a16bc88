package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// The app of the tests and the others around it.
var (
	web   = plan.App{Namespace: "plumb-system", Name: "web-dev", UID: "u-web", App: "web", Env: "dev", Cluster: "local", Target: "web-dev"}
	other = plan.App{Namespace: "plumb-system", Name: "cart-dev", UID: "u-cart", App: "cart", Env: "dev", Cluster: "local", Target: "cart-dev"}
	gone  = plan.App{Namespace: "plumb-system", Name: "old", UID: "u-old"}
)

const head = "9f31c2a00000000000000000000000000000000"

func manifest(apiVersion, kind, namespace, name string, change ...func(object.Object) object.Object) object.Object {
	o := object.Object{
		Fields: map[string]any{
			"apiVersion": apiVersion, "kind": kind,
			"metadata": map[string]any{"name": name},
		},
		Place: fault.Place{File: "apps/web/" + name + ".yaml", Line: 1},
	}
	if namespace != "" {
		o = o.WithNamespace(namespace)
	}
	o = o.WithLabel(v1alpha1.LabelManaged, "true").WithAnnotation(v1alpha1.AnnotationOwner, web.Owner())
	for _, f := range change {
		o = f(o)
	}
	return o
}

func configMap(name string, change ...func(object.Object) object.Object) object.Object {
	return manifest("v1", "ConfigMap", "web-dev", name, change...)
}

func annotated(key, value string) func(object.Object) object.Object {
	return func(o object.Object) object.Object { return o.WithAnnotation(key, value) }
}

func crd(group, plural, kind string) object.Object {
	o := manifest("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", plural+"."+group)
	o.Fields["spec"] = map[string]any{"group": group, "names": map[string]any{"kind": kind, "plural": plural}}
	return o
}

// entryOf is the inventory entry of an object that was applied and confirmed.
func entryOf(o object.Object, change ...func(*v1alpha1.InventoryEntry)) v1alpha1.InventoryEntry {
	id := o.ID()
	e := v1alpha1.InventoryEntry{
		Group: id.Group, Version: o.Version(), Kind: id.Kind, Namespace: id.Namespace, Name: id.Name,
		UID: "uid-" + id.Name, Created: true, Desired: o.Digest(), Owned: "owned-" + id.Name,
	}
	for _, f := range change {
		f(&e)
	}
	return e
}

// liveOf is the live object that fits entryOf.
func liveOf(o object.Object, change ...func(*plan.Live)) plan.Live {
	l := plan.Live{UID: "uid-" + o.Name(), Owner: web.Owner(), Managed: true, Owned: "owned-" + o.Name()}
	for _, f := range change {
		f(&l)
	}
	return l
}

// input is an input with everything in order: a complete render of the head, both apps living, the namespace there.
func input(desired ...object.Object) plan.Input {
	return plan.Input{
		App: web, Revision: head, Desired: desired,
		Picture: plan.Picture{
			Version: plan.Version,
			Live: map[object.ID]plan.Live{
				{Kind: "Namespace", Name: "web-dev"}: {UID: "uid-ns"},
			},
			Absent:     map[object.ID]bool{},
			LivingApps: map[string]bool{web.UID: true, other.UID: true},
		},
		Policy: plan.Policy{Prune: true, Descendant: true, Complete: true},
	}
}

// have makes objects exist as the inventory records them.
func have(in *plan.Input, objects ...object.Object) {
	for _, o := range objects {
		in.Inventory = append(in.Inventory, entryOf(o))
		in.Picture.Live[o.ID()] = liveOf(o)
	}
}

func absent(in *plan.Input, objects ...object.Object) {
	for _, o := range objects {
		in.Picture.Absent[o.ID()] = true
	}
}

// step finds the one step of an object.
func step(t *testing.T, p plan.Plan, id object.ID) plan.Step {
	t.Helper()
	var found []plan.Step
	for _, s := range p.Steps {
		if s.ID == id {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s has %d steps, want 1: %s", id, len(found), plan.Explain(p))
	}
	return found[0]
}

// TestFresh: what may be presumed absent, and is made only if there is none.
func TestFresh(t *testing.T) {
	crd := manifest("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "widgets.example.com")
	hook := configMap("hook", annotated(v1alpha1.AnnotationHook, "PreSync"))
	left := configMap("left", annotated("kustomize.toolkit.fluxcd.io/reconcile", "disabled"))
	in := input(configMap("new"), configMap("had"), stays, crd, hook, left)
	have(&in, stays)
	in.Inventory = append(in.Inventory, v1alpha1.InventoryEntry{Version: "v1", Kind: "ConfigMap", Namespace: "web-dev", Name: "had", Created: true})
	fresh := plan.Fresh(in)
	if diff := cmp.Diff(map[object.ID]bool{configMap("new").ID(): true}, fresh); diff != "" {
		t.Errorf("not what is recorded, if only ahead, what has no namespace, a hook, or what is left alone: %s", diff)
	}
	absent(&in, configMap("new"), configMap("had"))
	in.Picture.Presumed = fresh
	p := plan.Make(in)
	if !step(t, p, configMap("new").ID()).New || step(t, p, configMap("had").ID()).New {
		t.Errorf("only what was presumed absent is made on the condition that there is none: %s", plan.Explain(p))
	}
}

// TestApply is the table of resources.md §7.1: whose is an object, and what is sent for it.
func TestApply(t *testing.T) {
	cm := configMap("a")
	now := plan.Live{}
	for _, row := range []struct {
		reason string
		object object.Object
		given  func(*plan.Input)
		want   plan.Step // Action, First, Takes, Drift, Created, Reason; the rest is not compared
	}{
		{"an object that does not exist is created without force", cm,
			func(in *plan.Input) { absent(in, cm) },
			plan.Step{Action: plan.Apply, First: true, Created: true}},
		{"one that is as recorded costs nothing", cm,
			func(in *plan.Input) { have(in, cm) },
			plan.Step{Action: plan.Unchanged, Created: true}},
		{"one that changed in Git is applied", cm,
			func(in *plan.Input) { have(in, cm); in.Inventory[0].Desired = "sha256:before" },
			plan.Step{Action: plan.Apply, Created: true}},
		{"a field of ours that was taken is drift", cm,
			func(in *plan.Input) { have(in, cm); in.Inventory[0].Owned = "before" },
			plan.Step{Action: plan.Apply, Created: true, Drift: "changed"}},
		{"managedFields that were stripped are drift", cm,
			func(in *plan.Input) { have(in, cm); now = liveOf(cm); now.Owned = ""; in.Picture.Live[cm.ID()] = now },
			plan.Step{Action: plan.Apply, Created: true, Drift: "changed"}},
		{"our label taken off is drift", cm,
			func(in *plan.Input) {
				have(in, cm)
				now = liveOf(cm)
				now.Managed = false
				in.Picture.Live[cm.ID()] = now
			},
			plan.Step{Action: plan.Apply, Created: true, Drift: "label"}},
		{"our claim taken off is drift, and claimed again without force", cm,
			func(in *plan.Input) { have(in, cm); now = liveOf(cm); now.Owner = ""; in.Picture.Live[cm.ID()] = now },
			plan.Step{Action: plan.Apply, First: true, Created: true, Drift: "label"}},
		{"fields that a person added are drift, and taken", cm,
			func(in *plan.Input) {
				have(in, cm)
				now = liveOf(cm)
				now.Added = []string{"kubectl-edit"}
				in.Picture.Live[cm.ID()] = now
			},
			plan.Step{Action: plan.Apply, Created: true, Drift: "added", Takes: []string{"kubectl-edit"}}},
		{"one that somebody deleted is made again", cm,
			func(in *plan.Input) { have(in, cm); delete(in.Picture.Live, cm.ID()); absent(in, cm) },
			plan.Step{Action: plan.Apply, First: true, Created: true, Drift: "missing"}},
		{"one that somebody made anew is not as recorded and was not made by us", cm,
			func(in *plan.Input) { have(in, cm); in.Picture.Live[cm.ID()] = plan.Live{UID: "new"} },
			plan.Step{Action: plan.Apply, First: true}},
		{"an apply whose answer was lost is repeated, and the object is known to be made by us", cm,
			func(in *plan.Input) { have(in, cm); in.Inventory[0].UID = ""; in.Inventory[0].Desired = "" },
			plan.Step{Action: plan.Apply, First: true, Created: true}},
		{"an existing unowned object is taken over, with the fields of persons' tools but not of controllers", cm,
			func(in *plan.Input) {
				in.Picture.Live[cm.ID()] = plan.Live{UID: "x", Managers: []plan.Manager{
					{Name: "kube-controller-manager", Operation: "Update"}, {Name: "kubectl-client-side-apply", Operation: "Update"},
					{Name: "helm", Operation: "Update"}, {Name: "kubectl-rollout", Operation: "Update"},
					{Name: "kubectl-edit", Operation: "Update", Subresource: "status"}}}
			},
			plan.Step{Action: plan.Apply, First: true, Takes: []string{"helm", "kubectl-client-side-apply"}}},
		{"the claim of an App that is gone is free, and its fields come to us", cm,
			func(in *plan.Input) {
				in.Picture.Live[cm.ID()] = plan.Live{UID: "x", Owner: gone.Owner(), Managed: true, Managers: []plan.Manager{
					{Name: "plumb:plumb-system/old", Operation: "Apply"}}}
			},
			plan.Step{Action: plan.Apply, First: true, Takes: []string{"plumb:plumb-system/old"}}},
		{"the claim of a living App stands", cm,
			func(in *plan.Input) { in.Picture.Live[cm.ID()] = plan.Live{UID: "x", Owner: other.Owner()} },
			plan.Step{Action: plan.Refuse, Reason: fault.OwnedByOther}},
		{"it stands also over an object that our inventory has", cm,
			func(in *plan.Input) {
				have(in, cm)
				now = liveOf(cm)
				now.Owner = other.Owner()
				in.Picture.Live[cm.ID()] = now
			},
			plan.Step{Action: plan.Refuse, Created: true, Reason: fault.OwnedByOther}},
		{"if the Apps could not be listed, every claim stands", cm,
			func(in *plan.Input) {
				in.Picture.LivingApps = nil
				in.Picture.Live[cm.ID()] = plan.Live{UID: "x", Owner: gone.Owner()}
			},
			plan.Step{Action: plan.Refuse, Reason: fault.OwnedByOther}},
		{"a living App that gives it up at this commit hands it over", cm,
			func(in *plan.Input) {
				in.Picture.GivenUp = map[object.ID]string{cm.ID(): other.UID}
				in.Picture.Live[cm.ID()] = plan.Live{UID: "x", Owner: other.Owner(), Managers: []plan.Manager{
					{Name: "plumb:plumb-system/cart-dev", Operation: "Apply"}}}
			},
			plan.Step{Action: plan.Apply, First: true, Takes: []string{"plumb:plumb-system/cart-dev"}}},
		{"giving up counts only from the App that owns it", cm,
			func(in *plan.Input) {
				in.Picture.GivenUp = map[object.ID]string{cm.ID(): "u-third"}
				in.Picture.Live[cm.ID()] = plan.Live{UID: "x", Owner: other.Owner()}
			},
			plan.Step{Action: plan.Refuse, Reason: fault.OwnedByOther}},
		{"an owner that has not decided yet is waited for", cm,
			func(in *plan.Input) {
				in.Picture.Undecided = map[string]string{other.UID: "plumb-system/cart-dev"}
				in.Picture.Live[cm.ID()] = plan.Live{UID: "x", Owner: other.Owner()}
			},
			plan.Step{Action: plan.Wait, Reason: fault.WaitingForApp}},
		{"another tool's object is refused", cm,
			func(in *plan.Input) {
				in.Picture.Live[cm.ID()] = plan.Live{UID: "x", Tool: &plan.Tool{Name: "Argo CD", App: "guestbook", Writes: true}}
			},
			plan.Step{Action: plan.Refuse, Reason: fault.OwnedByOther}},
		{"a tool's mark on an object that is ours is not a reason to let go of it", cm,
			func(in *plan.Input) {
				have(in, cm)
				now = liveOf(cm)
				now.Tool = &plan.Tool{Name: "Argo CD", App: "x", Writes: true}
				in.Picture.Live[cm.ID()] = now
			},
			plan.Step{Action: plan.Unchanged, Created: true}},
		{"what could not be read is neither created nor changed", cm,
			func(*plan.Input) {},
			plan.Step{Action: plan.Refuse, Reason: fault.Unreachable}},
		{"a kind that the cluster does not know is refused", manifest("example.com/v1", "Widget", "web-dev", "a"),
			func(in *plan.Input) { in.Picture.UnknownKinds = map[string]bool{"example.com/Widget": true} },
			plan.Step{Action: plan.Refuse, Reason: fault.KindUnknown}},
		{"an object that is being deleted is waited for", cm,
			func(in *plan.Input) {
				have(in, cm)
				now = liveOf(cm)
				now.Terminating = true
				in.Picture.Live[cm.ID()] = now
			},
			plan.Step{Action: plan.Wait, Created: true, Reason: fault.Progressing}},
		{"a namespace that is being deleted is waited for", cm,
			func(in *plan.Input) { absent(in, cm); in.Picture.Terminating = map[string]bool{"web-dev": true} },
			plan.Step{Action: plan.Wait, Reason: fault.Progressing}},
		{"create-only is created", configMap("a", annotated(v1alpha1.AnnotationApply, "create-only")),
			func(in *plan.Input) { absent(in, cm) },
			plan.Step{Action: plan.Apply, First: true, Created: true}},
		{"create-only is left alone once it exists, whosever it is", configMap("a", annotated(v1alpha1.AnnotationApply, "create-only")),
			func(in *plan.Input) { in.Picture.Live[cm.ID()] = plan.Live{UID: "x", Owner: other.Owner()} },
			plan.Step{Action: plan.Leave}},
		{"create-only of an App that gives it up is claimed once", configMap("a", annotated(v1alpha1.AnnotationApply, "create-only")),
			func(in *plan.Input) {
				in.Picture.GivenUp = map[object.ID]string{cm.ID(): other.UID}
				in.Picture.Live[cm.ID()] = plan.Live{UID: "x", Owner: other.Owner()}
			},
			plan.Step{Action: plan.Apply, First: true}},
		{"reconcile: disabled is left alone", configMap("a", annotated("kustomize.toolkit.fluxcd.io/reconcile", "disabled")),
			func(in *plan.Input) { have(in, cm) },
			plan.Step{Action: plan.Leave}},
	} {
		t.Run(row.reason, func(t *testing.T) {
			in := input(row.object)
			row.given(&in)
			s := step(t, plan.Make(in), row.object.ID())
			got := plan.Step{Action: s.Action, First: s.First, Takes: s.Takes, Drift: s.Drift, Created: s.Created, Reason: s.Reason}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("%s: %s", s.Why, diff)
			}
			if s.Why == "" {
				t.Error("the step does not say why")
			}
			if (s.Action == plan.Refuse) != (s.Fault != nil) || s.Fault != nil && s.Fault.Next == "" {
				t.Errorf("a refusal, and only it, has a fault with a next step: %v", s.Fault)
			}
		})
	}
}
