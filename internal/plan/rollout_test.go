package plan_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/health"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

func job(name string, change ...func(object.Object) object.Object) object.Object {
	return manifest("batch/v1", "Job", "web-dev", name, change...)
}

func hookIn(phase string) func(object.Object) object.Object {
	return annotated(v1alpha1.AnnotationHook, phase)
}

func inWave(n string) func(object.Object) object.Object { return annotated(v1alpha1.AnnotationWave, n) }

// cluster carries plans out as far as a test lets it: what is applied is there, and as healthy as the test says.
type cluster struct {
	t      *testing.T
	in     plan.Input
	health map[object.ID]v1alpha1.Health // Healthy where nothing is said
	sent   []string                      // "apply ConfigMap/a", in the order of plans
	made   int
}

func newCluster(t *testing.T, desired ...object.Object) *cluster {
	c := &cluster{t: t, in: input(desired...), health: map[object.ID]v1alpha1.Health{}}
	c.in.Picture.Live = map[object.ID]plan.Live{{Kind: "Namespace", Name: "web-dev"}: {UID: "uid-ns"}}
	return c
}

// look fills in what the Picture must know.
func (c *cluster) look() {
	c.in.Picture.Absent, c.in.Picture.Health = map[object.ID]bool{}, map[object.ID]health.Verdict{}
	for _, id := range plan.Needs(c.in) {
		if _, exists := c.in.Picture.Live[id]; !exists {
			c.in.Picture.Absent[id] = true
			continue
		}
		h := c.health[id]
		if h == "" {
			h = v1alpha1.Healthy
		}
		c.in.Picture.Health[id] = health.Verdict{Health: h, Message: "it says " + string(h)}
	}
}

// pass plans once and carries it out. It gives what was sent. only, if there, lets one step after the other happen.
func (c *cluster) pass() []string {
	c.look()
	p := plan.Make(c.in)
	if p.Fault != nil {
		c.t.Fatal(p.Fault)
	}
	c.in.Inventory, _ = plan.Ahead(c.in.Inventory, p)
	var sent []string
	done := map[object.ID]plan.Done{}
	for _, s := range p.Steps {
		switch s.Action {
		case plan.Apply, plan.Replace:
			done[s.ID] = plan.Done{UID: c.apply(s), Owned: "owned-" + s.ID.Name}
		case plan.Delete:
			done[s.ID] = plan.Done{}
			delete(c.in.Picture.Live, s.ID)
		default:
			continue
		}
		sent = append(sent, string(s.Action)+" "+s.ID.Kind+"/"+s.ID.Name)
	}
	c.in.Inventory = plan.After(c.in.Inventory, p, done)
	c.sent = append(c.sent, sent...)
	return sent
}

func (c *cluster) apply(s plan.Step) string {
	live, exists := c.in.Picture.Live[s.ID]
	if !exists || s.Action == plan.Replace {
		c.made++
		live = plan.Live{UID: "uid-" + s.ID.Name + strings.Repeat("'", c.made)}
	}
	live.Owner, live.Managed, live.Owned = s.Object.Annotation(v1alpha1.AnnotationOwner), true, "owned-"+s.ID.Name
	live.Run = s.Object.Annotation(v1alpha1.AnnotationRun)
	c.in.Picture.Live[s.ID] = live
	return live.UID
}

// passes plans until nothing is sent any more, and gives what each pass sent.
func (c *cluster) passes() [][]string {
	var all [][]string
	for range 30 {
		sent := c.pass()
		if len(sent) == 0 {
			return all
		}
		all = append(all, sent)
	}
	c.t.Fatalf("it never ends: %v", all)
	return nil
}

func (c *cluster) wants(reason string, want ...[]string) {
	c.t.Helper()
	if diff := cmp.Diff(want, c.passes()); diff != "" {
		c.t.Errorf("%s (-want +got):\n%s", reason, diff)
	}
}

// next takes up a commit.
func (c *cluster) next(revision string, desired ...object.Object) {
	c.in.Revision, c.in.Rollout = revision, plan.Rollout{}
	if desired != nil {
		c.in.Desired = desired
	}
}

// explain gives the plan as it is now.
func (c *cluster) explain() []string {
	c.look()
	return plan.Explain(plan.Make(c.in))
}

func TestOrderOfPhasesAndWaves(t *testing.T) {
	pv := manifest("v1", "Namespace", "", "team", inWave("9"))
	inside := manifest("v1", "ConfigMap", "team", "inside", inWave("-1"))
	def := crd("example.com", "widgets", "Widget")
	widget := manifest("example.com/v1", "Widget", "web-dev", "w", inWave("-3"))
	c := newCluster(t, job("after", hookIn("PostSync")), configMap("two", inWave("2")), configMap("zero"), job("before", hookIn("PreSync")),
		job("first", hookIn("PreSync"), inWave("-1")), job("between", hookIn("Sync"), inWave("1")), job("never", hookIn("SyncFail")),
		pv, inside, def, widget)
	c.wants("each turn is a pass",
		[]string{"apply Job/first"},
		[]string{"apply Job/before"},
		[]string{"apply CustomResourceDefinition/widgets.example.com", "apply Widget/w"},
		[]string{"apply Namespace/team", "apply ConfigMap/inside"},
		[]string{"apply ConfigMap/zero"},
		[]string{"apply Job/between"},
		[]string{"apply ConfigMap/two"},
		[]string{"apply Job/after"},
	)
	c.in.Rollout.Done = true
	c.wants("a revision that is done has no hook")
	delete(c.in.Picture.Live, configMap("two").ID())
	c.wants("healing runs no hook", []string{"apply ConfigMap/two"})
	c.next("second")
	c.wants("each hook runs once in the next revision, and nothing else is sent",
		[]string{"replace Job/first"}, []string{"replace Job/before"}, []string{"replace Job/between"}, []string{"replace Job/after"})
}

func TestTheNamespaceComesBeforeTheFirstHook(t *testing.T) {
	c := newCluster(t, job("before", hookIn("PreSync"), inWave("-5")), configMap("a"))
	c.in.Picture.Live = map[object.ID]plan.Live{}
	c.wants("the app's own namespace", []string{"apply Namespace/web-dev", "apply Job/before"}, []string{"apply ConfigMap/a"})
	c = newCluster(t, configMap("a", inWave("-5")), configMap("b"))
	c.in.Picture.Live = map[object.ID]plan.Live{}
	c.wants("with waves alone", []string{"apply Namespace/web-dev", "apply ConfigMap/a"}, []string{"apply ConfigMap/b"})
}

func TestAWaveWaitsForHealth(t *testing.T) {
	db := manifest("apps/v1", "Deployment", "web-dev", "db")
	c := newCluster(t, db, configMap("later", inWave("1")), job("saved", hookIn("SyncFail")))
	c.health[db.ID()] = v1alpha1.Progressing
	c.wants("the first wave alone", []string{"apply Deployment/db"})
	p := plan.Make(c.in)
	s := step(t, p, configMap("later").ID())
	if !s.Gated() || !slices.Equal(s.After, []object.ID{db.ID()}) || !strings.Contains(s.Why, "it says Progressing") {
		t.Errorf("the second waits for %v: %s", s.After, s.Why)
	}
	c.in.Picture.Late = true
	c.wants("what makes no progress has failed", []string{"apply Job/saved"})
	c.in.Picture.Late = false
	c.health[db.ID()] = v1alpha1.Suspended
	c.wants("suspended by its own wish is as good as healthy", []string{"apply ConfigMap/later"})

	c.health[db.ID()] = v1alpha1.Degraded
	c.in.Rollout.Done = true
	live := c.in.Picture.Live[configMap("later").ID()]
	live.Owned = "edited"
	c.in.Picture.Live[configMap("later").ID()] = live
	c.wants("what somebody changed is healed whatever comes before it", []string{"apply ConfigMap/later"})
}

func TestRemovalsComeAfterTheLastWave(t *testing.T) {
	db := manifest("apps/v1", "Deployment", "web-dev", "db")
	goes := configMap("goes")
	c := newCluster(t, db, configMap("later", inWave("1")), goes)
	c.passes()
	c.next("second", db.WithLabel("a", "b"), configMap("later", inWave("1"), annotated("a", "b")), job("after", hookIn("PostSync")))
	c.health[db.ID()] = v1alpha1.Progressing
	c.wants("nothing goes while a wave is to come", []string{"apply Deployment/db"})
	p := plan.Make(c.in)
	if s := step(t, p, goes.ID()); !s.Gated() || p.Settled() {
		t.Errorf("%s: %s", s.Action, s.Why)
	}
	c.health[db.ID()] = v1alpha1.Healthy
	c.wants("with the last wave, and before what comes after", []string{"apply ConfigMap/later", "delete ConfigMap/goes"}, []string{"apply Job/after"})
}

func TestAHookThatFails(t *testing.T) {
	before, saved := job("before", hookIn("PreSync")), job("saved", hookIn("SyncFail"))
	c := newCluster(t, before, configMap("a"), saved)
	c.health[before.ID()] = v1alpha1.Progressing
	c.wants("it runs", []string{"apply Job/before"})
	c.health[before.ID()] = v1alpha1.Degraded
	c.wants("its failure calls for help", []string{"apply Job/saved"})
	s := step(t, plan.Make(c.in), before.ID())
	if s.Action != plan.Refuse || s.Reason != fault.HookFailed || !strings.Contains(s.Why, "it says Degraded") || s.Fault.Next == "" || s.Fault.Place.File == "" {
		t.Errorf("%s %s: %v", s.Action, s.Reason, s.Fault)
	}
	c.health[before.ID()] = v1alpha1.Healthy
	c.wants("a run that has failed stays so, whatever its object says later")
	c.in.Rollout.Again = "asked"
	c.wants("it is run again when somebody asks", []string{"replace Job/before"}, []string{"apply ConfigMap/a"})
	c.health[before.ID()] = v1alpha1.Degraded
	c.next("second")
	c.passes()
	c.in.Rollout.Again = "asked"
	c.wants("one request runs it once", []string{"replace Job/before"})
	c.in.Rollout.Again = "again"
	c.wants("another one, once more", []string{"replace Job/before"})
	c.next("third")
	c.health[before.ID()] = v1alpha1.Healthy
	c.wants("the next commit", []string{"replace Job/before"})
}

// What must be the same after a kill: at each point between a decision and its effect.
func TestAHookRunsOnceThroughKills(t *testing.T) {
	before := job("before", hookIn("PreSync"))
	begun := func(t *testing.T) (*cluster, plan.Plan) {
		c := newCluster(t, before, configMap("a"))
		c.health[before.ID()] = v1alpha1.Progressing
		c.look()
		p := plan.Make(c.in)
		c.in.Inventory, _ = plan.Ahead(c.in.Inventory, p)
		return c, p
	}
	t.Run("recorded, and not made", func(t *testing.T) {
		c, _ := begun(t)
		c.wants("it is made", []string{"apply Job/before"})
	})
	t.Run("made, and not written down", func(t *testing.T) {
		c, p := begun(t)
		c.apply(step(t, p, before.ID()))
		c.wants("it is not made again")
		c.health[before.ID()] = v1alpha1.Healthy
		c.wants("and its end is seen", []string{"apply ConfigMap/a"})
	})
	t.Run("ended, and nobody has seen it", func(t *testing.T) {
		c, _ := begun(t)
		c.passes()
		delete(c.in.Picture.Live, before.ID())
		c.wants("what follows is not done on a guess")
		if s := step(t, plan.Make(c.in), before.ID()); s.Reason != fault.HookFailed || !strings.Contains(s.Why, "its object is gone") {
			t.Errorf("%s: %s", s.Reason, s.Why)
		}
	})
	t.Run("seen, and then deleted", func(t *testing.T) {
		c, _ := begun(t)
		c.health[before.ID()] = v1alpha1.Healthy
		c.passes()
		delete(c.in.Picture.Live, before.ID())
		c.wants("it has succeeded for good")
	})
	t.Run("the old one is deleted, and the new one is not made", func(t *testing.T) {
		c, _ := begun(t)
		c.health[before.ID()] = v1alpha1.Healthy
		c.passes()
		c.next("second")
		c.look()
		c.in.Inventory, _ = plan.Ahead(c.in.Inventory, plan.Make(c.in))
		delete(c.in.Picture.Live, before.ID())
		c.wants("it is made", []string{"apply Job/before"})
	})
	t.Run("the old one still stands", func(t *testing.T) {
		c, _ := begun(t)
		c.health[before.ID()] = v1alpha1.Healthy
		c.passes()
		c.next("second")
		c.look()
		c.in.Inventory, _ = plan.Ahead(c.in.Inventory, plan.Make(c.in))
		c.wants("it is replaced", []string{"replace Job/before"})
	})
}

func TestHookDeletePolicies(t *testing.T) {
	policy := func(words string) func(object.Object) object.Object { return annotated("plumb.dev/hook-delete", words) }
	t.Run("HookSucceeded takes what a phase has made when the phase is over", func(t *testing.T) {
		account := manifest("v1", "ServiceAccount", "web-dev", "runner", hookIn("PreSync"), inWave("-1"), policy("HookSucceeded"))
		c := newCluster(t, account, job("before", hookIn("PreSync"), policy("HookSucceeded")), configMap("a"))
		c.wants("not before", []string{"apply ServiceAccount/runner"}, []string{"apply Job/before"}, []string{"apply ConfigMap/a", "delete ServiceAccount/runner", "delete Job/before"})
	})
	t.Run("HookFailed takes what failed", func(t *testing.T) {
		before := job("before", hookIn("PreSync"), policy("HookFailed"))
		c := newCluster(t, before, configMap("a"))
		c.health[before.ID()] = v1alpha1.Degraded
		c.wants("when its failure is known", []string{"apply Job/before"}, []string{"delete Job/before"})
		if s := step(t, plan.Make(c.in), before.ID()); s.Reason != fault.HookFailed {
			t.Errorf("its failure is forgotten: %s", s.Why)
		}
	})
	t.Run("what is no run to an end is applied over, unless the policy says otherwise", func(t *testing.T) {
		c := newCluster(t, configMap("over", hookIn("PreSync"), policy("HookFailed")), configMap("anew", hookIn("PreSync")))
		c.passes()
		c.next("second")
		c.wants("", []string{"replace ConfigMap/anew", "apply ConfigMap/over"})
	})
	t.Run("what holds data is never deleted", func(t *testing.T) {
		c := newCluster(t, manifest("v1", "PersistentVolumeClaim", "web-dev", "data", hookIn("PreSync"), policy("BeforeHookCreation,HookSucceeded")))
		c.wants("", []string{"apply PersistentVolumeClaim/data"})
		c.next("second")
		c.wants("", []string{"apply PersistentVolumeClaim/data"})
	})
}

func TestGeneratedNames(t *testing.T) {
	o := job("", hookIn("PreSync,PostSync"))
	o.Fields["metadata"].(map[string]any)["generateName"] = "migrate-"
	delete(o.Fields["metadata"].(map[string]any), "name")
	c := newCluster(t, o, configMap("a"))
	first, last := plan.HookName("migrate-", web, head, "PreSync"), plan.HookName("migrate-", web, head, "PostSync")
	c.wants("one name for each phase", []string{"apply Job/" + first}, []string{"apply ConfigMap/a"}, []string{"apply Job/" + last})
	if len(first) != len("migrate-")+8 || first == last || plan.HookName("migrate-", other, head, "PreSync") == first || plan.HookName("migrate-", web, "second", "PreSync") == first {
		t.Errorf("%s and %s", first, last)
	}
	if n := plan.HookName(strings.Repeat("x", 80), web, head, "PreSync"); len(n) != 63 {
		t.Errorf("%s has %d characters", n, len(n))
	}
	c.next("second")
	second, seconds := plan.HookName("migrate-", web, "second", "PreSync"), plan.HookName("migrate-", web, "second", "PostSync")
	c.wants("those of the last revision go", []string{"apply Job/" + second, "delete Job/" + first}, []string{"apply Job/" + seconds, "delete Job/" + last})
}

// Nothing that Plumb did not make is deleted for a hook.
func TestWhoseIsTheHook(t *testing.T) {
	before := job("before", hookIn("PreSync"))
	dead := plan.Live{UID: "u", Owner: gone.Owner(), Managed: true, Run: "old/PreSync"}
	for _, row := range []struct {
		reason string
		live   plan.Live
		entry  *v1alpha1.InventoryEntry
		action plan.Action
	}{
		{"nobody's", plan.Live{UID: "u"}, nil, plan.Refuse},
		{"another App's", plan.Live{UID: "u", Owner: other.Owner(), Run: "old/PreSync"}, nil, plan.Refuse},
		{"another tool's", plan.Live{UID: "u", Tool: &plan.Tool{Name: "Argo CD", App: "web", Writes: true}}, nil, plan.Refuse},
		{"of an App that is gone, and made for a hook", dead, nil, plan.Replace},
		{"of an App that is gone, and not made for a hook", plan.Live{UID: "u", Owner: gone.Owner()}, nil, plan.Refuse},
		{"ours, made for a hook, and not recorded", plan.Live{UID: "u", Owner: web.Owner(), Run: "old/PreSync"}, nil, plan.Replace},
		{"ours, an ordinary object until now", plan.Live{UID: "u", Owner: web.Owner()}, &v1alpha1.InventoryEntry{UID: "u", Created: true, Desired: "d"}, plan.Replace},
		{"taken over, an ordinary object until now", plan.Live{UID: "u", Owner: web.Owner()}, &v1alpha1.InventoryEntry{UID: "u", Desired: "d"}, plan.Refuse},
		{"made anew by somebody who copied our claim", plan.Live{UID: "u2", Owner: web.Owner(), Run: "old/PreSync"}, &v1alpha1.InventoryEntry{UID: "u", Created: true}, plan.Refuse},
		{"being deleted", plan.Live{UID: "u", Owner: web.Owner(), Run: "old/PreSync", Terminating: true}, nil, plan.Wait},
	} {
		in := input(before, configMap("a"))
		absent(&in, configMap("a"))
		in.Picture.Live[before.ID()] = row.live
		if row.entry != nil {
			e := entryOf(before)
			e.UID, e.Created, e.Desired = row.entry.UID, row.entry.Created, row.entry.Desired
			in.Inventory = append(in.Inventory, e)
		}
		p := plan.Make(in)
		s := step(t, p, before.ID())
		if s.Action != row.action {
			t.Errorf("%s: %s: %s", row.reason, s.Action, s.Why)
		}
		if s.Action == plan.Refuse && (s.Reason != fault.OwnedByOther || s.Fault.Next == "") {
			t.Errorf("%s: %v", row.reason, s.Fault)
		}
		if s.Action == plan.Replace && s.UID != "u" {
			t.Errorf("%s: replaces %q", row.reason, s.UID)
		}
		if a := step(t, p, configMap("a").ID()); !a.Gated() {
			t.Errorf("%s: what comes after is sent", row.reason)
		}
	}
}

func TestHooksBecomeObjectsAndBack(t *testing.T) {
	c := newCluster(t, job("migrate"), configMap("a"))
	c.passes()
	c.next("second", job("migrate", hookIn("PreSync")), configMap("a"))
	c.wants("an object becomes a hook: it is made anew, and not pruned", []string{"replace Job/migrate"})
	c.next("third", job("migrate"), configMap("a"))
	c.wants("a hook becomes an object", []string{"apply Job/migrate"})
	c.in.Rollout.Done = true
	c.wants("and is one")
	if e := c.in.Inventory[0]; e.Hook != "" && e.Kind == "Job" {
		t.Errorf("%+v", e)
	}
	c.next("fourth", configMap("a"))
	c.wants("an object is pruned", []string{"delete Job/migrate"})
	c.next("fifth", job("migrate", hookIn("PreSync")), configMap("a"))
	c.passes()
	c.next("sixth", configMap("a"))
	c.wants("a hook is not")
	if _, exists := c.in.Picture.Live[job("migrate").ID()]; !exists || len(c.in.Inventory) != 1 {
		t.Errorf("what it made is left, and nobody looks after it: %v", c.in.Inventory)
	}
}

func TestHelmHooksKnowInstallFromUpgrade(t *testing.T) {
	c := newCluster(t, job("install", annotated("helm.sh/hook", "pre-install")), job("upgrade", annotated("helm.sh/hook", "pre-upgrade")),
		job("both", annotated("helm.sh/hook", "post-install,post-upgrade")), configMap("a"))
	c.in.Rollout.Install = true
	c.wants("an install", []string{"apply Job/install"}, []string{"apply ConfigMap/a"}, []string{"apply Job/both"})
	c.next("second")
	c.wants("an upgrade", []string{"apply Job/upgrade"}, []string{"replace Job/both"})
}

func TestANewerCommitLetsAHookEnd(t *testing.T) {
	before := job("before", hookIn("PreSync"))
	c := newCluster(t, before)
	c.health[before.ID()] = v1alpha1.Progressing
	c.passes()
	c.next("second")
	c.wants("a run that goes on is not cut off")
	c.in.Picture.Troubled = map[object.ID]bool{before.ID(): true}
	c.wants("one that cannot come to an end is", []string{"replace Job/before"})
	c.in.Picture.Troubled = nil
	c.next("third")
	c.in.Picture.Late = true
	c.wants("and one that makes no progress", []string{"replace Job/before"})
}

// TestNothingComesBeforeItsTurn: whatever the objects, their health and the order in which they are given, equal plans come
// out, each sends what one turn asks for, and nothing is sent before all that comes before it is there and healthy.
func TestNothingComesBeforeItsTurn(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		turns := map[object.ID]int{} // of what is sent
		var desired []object.Object
		for i := range rapid.IntRange(1, 8).Draw(rt, "objects") {
			wave := rapid.IntRange(-2, 2).Draw(rt, "wave")
			phase := rapid.SampledFrom([]string{"", "", "PreSync", "Sync", "PostSync"}).Draw(rt, "phase")
			o := configMap(fmt.Sprintf("o%d", i), inWave(strconv.Itoa(wave)))
			if phase != "" {
				o = job(fmt.Sprintf("o%d", i), inWave(strconv.Itoa(wave)), hookIn(phase))
			}
			turns[o.ID()] = 10*slices.Index([]string{"PreSync", "Sync", "PostSync"}, orSync(phase)) + wave
			desired = append(desired, o)
		}
		c := newCluster(t, desired...)
		applied := map[object.ID]bool{}
		for range 40 {
			for id := range turns {
				c.health[id] = rapid.SampledFrom([]v1alpha1.Health{v1alpha1.Healthy, v1alpha1.Healthy, v1alpha1.Progressing}).Draw(rt, "health")
			}
			c.look()
			p := plan.Make(c.in)
			other := c.in
			other.Desired, other.Inventory = slices.Clone(c.in.Desired), slices.Clone(c.in.Inventory)
			slices.Reverse(other.Desired)
			slices.Reverse(other.Inventory)
			if diff := cmp.Diff(plan.Explain(p), plan.Explain(plan.Make(other))); diff != "" {
				rt.Fatalf("the order of the inputs matters:\n%s", diff)
			}
			ended := map[object.ID]bool{}
			for _, s := range p.Steps {
				ended[s.ID] = s.Run != nil && s.Run.State == plan.RunSucceeded || s.Run == nil && c.health[s.ID] == v1alpha1.Healthy
			}
			for _, s := range p.Steps {
				if s.Action != plan.Apply && s.Action != plan.Replace {
					continue
				}
				if applied[s.ID] {
					rt.Fatalf("%s is sent twice", s.ID)
				}
				for id, turn := range turns {
					if turn < turns[s.ID] && !(applied[id] && ended[id]) {
						rt.Fatalf("%s is sent before %s: %s", s.ID, id, strings.Join(plan.Explain(p), "\n"))
					}
				}
			}
			for _, s := range p.Steps {
				applied[s.ID] = applied[s.ID] || s.Action == plan.Apply
			}
			c.pass()
		}
		for id := range c.health {
			c.health[id] = v1alpha1.Healthy
		}
		c.passes()
		for id := range turns {
			if _, exists := c.in.Picture.Live[id]; !exists {
				rt.Fatalf("%s never comes: %s", id, strings.Join(c.explain(), "\n"))
			}
		}
	})
}

func orSync(phase string) string {
	if phase == "" {
		return "Sync"
	}
	return phase
}
