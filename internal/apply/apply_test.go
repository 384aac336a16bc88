package apply

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

const (
	ourManager = "plumb:plumb-system/web"
	ourClaim   = "plumb-system/web:u1"
)

func id(kind, name string) object.ID {
	switch kind {
	case "Namespace":
		return object.ID{Kind: kind, Name: name}
	case "CustomResourceDefinition":
		return object.ID{Group: "apiextensions.k8s.io", Kind: kind, Name: name}
	}
	return object.ID{Kind: kind, Namespace: "web", Name: name}
}

// wanted gives an object of ours with one entry of data.
func wanted(of object.ID, value string) *object.Object {
	apiVersion := "v1"
	if of.Group != "" {
		apiVersion = of.Group + "/v1"
	}
	meta := map[string]any{"name": of.Name, "annotations": map[string]any{v1alpha1.AnnotationOwner: ourClaim}}
	if of.Namespace != "" {
		meta["namespace"] = of.Namespace
	}
	return &object.Object{Fields: map[string]any{"apiVersion": apiVersion, "kind": of.Kind, "metadata": meta, "data": map[string]any{"key": value}}}
}

func run(m *memory, steps ...plan.Step) []Outcome {
	r := Run{Target: m, Manager: ourManager, Owner: ourClaim, Versions: map[object.ID]string{}}
	return r.Do(context.Background(), plan.Plan{Steps: steps})
}

// told gives what became of each step in few words.
func told(outcomes []Outcome) []string {
	var out []string
	for _, o := range outcomes {
		word := "not done"
		switch {
		case o.Fault != nil:
			word = string(o.Fault.Reason)
		case o.Pending:
			word = "pending"
		case o.Done:
			word = "done"
		}
		out = append(out, o.Step.ID.Name+" "+word)
	}
	return out
}

func wantOutcomes(t *testing.T, outcomes []Outcome, want ...string) {
	t.Helper()
	if got := told(outcomes); !slices.Equal(got, want) {
		t.Errorf("outcomes %q, want %q", got, want)
		for _, o := range outcomes {
			if o.Fault != nil {
				t.Logf("%s: %v", o.Step.ID, o.Fault)
			}
		}
	}
}

func apply(kind, name, value string, order int) plan.Step {
	return plan.Step{ID: id(kind, name), Action: plan.Apply, Object: wanted(id(kind, name), value), Order: order, First: true}
}

func TestOrdersFollowEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		m.takes = 10 * time.Millisecond
		var steps []plan.Step
		steps = append(steps, apply("Namespace", "web", "", plan.OrderNamespaces), apply("CustomResourceDefinition", "d", "", plan.OrderDefinitions))
		for i := range 6 {
			steps = append(steps, apply("ConfigMap", fmt.Sprint("c", i), "x", plan.OrderObjects))
		}
		served := 0
		r := Run{Target: m, Manager: ourManager, Owner: ourClaim, Slots: make(chan struct{}, 4), Served: func() { served++ }}
		outcomes := r.Do(t.Context(), plan.Plan{Steps: steps})
		for _, o := range outcomes {
			if !o.Done || !o.Tried || !o.Applied.Created || o.Applied.UID == "" {
				t.Errorf("%s: %+v", o.Step.ID, o)
			}
		}
		if m.log[0] != "apply Namespace/web" || m.log[1] != "apply CustomResourceDefinition/d" {
			t.Errorf("in the order %q", m.log)
		}
		if m.most != 4 {
			t.Errorf("%d requests at once, want as many as there are slots: 4", m.most)
		}
		if served != 1 {
			t.Errorf("told %d times that kinds are served, want once for the definition", served)
		}
	})
}

// What was presumed absent is made if there is none. One that is there is not touched, and nothing is deleted meanwhile.
func TestWhatIsNewIsMadeOnlyIfThereIsNone(t *testing.T) {
	m := newMemory()
	theirs := m.put(id("ConfigMap", "b"), &stored{data: map[string]any{"key": "theirs"}, by: map[string]string{"key": "kubectl"}})
	old := m.put(id("ConfigMap", "old"), &stored{owner: ourClaim})
	fresh := func(name string) plan.Step {
		s := apply("ConfigMap", name, "1", plan.OrderObjects)
		s.New = true
		return s
	}
	outcomes := run(m, fresh("a"), fresh("b"), plan.Step{ID: id("ConfigMap", "old"), Action: plan.Delete, UID: old.uid, Order: plan.OrderDeleteObjects})
	wantOutcomes(t, outcomes, "a done", "b Superseded", "old ApplyFailed")
	if !outcomes[1].Found || theirs.data["key"] != "theirs" || len(theirs.data) != 1 {
		t.Errorf("found: %v; it is %v", outcomes[1].Found, theirs.data)
	}
}

func TestOneFailureStopsOnlyDeletions(t *testing.T) {
	m := newMemory()
	old := m.put(id("ConfigMap", "old"), &stored{owner: ourClaim})
	m.refuse[id("ConfigMap", "a")] = []error{fault.New(fault.Rejected, "no")}
	outcomes := run(m, apply("ConfigMap", "a", "1", plan.OrderObjects), apply("ConfigMap", "b", "1", plan.OrderObjects),
		plan.Step{ID: id("ConfigMap", "old"), Action: plan.Delete, UID: old.uid, Order: plan.OrderDeleteObjects})
	wantOutcomes(t, outcomes, "a Rejected", "b done", "old ApplyFailed")
	if m.objects[id("ConfigMap", "old")] == nil {
		t.Error("deleted although not everything was applied")
	}
}

func TestNothingIsDeletedWhileSomethingWaits(t *testing.T) {
	for _, row := range []struct {
		reason string
		step   plan.Step
		want   bool // deleted
	}{
		{"an apply waits", plan.Step{ID: id("ConfigMap", "a"), Action: plan.Wait, Object: wanted(id("ConfigMap", "a"), "x")}, false},
		{"an apply is refused", plan.Step{ID: id("ConfigMap", "a"), Action: plan.Refuse, Fault: fault.New(fault.OwnedByOther, "x")}, false},
		{"a removal waits", plan.Step{ID: id("ConfigMap", "a"), Action: plan.Wait, Order: plan.OrderDeleteObjects}, true},
		{"a removal is held", plan.Step{ID: id("ConfigMap", "a"), Action: plan.Hold, Order: plan.OrderDeleteObjects}, true},
	} {
		t.Run(row.reason, func(t *testing.T) {
			m := newMemory()
			old := m.put(id("ConfigMap", "old"), &stored{owner: ourClaim})
			run(m, row.step, plan.Step{ID: id("ConfigMap", "old"), Action: plan.Delete, UID: old.uid, Order: plan.OrderDeleteObjects})
			if deleted := m.objects[id("ConfigMap", "old")] == nil; deleted != row.want {
				t.Errorf("deleted: %v", deleted)
			}
		})
	}
}

func TestDeletions(t *testing.T) {
	for _, row := range []struct {
		reason string
		live   *stored // "" owner is ours
		uid    string  // of the plan; "" is that of live
		change func(m *memory)
		want   string
		stays  bool
	}{
		{"ours, as planned", &stored{owner: ourClaim}, "", nil, "old done", false},
		{"gone already", nil, "uid-1", nil, "old done", false},
		{"made anew by somebody else", &stored{owner: ourClaim}, "uid-other", nil, "old done", true},
		{"our claim was taken off", &stored{}, "", nil, "old OwnedByOther", true},
		{"another app's claim is on it by now", &stored{owner: "plumb-system/other:u2"}, "", nil, "old OwnedByOther", true},
		{"a finalizer holds it", &stored{owner: ourClaim, finalizer: true}, "", nil, "old pending", true},
		{"it is being deleted already", &stored{owner: ourClaim, dying: true}, "", nil, "old pending", true},
		{"the API server refuses", &stored{owner: ourClaim}, "", func(m *memory) {
			m.refuse[id("ConfigMap", "old")] = []error{fault.New(fault.Forbidden, "no")}
		}, "old Forbidden", true},
		{"a controller writes status meanwhile", &stored{owner: ourClaim}, "", func(m *memory) {
			left := 3
			m.interfere = func(of object.ID) {
				if left--; left > 0 {
					m.objects[of].version = m.next()
				}
			}
		}, "old done", false},
		{"somebody takes it over between look and deletion", &stored{owner: ourClaim}, "", func(m *memory) {
			m.interfere = func(of object.ID) { m.objects[of].owner, m.objects[of].version = "plumb-system/other:u2", m.next() }
		}, "old OwnedByOther", true},
	} {
		t.Run(row.reason, func(t *testing.T) {
			m := newMemory()
			uid := row.uid
			if row.live != nil {
				live := m.put(id("ConfigMap", "old"), row.live)
				if uid == "" {
					uid = live.uid
				}
			}
			if row.change != nil {
				row.change(m)
			}
			wantOutcomes(t, run(m, plan.Step{ID: id("ConfigMap", "old"), Action: plan.Delete, UID: uid, Order: plan.OrderDeleteObjects}), row.want)
			if stays := m.objects[id("ConfigMap", "old")] != nil; stays != row.stays {
				t.Errorf("it stays: %v", stays)
			}
		})
	}
}

// deaf answers nothing after a deletion was asked for.
type deaf struct {
	*memory
}

func (d *deaf) GetMetadata(ctx context.Context, of object.ID, version string) (meta metav1.ObjectMeta, err error) {
	if slices.Contains(d.log, "delete "+of.String()) {
		return meta, unreachable
	}
	return d.memory.GetMetadata(ctx, of, version)
}

func TestADeletionNobodyConfirmedIsNotDone(t *testing.T) {
	m := newMemory()
	live := m.put(id("ConfigMap", "old"), &stored{owner: ourClaim, finalizer: true})
	r := Run{Target: &deaf{memory: m}, Manager: ourManager, Owner: ourClaim}
	outcomes := r.Do(t.Context(), plan.Plan{Steps: []plan.Step{{ID: id("ConfigMap", "old"), Action: plan.Delete, UID: live.uid, Order: plan.OrderDeleteObjects}}})
	wantOutcomes(t, outcomes, "old pending")
}

func TestANamespaceOfTheAppNeedsNoClaim(t *testing.T) {
	m := newMemory()
	live := m.put(id("Namespace", "web"), &stored{})
	wantOutcomes(t, run(m, plan.Step{ID: id("Namespace", "web"), Action: plan.Delete, UID: live.uid, Order: plan.OrderDeleteSpaces}), "web done")
	live = m.put(id("Namespace", "web"), &stored{owner: "plumb-system/other:u2"})
	wantOutcomes(t, run(m, plan.Step{ID: id("Namespace", "web"), Action: plan.Delete, UID: live.uid, Order: plan.OrderDeleteSpaces}), "web OwnedByOther")
}

func TestANewerCommitStopsBetweenSteps(t *testing.T) {
	m := newMemory()
	newer := make(chan struct{})
	close(newer)
	r := Run{Target: m, Manager: ourManager, Owner: ourClaim, Superseded: newer}
	outcomes := r.Do(t.Context(), plan.Plan{Steps: []plan.Step{apply("ConfigMap", "a", "1", plan.OrderObjects), {ID: id("ConfigMap", "old"), Action: plan.Delete, UID: "x", Order: plan.OrderDeleteObjects}}})
	wantOutcomes(t, outcomes, "a Superseded", "old Superseded")
	if len(m.log) > 0 {
		t.Errorf("sent %q", m.log)
	}
}

func TestFirstClaims(t *testing.T) {
	for _, row := range []struct {
		reason string
		by     string   // who owns the field
		takes  []string // of the plan
		want   string
		took   string
	}{
		{"nobody's", "", nil, "a done", ""},
		{"another tool's field is taken, and told", "somebody", nil, "a done", "somebody"},
		{"another app's field is not", "plumb:shop/cart", nil, "a OwnedByOther", ""},
		{"but that of an app which gave it up is", "plumb:shop/cart", []string{"plumb:shop/cart"}, "a done", "plumb:shop/cart"},
		{"not that of a third app", "plumb:shop/third", []string{"plumb:shop/cart"}, "a OwnedByOther", ""},
	} {
		t.Run(row.reason, func(t *testing.T) {
			m := newMemory()
			m.put(id("ConfigMap", "a"), &stored{data: map[string]any{"key": "theirs"}, by: map[string]string{"key": row.by}})
			step := apply("ConfigMap", "a", "ours", plan.OrderObjects)
			step.Takes = row.takes
			outcomes := run(m, step)
			wantOutcomes(t, outcomes, row.want)
			if took := strings.Join(outcomes[0].Took, ","); took != row.took {
				t.Errorf("took from %q, want %q", took, row.took)
			}
			if value := m.objects[id("ConfigMap", "a")].data["key"]; (value == "ours") != (row.want == "a done") {
				t.Errorf("the value is %v", value)
			}
		})
	}
}

func TestMigrate(t *testing.T) {
	m := newMemory()
	m.put(id("ConfigMap", "a"), &stored{
		data: map[string]any{"key": "x", "old": "y"}, by: map[string]string{"key": "kubectl-client-side-apply", "old": "kubectl-client-side-apply"},
		managers: []string{"kubectl-client-side-apply"},
	})
	left := 3
	m.interfere = func(of object.ID) {
		if left--; left > 0 {
			m.objects[of].version = m.next()
		}
	}
	step := apply("ConfigMap", "a", "x", plan.OrderObjects)
	step.Takes = []string{"kubectl-client-side-apply", "helm"}
	outcomes := run(m, step)
	wantOutcomes(t, outcomes, "a done")
	if took := outcomes[0].Took; !slices.Equal(took, []string{"kubectl-client-side-apply"}) {
		t.Errorf("took from %q: told is who had an entry", took)
	}
	if _, there := m.objects[id("ConfigMap", "a")].data["old"]; there {
		t.Error("a field that kubectl applied and Git does not have is still there")
	}
}

func TestReplace(t *testing.T) {
	for _, row := range []struct {
		reason  string
		owner   string
		policy  plan.Policy
		change  func(m *memory)
		want    string
		deleted bool
	}{
		{"listed", ourClaim, plan.Policy{Replace: []v1alpha1.ObjectRef{{Kind: "ConfigMap"}}}, nil, "a done", true},
		{"not listed", ourClaim, plan.Policy{}, nil, "a ImmutableField", false},
		{"the new one would be refused", ourClaim, plan.Policy{Replace: []v1alpha1.ObjectRef{{Kind: "ConfigMap"}}}, func(m *memory) {
			m.refuse[id("ConfigMap", "a-rehearsal")] = []error{fault.New(fault.Rejected, "spec: Invalid value")}
		}, "a Rejected", false},
		{"what it asks for is the old one's", ourClaim, plan.Policy{Replace: []v1alpha1.ObjectRef{{Kind: "ConfigMap"}}}, func(m *memory) {
			m.refuse[id("ConfigMap", "a-rehearsal")] = []error{fault.New(fault.Rejected, "spec.clusterIPs: provided IP is already allocated")}
		}, "a done", true},
		{"its claim was taken off meanwhile", "", plan.Policy{Replace: []v1alpha1.ObjectRef{{Kind: "ConfigMap"}}}, nil, "a OwnedByOther", false},
	} {
		t.Run(row.reason, func(t *testing.T) {
			m := newMemory()
			live := m.put(id("ConfigMap", "a"), &stored{owner: row.owner, data: map[string]any{"key": "old"}, fixed: true})
			if row.change != nil {
				row.change(m)
			}
			step := apply("ConfigMap", "a", "new", plan.OrderObjects)
			step.First, step.UID = false, live.uid
			r := Run{Target: m, Manager: ourManager, Owner: ourClaim, Policy: row.policy}
			outcomes := r.Do(t.Context(), plan.Plan{Steps: []plan.Step{step}})
			wantOutcomes(t, outcomes, row.want)
			now := m.objects[id("ConfigMap", "a")]
			if now == nil || (now.uid != live.uid) != row.deleted {
				t.Errorf("after it: %+v", now)
			}
			if row.deleted && outcomes[0].Step.Action != plan.Replace {
				t.Error("the outcome does not say that it was replaced")
			}
		})
	}
}

func TestAReplacementWaitsForTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		live := m.put(id("ConfigMap", "a"), &stored{owner: ourClaim, fixed: true, finalizer: true, data: map[string]any{"key": "old"}})
		time.AfterFunc(2*time.Second, func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			delete(m.objects, id("ConfigMap", "a"))
		})
		step := plan.Step{ID: id("ConfigMap", "a"), Action: plan.Replace, Object: wanted(id("ConfigMap", "a"), "new"), UID: live.uid, Order: plan.OrderObjects}
		wantOutcomes(t, run(m, step), "a done")
		again := m.objects[id("ConfigMap", "a")]
		again.fixed, again.finalizer = true, true
		step.UID = again.uid
		begun := time.Now()
		wantOutcomes(t, run(m, step), "a ApplyFailed")
		if waited := time.Since(begun); waited != 30*time.Second {
			t.Errorf("waited %s for an object that does not go", waited)
		}
	})
}

func TestRelease(t *testing.T) {
	m := newMemory()
	live := m.put(id("ConfigMap", "a"), &stored{
		owner: "plumb-system/other:u2", data: map[string]any{"theirs": "x", "ours": "y"},
		by: map[string]string{"theirs": "plumb:plumb-system/other", "ours": ourManager},
	})
	r := Run{Target: m, Manager: ourManager, Owner: ourClaim, Versions: map[object.ID]string{id("ConfigMap", "a"): "v1"}}
	release := plan.Step{ID: id("ConfigMap", "a"), Action: plan.Release, UID: live.uid, Order: plan.OrderDeleteObjects}
	wantOutcomes(t, r.Do(t.Context(), plan.Plan{Steps: []plan.Step{release}}), "a done")
	now := m.objects[id("ConfigMap", "a")]
	if now.owner != "plumb-system/other:u2" || now.data["theirs"] != "x" || now.data["ours"] != nil {
		t.Errorf("after the release: %+v", now)
	}
	delete(m.objects, id("ConfigMap", "a"))
	wantOutcomes(t, r.Do(t.Context(), plan.Plan{Steps: []plan.Step{release}}), "a done")
	if m.objects[id("ConfigMap", "a")] != nil {
		t.Error("the release of an object that is gone has made it")
	}
}

func TestAKindThatIsServedLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		unserved := fault.New(fault.KindUnknown, "the API server does not serve Widget")
		m.refuse[id("Widget", "w")] = []error{unserved, unserved, unserved}
		m.refuse[id("Widget", "other")] = []error{unserved}
		served := 0
		r := Run{Target: m, Manager: ourManager, Owner: ourClaim, Served: func() { served++ }}
		outcomes := r.Do(t.Context(), plan.Plan{Steps: []plan.Step{apply("Widget", "other", "x", plan.OrderObjects), apply("Widget", "w", "x", plan.OrderCustom)}})
		wantOutcomes(t, outcomes, "other KindUnknown", "w done")
		if served != 3 {
			t.Errorf("looked %d times again what is served, want 3", served)
		}
	})
}

func TestRejectionsDoNotQuoteSecrets(t *testing.T) {
	m := newMemory()
	secret := apply("Secret", "s", "aHVudGVyMi1odW50ZXIy", plan.OrderObjects) // hunter2-hunter2
	m.refuse[id("Secret", "s")] = []error{fault.New(fault.Rejected, "denied the request: value hunter2-hunter2 is weak")}
	m.refuse[id("ConfigMap", "a")] = []error{fault.New(fault.Rejected, "denied: it holds aHVudGVyMi1odW50ZXIy")}
	for _, out := range run(m, apply("ConfigMap", "a", "x", plan.OrderObjects), secret) {
		if out.Fault == nil || strings.Contains(out.Fault.Error(), "hunter2") || strings.Contains(out.Fault.Error(), "aHVudGVyMi1odW50ZXIy") {
			t.Errorf("%s: %v", out.Step.ID, out.Fault)
		}
	}
}

// serviceDesk counts how many Services are asked for at once.
type serviceDesk struct {
	*memory
	now, most atomic.Int32
}

func (d *serviceDesk) Apply(ctx context.Context, o object.Object, opts cluster.ApplyOptions) (cluster.Applied, error) {
	if o.Kind() == "Service" {
		d.most.Store(max(d.most.Load(), d.now.Add(1)))
		defer d.now.Add(-1)
	}
	return d.memory.Apply(ctx, o, opts)
}

// The API server makes one Service at a time. Those that wait for that take no slot from others, and end with a newer commit.
func TestServicesQueueApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &serviceDesk{memory: newMemory()}
		d.takes = time.Second
		var steps []plan.Step
		for _, kind := range []string{"Service", "ConfigMap"} {
			for i := range 6 {
				steps = append(steps, apply(kind, fmt.Sprint(i), "x", plan.OrderObjects))
			}
		}
		newer := make(chan struct{})
		r := Run{Target: d, Manager: ourManager, Owner: ourClaim, Slots: make(chan struct{}, 3), Single: make(chan struct{}, 1), Superseded: newer}
		time.AfterFunc(4500*time.Millisecond, func() { close(newer) })
		done := map[string]int{}
		for _, o := range r.Do(t.Context(), plan.Plan{Steps: steps}) {
			if o.Done {
				done[o.Step.ID.Kind]++
			}
		}
		if d.most.Load() != 1 || done["ConfigMap"] != 6 || done["Service"] == 0 || done["Service"] == 6 {
			t.Errorf("%d Services at once; done until a newer commit came: %v", d.most.Load(), done)
		}
	})
}
