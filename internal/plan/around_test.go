package plan_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/health"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// leaving is an app that Git does not have any more, with hooks around its end.
func leaving(body string) (in plan.Input, cm, pvc, before, after object.Object) {
	cm, pvc = configMap("a"), manifest("v1", "PersistentVolumeClaim", "web-dev", "data")
	before = configMap("before", annotated(v1alpha1.AnnotationHook, "PreDelete"))
	after = configMap("after", annotated(v1alpha1.AnnotationHook, "PostDelete"))
	in = input(before, after, configMap("of-each-revision"))
	have(&in, cm, pvc)
	absent(&in, before, after)
	in.Policy.Removed, in.Policy.Consents = true, consents(body)
	in.Rollout = plan.Rollout{Last: "1a57000", Done: true}
	in.Picture.Health = map[object.ID]health.Verdict{}
	return in, cm, pvc, before, after
}

// carried carries a plan out: what is made is healthy if it is to be.
func carried(in *plan.Input, p plan.Plan, state v1alpha1.Health) []string {
	in.Inventory, _ = plan.Ahead(in.Inventory, p)
	var sent []string
	done := map[object.ID]plan.Done{}
	for _, s := range p.Steps {
		switch s.Action {
		case plan.Apply:
			done[s.ID] = plan.Done{UID: "uid-" + s.ID.Name}
			in.Picture.Live[s.ID] = plan.Live{UID: "uid-" + s.ID.Name, Owner: web.Owner(), Managed: true, Run: s.Object.Annotation(v1alpha1.AnnotationRun)}
			in.Picture.Health[s.ID] = health.Verdict{Health: state}
			delete(in.Picture.Absent, s.ID)
		case plan.Delete:
			done[s.ID] = plan.Done{}
			delete(in.Picture.Live, s.ID)
			in.Picture.Absent[s.ID] = true
		default:
			continue
		}
		sent = append(sent, string(s.Action)+" "+s.ID.Name)
	}
	in.Inventory = plan.After(in.Inventory, p, done)
	slices.Sort(sent)
	return sent
}

// The hooks before come before the first deletion, those after it after the last, each once, in a revision of their own.
func TestAroundTheEnd(t *testing.T) {
	in, _, _, _, _ := leaving("Plumb-Allow-Delete: web/dev")
	var all [][]string
	for range 6 {
		all = append(all, carried(&in, plan.Make(in), v1alpha1.Healthy))
	}
	if diff := cmp.Diff([][]string{{"apply before"}, {"delete a", "delete data"}, {"apply after"}, nil, nil, nil}, all); diff != "" {
		t.Error(diff)
	}
	for _, e := range in.Inventory {
		if want := map[string]string{"before": "1a57000 PreDelete=Succeeded", "after": "1a57000 PostDelete=Succeeded"}[e.Name]; e.Hook != want {
			t.Errorf("of %s is recorded %q, want %q", e.Name, e.Hook, want)
		}
	}
}

// Nothing runs while nothing is allowed; what is held keeps the end from being over.
func TestAroundWhatIsHeld(t *testing.T) {
	in, cm, pvc, _, after := leaving("")
	if sent := carried(&in, plan.Make(in), v1alpha1.Healthy); len(sent) > 0 {
		t.Errorf("nobody has allowed it: %v", sent)
	}
	in.Policy.Consents = consents("Plumb-Allow-Delete: web/dev ConfigMap/a")
	var all [][]string
	for range 4 {
		all = append(all, carried(&in, plan.Make(in), v1alpha1.Healthy))
	}
	if diff := cmp.Diff([][]string{{"apply before"}, {"delete a"}, nil, nil}, all); diff != "" {
		t.Error(diff)
	}
	p := plan.Make(in)
	if s := step(t, p, pvc.ID()); s.Action != plan.Hold {
		t.Errorf("%s %s", s.Action, s.Why)
	}
	if slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.ID == after.ID() || s.ID == cm.ID() || s.Gated() }) {
		t.Errorf("what is held is what the app waits for: %q", plan.Explain(p))
	}
}

// A hook that fails before the end holds every deletion, until somebody asks for it again.
func TestAroundAFailure(t *testing.T) {
	for _, end := range []func(plan.Input) plan.Plan{plan.Make, plan.End} {
		in, cm, _, before, _ := leaving("Plumb-Allow-Delete: web/dev")
		carried(&in, end(in), v1alpha1.Degraded)
		for range 3 {
			p := end(in)
			if s := step(t, p, before.ID()); s.Action != plan.Refuse || s.Fault.Reason != "HookFailed" {
				t.Errorf("%s %s", s.Action, s.Why)
			}
			if s := step(t, p, cm.ID()); !s.Gated() {
				t.Errorf("%s %s", s.Action, s.Why)
			}
			if sent := carried(&in, p, v1alpha1.Healthy); len(sent) > 0 {
				t.Errorf("and yet: %v", sent)
			}
		}
		in.Rollout.Again = "1f2e3d4c"
		delete(in.Picture.Live, before.ID())
		in.Picture.Absent[before.ID()] = true
		if diff := cmp.Diff([]string{"apply before"}, carried(&in, end(in), v1alpha1.Healthy)); diff != "" {
			t.Error(diff)
		}
	}
}

// A Namespace in which hooks run after the end goes behind them.
func TestAroundANamespace(t *testing.T) {
	in, cm, pvc, _, _ := leaving("Plumb-Allow-Delete: web/dev\nPlumb-Allow-Delete: web/dev Namespace/web-dev")
	ns := manifest("v1", "Namespace", "", "web-dev")
	have(&in, ns)
	in.Picture.EmptyNamespaces = map[string]bool{"web-dev": true}
	var all [][]string
	for range 5 {
		all = append(all, carried(&in, plan.Make(in), v1alpha1.Healthy))
	}
	want := [][]string{{"apply before"}, {"delete " + cm.Name(), "delete " + pvc.Name()}, {"apply after"}, {"delete web-dev"}, nil}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Error(diff)
	}
}

func TestEndHooks(t *testing.T) {
	_, cm, _, before, after := leaving("")
	generated := configMap("x", annotated("helm.sh/hook", "pre-delete,post-install"))
	want := []string{"PostDelete ConfigMap/web-dev/after", "PreDelete ConfigMap/web-dev/before", "PreDelete ConfigMap/web-dev/x"}
	if diff := cmp.Diff(want, plan.EndHooks([]object.Object{cm, generated, before, after})); diff != "" {
		t.Error(diff)
	}
}
