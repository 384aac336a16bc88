package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// stays is an object of Git that keeps the set from being empty; eight more keep the limit away.
var stays = configMap("stays")

func set(in *plan.Input, o object.Object, change func(*plan.Live)) {
	in.Picture.Live[o.ID()] = liveOf(o, change)
}

func entry(in *plan.Input, o object.Object) *v1alpha1.InventoryEntry {
	for i := range in.Inventory {
		if plan.EntryID(in.Inventory[i]) == o.ID() {
			return &in.Inventory[i]
		}
	}
	panic("no entry for " + o.ID().String())
}

func consents(body string) []plan.Consent { return plan.ParseConsents("c0ffee1", body) }

// TestRemoval is the table of resources.md §7.3 for one object that Git does not have any more.
func TestRemoval(t *testing.T) {
	cm := configMap("a")
	pvc := manifest("v1", "PersistentVolumeClaim", "web-dev", "data")
	sts := manifest("apps/v1", "StatefulSet", "web-dev", "db")
	ns := manifest("v1", "Namespace", "", "old")
	def := crd("example.com", "widgets", "Widget")
	otherClaim := func(applied bool) map[object.ID]plan.Claim {
		return map[object.ID]plan.Claim{cm.ID(): {App: "plumb-system/cart-dev", UID: other.UID, Applied: applied}}
	}
	for _, row := range []struct {
		reason string
		object object.Object
		given  func(*plan.Input)
		want   plan.Action
		hold   plan.HoldReason
		word   fault.Reason
	}{
		{"what Git does not have any more, is recorded with its UID and bears our claim goes", cm, func(*plan.Input) {}, plan.Delete, "", ""},
		{"not by a render that is incomplete or not of the head", cm,
			func(in *plan.Input) { in.Policy.Complete = false }, plan.Wait, "", fault.Stale},
		{"what is gone already is only struck off", cm,
			func(in *plan.Input) { delete(in.Picture.Live, cm.ID()); absent(in, cm) }, plan.Forget, "", ""},
		{"what could not be read is not taken as gone", cm,
			func(in *plan.Input) { delete(in.Picture.Live, cm.ID()) }, plan.Wait, "", fault.Unreachable},
		{"a kind that is known not to be served took its objects along", cm,
			func(in *plan.Input) {
				delete(in.Picture.Live, cm.ID())
				in.Picture.UnknownKinds = map[string]bool{"ConfigMap": true}
			}, plan.Forget, "", ""},
		{"an object that somebody made anew is not ours", cm,
			func(in *plan.Input) { set(in, cm, func(l *plan.Live) { l.UID = "new" }) }, plan.Forget, "", ""},
		{"an entry without a UID is never deleted", cm,
			func(in *plan.Input) { entry(in, cm).UID = "" }, plan.Hold, plan.NotConfirmed, fault.DeletionHeld},
		{"not even by consent", cm,
			func(in *plan.Input) {
				entry(in, cm).UID = ""
				in.Policy.Consents = consents("Plumb-Allow-Delete: web/dev ConfigMap/a")
			}, plan.Hold, plan.NotConfirmed, fault.DeletionHeld},
		{"an entry without a UID whose object is not there is struck off", cm,
			func(in *plan.Input) { entry(in, cm).UID = ""; delete(in.Picture.Live, cm.ID()); absent(in, cm) }, plan.Forget, "", ""},
		{"an object without our claim is not deleted", cm,
			func(in *plan.Input) { set(in, cm, func(l *plan.Live) { l.Owner = "" }) }, plan.Hold, plan.NoClaim, fault.DeletionHeld},
		{"nor one that bears the claim of an App that is gone", cm,
			func(in *plan.Input) { set(in, cm, func(l *plan.Live) { l.Owner = gone.Owner() }) }, plan.Hold, plan.NoClaim, fault.DeletionHeld},
		{"nor by consent", cm,
			func(in *plan.Input) {
				set(in, cm, func(l *plan.Live) { l.Owner = "" })
				in.Policy.Consents = consents("Plumb-Allow-Delete: web")
			}, plan.Hold, plan.NoClaim, fault.DeletionHeld},
		{"one that belongs to another App is let go of", cm,
			func(in *plan.Input) { set(in, cm, func(l *plan.Live) { l.Owner = other.Owner() }) }, plan.Forget, "", ""},
		{"one that is being deleted is waited for", cm,
			func(in *plan.Input) { set(in, cm, func(l *plan.Live) { l.Terminating = true }) }, plan.Wait, "", fault.Progressing},
		{"so is one whose namespace is being deleted", cm,
			func(in *plan.Input) { in.Picture.Terminating = map[string]bool{"web-dev": true} }, plan.Wait, "", fault.Progressing},
		{"an object that another App wants stays ours until that one has applied it", cm,
			func(in *plan.Input) { in.Picture.Wanted = otherClaim(false) }, plan.Wait, "", fault.WaitingForApp},
		{"also if that one says applied and its claim is not on the object", cm,
			func(in *plan.Input) { in.Picture.Wanted = otherClaim(true) }, plan.Wait, "", fault.WaitingForApp},
		{"also if its claim is there and the rest of its revision is not applied", cm,
			func(in *plan.Input) {
				in.Picture.Wanted = otherClaim(false)
				set(in, cm, func(l *plan.Live) { l.Owner = other.Owner() })
			}, plan.Wait, "", fault.WaitingForApp},
		{"then it is released, and never deleted", cm,
			func(in *plan.Input) {
				in.Picture.Wanted = otherClaim(true)
				set(in, cm, func(l *plan.Live) { l.Owner = other.Owner() })
			}, plan.Release, "", ""},
		{"nothing is deleted while another App has not decided what it wants", cm,
			func(in *plan.Input) { in.Picture.Undecided = map[string]string{other.UID: "plumb-system/cart-dev"} }, plan.Wait, "", fault.WaitingForApp},
		{"nor while the Apps could not be listed", cm,
			func(in *plan.Input) { in.Picture.LivingApps = nil }, plan.Wait, "", fault.Unreachable},
		{"prune: never keeps it", cm,
			func(in *plan.Input) { entry(in, cm).Prune = "never" }, plan.Keep, "", ""},
		{"prune: false in the settings keeps it", cm,
			func(in *plan.Input) { in.Policy.Prune = false }, plan.Keep, "", ""},
		{"the mark consent holds it", cm,
			func(in *plan.Input) { entry(in, cm).Prune = "consent" }, plan.Hold, plan.MarkedConsent, fault.DeletionHeld},
		{"what we took over is held", cm,
			func(in *plan.Input) { entry(in, cm).Created = false }, plan.Hold, plan.NotCreatedByUs, fault.DeletionHeld},
		{"and goes by consent", cm,
			func(in *plan.Input) {
				entry(in, cm).Created = false
				in.Policy.Consents = consents("Plumb-Allow-Delete: web/dev ConfigMap/web-dev/a")
			}, plan.Delete, "", ""},
		{"a force-push holds deletions", cm,
			func(in *plan.Input) { in.Policy.Descendant = false }, plan.Hold, plan.ForcePush, fault.DeletionHeld},
		{"the whole app holds", cm,
			func(in *plan.Input) { in.Policy.Removed = true; in.Desired = nil }, plan.Hold, plan.WholeApp, fault.DeletionHeld},
		{"an empty set holds", cm,
			func(in *plan.Input) { in.Desired = nil }, plan.Hold, plan.EmptySet, fault.DeletionHeld},
		{"a PersistentVolumeClaim is protected", pvc, func(*plan.Input) {}, plan.Hold, plan.ProtectedKind, fault.DeletionHeld},
		{"a line that names it lets it go", pvc,
			func(in *plan.Input) {
				in.Policy.Consents = consents("Plumb-Allow-Delete: web/dev PersistentVolumeClaim/data")
			},
			plan.Delete, "", ""},
		{"a line for the app lets it go", pvc,
			func(in *plan.Input) { in.Policy.Consents = consents("Plumb-Allow-Delete: web") }, plan.Delete, "", ""},
		{"a line for another environment does not", pvc,
			func(in *plan.Input) { in.Policy.Consents = consents("Plumb-Allow-Delete: web/prod") }, plan.Hold, plan.ProtectedKind, fault.DeletionHeld},
		{"nor one for another cluster", pvc,
			func(in *plan.Input) { in.Policy.Consents = consents("Plumb-Allow-Delete: web/dev@eu-1") }, plan.Hold, plan.ProtectedKind, fault.DeletionHeld},
		{"nor one that names another namespace", pvc,
			func(in *plan.Input) {
				in.Policy.Consents = consents("Plumb-Allow-Delete: web/dev PersistentVolumeClaim/web-prod/data")
			}, plan.Hold, plan.ProtectedKind, fault.DeletionHeld},
		{"a StatefulSet is protected", sts, func(*plan.Input) {}, plan.Hold, plan.ProtectedKind, fault.DeletionHeld},
		{"a CustomResourceDefinition is protected", def, func(*plan.Input) {}, plan.Hold, plan.ProtectedKind, fault.DeletionHeld},
		{"a definition whose objects stay does not go by a line for the app", def,
			func(in *plan.Input) {
				w := manifest("example.com/v1", "Widget", "web-dev", "w")
				have(in, w)
				in.Desired = append(in.Desired, w)
				in.Policy.Consents = consents("Plumb-Allow-Delete: web")
			}, plan.Hold, plan.InUse, fault.DeletionHeld},
		{"it may have moved to an App that the same commit broke", cm,
			failing(plan.Changed), plan.Hold, plan.AppFailing, fault.DeletionHeld},
		{"or to one of which nobody knows what it was rendered from at the base", cm,
			failing(plan.Unknown), plan.Hold, plan.AppFailing, fault.DeletionHeld},
		{"not to one that failed the same way when nothing was held: it keeps nobody waiting for ever", cm,
			failing(plan.Same), plan.Delete, "", ""},
		{"nor to one in another repository: no commit moves an object there", cm,
			failing(plan.Elsewhere), plan.Delete, "", ""},
		{"one of several is enough", cm,
			failing(plan.Same, plan.Changed, plan.Elsewhere), plan.Hold, plan.AppFailing, fault.DeletionHeld},
		{"a line lifts that", cm,
			func(in *plan.Input) {
				failing(plan.Changed)(in)
				in.Policy.Consents = consents("Plumb-Allow-Delete: web/dev ConfigMap/a")
			}, plan.Delete, "", ""},
		{"what lies in the object is told first, and both are lifted by the line", pvc,
			failing(plan.Changed), plan.Hold, plan.ProtectedKind, fault.DeletionHeld},
		{"what another App of the living wants is handed over, whoever else fails", cm,
			func(in *plan.Input) { failing(plan.Changed)(in); in.Picture.Wanted = otherClaim(false) }, plan.Wait, "", fault.WaitingForApp},
		{"a Namespace is protected", ns, func(*plan.Input) {}, plan.Hold, plan.ProtectedKind, fault.DeletionHeld},
		{"a line for the app does not let a Namespace go", ns,
			func(in *plan.Input) {
				in.Policy.Consents = consents("Plumb-Allow-Delete: web/dev")
				in.Picture.EmptyNamespaces = map[string]bool{"old": true}
			}, plan.Hold, plan.ProtectedKind, fault.DeletionHeld},
		{"a line that names it does, if it is empty", ns,
			func(in *plan.Input) {
				in.Policy.Consents = consents("Plumb-Allow-Delete: web/dev Namespace/old")
				in.Picture.EmptyNamespaces = map[string]bool{"old": true}
			}, plan.Delete, "", ""},
		{"not if something else is in it", ns,
			func(in *plan.Input) { in.Policy.Consents = consents("Plumb-Allow-Delete: web/dev Namespace/old") },
			plan.Hold, plan.InUse, fault.DeletionHeld},
		{"not if an object of ours in it stays", ns,
			func(in *plan.Input) {
				kept := manifest("v1", "PersistentVolumeClaim", "old", "kept")
				have(in, kept)
				in.Policy.Consents = consents("Plumb-Allow-Delete: web/dev Namespace/old")
				in.Picture.EmptyNamespaces = map[string]bool{"old": true}
			}, plan.Hold, plan.InUse, fault.DeletionHeld},
		{"nor if another App wants something in it", ns,
			func(in *plan.Input) {
				in.Policy.Consents = consents("Plumb-Allow-Delete: web/dev Namespace/old")
				in.Picture.EmptyNamespaces = map[string]bool{"old": true}
				theirs := manifest("v1", "ConfigMap", "old", "theirs")
				in.Picture.Wanted = map[object.ID]plan.Claim{theirs.ID(): {App: "plumb-system/cart-dev", UID: other.UID}}
			}, plan.Hold, plan.InUse, fault.DeletionHeld},
		{"a Namespace that we did not create is kept", ns,
			func(in *plan.Input) {
				entry(in, ns).Created = false
				in.Policy.Consents = consents("Plumb-Allow-Delete: web/dev Namespace/old")
			}, plan.Keep, "", ""},
	} {
		t.Run(row.reason, func(t *testing.T) {
			in := input(stays)
			have(&in, stays, row.object)
			row.given(&in)
			s := step(t, plan.Make(in), row.object.ID())
			if s.Action != row.want || s.Hold != row.hold || s.Reason != row.word {
				t.Errorf("got %s %s %s (%s), want %s %s %s", s.Action, s.Hold, s.Reason, s.Why, row.want, row.hold, row.word)
			}
			if s.Why == "" || s.Action == plan.Delete && s.UID != "uid-"+row.object.Name() {
				t.Errorf("a step says why, and a deletion has the UID: %+v", s)
			}
		})
	}
}

// failing puts other Apps into the picture that cannot be rendered.
func failing(inputs ...plan.Since) func(*plan.Input) {
	return func(in *plan.Input) {
		for i, since := range inputs {
			in.Picture.Failing = append(in.Picture.Failing, plan.Failing{App: fmt.Sprintf("plumb-system/broken-%d", i), Reason: fault.RenderFailed, Inputs: since})
		}
	}
}

// TestWhoIsWaitedFor: a hold for an App that fails names it and says what lifts it, and is told apart from others.
func TestWhoIsWaitedFor(t *testing.T) {
	cm, pvc := configMap("a"), manifest("v1", "PersistentVolumeClaim", "web-dev", "data")
	in := input(stays)
	have(&in, stays, cm, pvc)
	failing(plan.Same, plan.Changed)(&in)
	p := plan.Make(in)
	for _, o := range []object.Object{cm, pvc} {
		s := step(t, p, o.ID())
		if !s.HeldFor() || !strings.Contains(s.Why, "plumb-system/broken-1 may want it and cannot be rendered (RenderFailed)") || strings.Contains(s.Why, "broken-0") {
			t.Errorf("%s: %s, held for it: %v", s.ID, s.Why, s.HeldFor())
		}
	}
	if p.Settled() {
		t.Error("the base of consents would move, and the App would be taken for one that always failed")
	}
	if diff := cmp.Diff([]string{"Plumb-Allow-Delete: web/dev"}, plan.AllowLines(p)); diff != "" {
		t.Error(diff)
	}
	in.Picture.Failing = nil
	p = plan.Make(in)
	if s := step(t, p, cm.ID()); s.Action != plan.Delete {
		t.Errorf("nobody fails any more: %s %s", s.Action, s.Why)
	}
	if s := step(t, p, pvc.ID()); s.HeldFor() {
		t.Errorf("held for nobody: %s", s.Why)
	}
}

// some makes n objects that exist and that Git does not have.
func some(in *plan.Input, n int) {
	for i := range n {
		have(in, configMap("gone-"+string(rune('a'+i))))
	}
}

func actions(p plan.Plan) map[plan.Action]int {
	n := map[plan.Action]int{}
	for _, s := range p.Steps {
		n[s.Action]++
	}
	return n
}

// TestLimit: a plan beyond max(count, percent of the inventory) is held as a whole.
func TestLimit(t *testing.T) {
	one, half := 1, 50
	for _, row := range []struct {
		reason    string
		deletions int
		others    int // objects that stay
		limit     v1alpha1.DeletionLimit
		held      bool
	}{
		{"five may go", 5, 1, v1alpha1.DeletionLimit{}, false},
		{"six are held together", 6, 1, v1alpha1.DeletionLimit{}, true},
		{"20 percent of a larger inventory may go", 8, 32, v1alpha1.DeletionLimit{}, false},
		{"and no more", 9, 32, v1alpha1.DeletionLimit{}, true},
		{"the limit can be narrowed", 2, 1, v1alpha1.DeletionLimit{Count: &one}, true},
		{"and widened", 8, 8, v1alpha1.DeletionLimit{Percent: &half}, false},
	} {
		t.Run(row.reason, func(t *testing.T) {
			in := input()
			for i := range row.others {
				o := configMap("stays-" + string(rune('a'+i)))
				in.Desired = append(in.Desired, o)
				have(&in, o)
			}
			some(&in, row.deletions)
			in.Policy.Limit = row.limit
			got := actions(plan.Make(in))
			want := map[plan.Action]int{plan.Unchanged: row.others, plan.Delete: row.deletions}
			if row.held {
				want = map[plan.Action]int{plan.Unchanged: row.others, plan.Hold: row.deletions}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestConsentCoversWhatItNames(t *testing.T) {
	in := input(stays)
	have(&in, stays)
	some(&in, 7)
	in.Policy.Consents = consents("cart: less\n\nPlumb-Allow-Delete: web/dev ConfigMap/gone-a\nPlumb-Allow-Delete: web/dev ConfigMap/gone-x")
	p := plan.Make(in)
	if diff := cmp.Diff(map[plan.Action]int{plan.Unchanged: 1, plan.Delete: 1, plan.Hold: 6}, actions(p)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(in.Policy.Consents[:1], p.Consumed); diff != "" {
		t.Errorf("only what allowed something is used up: %s", diff)
	}
	if diff := cmp.Diff([]string{"Plumb-Allow-Delete: web/dev"}, plan.AllowLines(p)); diff != "" {
		t.Error(diff)
	}
	if p.Settled() {
		t.Error("a plan with holds that consent lifts is not settled")
	}
}

func TestAnAmbiguousLineAllowsNothing(t *testing.T) {
	in := input(stays)
	a, b := manifest("v1", "PersistentVolumeClaim", "web-dev", "data"), manifest("v1", "PersistentVolumeClaim", "web-two", "data")
	have(&in, stays, a, b)
	in.Policy.Consents = consents("Plumb-Allow-Delete: web/dev PersistentVolumeClaim/data")
	p := plan.Make(in)
	if n := actions(p)[plan.Hold]; n != 2 {
		t.Fatalf("%d are held, want both: %q", n, plan.Explain(p))
	}
	if why := step(t, p, a.ID()).Why; !strings.Contains(why, "c0ffee1") {
		t.Errorf("the hold does not say that the line fits two objects: %s", why)
	}
	want := []string{
		"Plumb-Allow-Delete: web/dev PersistentVolumeClaim/web-dev/data",
		"Plumb-Allow-Delete: web/dev PersistentVolumeClaim/web-two/data",
	}
	if diff := cmp.Diff(want, plan.AllowLines(p)); diff != "" {
		t.Error(diff)
	}
	in.Policy.Consents = consents(strings.Join(plan.AllowLines(p), "\n"))
	if n := actions(plan.Make(in))[plan.Delete]; n != 2 {
		t.Errorf("the lines that are offered allow %d deletions, want 2", n)
	}
}

// TestTheLinesOfferedAllowEverything: what plumb diff offers is enough, also for a whole app with its namespace.
func TestTheLinesOfferedAllowEverything(t *testing.T) {
	in := input()
	in.Policy.Removed = true
	ns := manifest("v1", "Namespace", "", "web-dev")
	have(&in, ns, configMap("a"), manifest("v1", "PersistentVolumeClaim", "web-dev", "data"))
	in.Picture.EmptyNamespaces = map[string]bool{"web-dev": true}
	p := plan.Make(in)
	want := []string{"Plumb-Allow-Delete: web/dev", "Plumb-Allow-Delete: web/dev Namespace/web-dev"}
	if diff := cmp.Diff(want, plan.AllowLines(p)); diff != "" {
		t.Fatal(diff)
	}
	in.Policy.Consents = consents(strings.Join(want, "\n"))
	p = plan.Make(in)
	if diff := cmp.Diff(map[plan.Action]int{plan.Delete: 3}, actions(p)); diff != "" {
		t.Error(diff, plan.Explain(p))
	}
	if last := p.Steps[len(p.Steps)-1]; last.ID != ns.ID() {
		t.Errorf("the namespace goes last, not %s", last.ID)
	}
	if !p.Settled() {
		t.Error("with everything allowed the plan is settled")
	}
}

func TestTheAppsNamespace(t *testing.T) {
	ns := object.ID{Kind: "Namespace", Name: "web-dev"}
	cm := configMap("a")
	t.Run("is created if it is absent, with our label and no claim", func(t *testing.T) {
		in := input(cm)
		delete(in.Picture.Live, ns)
		in.Picture.Absent[ns] = true
		absent(&in, cm)
		p := plan.Make(in)
		s := step(t, p, ns)
		if s.Action != plan.Apply || !s.Created || p.Steps[0].ID != ns {
			t.Errorf("got %+v", s)
		}
		if s.Object.Label(v1alpha1.LabelManaged) != "true" || s.Object.Annotation(v1alpha1.AnnotationOwner) != "" {
			t.Errorf("its marks are wrong: %s", s.Object.JSON())
		}
	})
	t.Run("is neither claimed nor mentioned if it exists and is not ours", func(t *testing.T) {
		in := input(cm)
		absent(&in, cm)
		if p := plan.Make(in); len(p.Steps) != 1 {
			t.Errorf("got %q", plan.Explain(p))
		}
	})
	t.Run("is not asked for when it could not be read", func(t *testing.T) {
		in := input(cm)
		delete(in.Picture.Live, ns)
		absent(&in, cm)
		if p := plan.Make(in); len(p.Steps) != 1 || p.Steps[0].Action != plan.Apply {
			t.Errorf("got %q", plan.Explain(p))
		}
	})
	t.Run("costs nothing once it is recorded, and is never a deletion of a living app", func(t *testing.T) {
		in := input(cm)
		delete(in.Picture.Live, ns)
		in.Picture.Absent[ns] = true
		absent(&in, cm)
		made := step(t, plan.Make(in), ns)
		delete(in.Picture.Absent, ns)
		in.Picture.Live[ns] = plan.Live{UID: "n", Managed: true, Owned: "o"}
		in.Inventory = []v1alpha1.InventoryEntry{{Version: "v1", Kind: "Namespace", Name: "web-dev", UID: "n", Created: true, Desired: made.Digest, Owned: "o"}}
		for _, desired := range [][]object.Object{{cm}, nil} {
			in.Desired = desired
			if s := step(t, plan.Make(in), ns); s.Action != plan.Unchanged {
				t.Errorf("with %d objects: %s %s", len(desired), s.Action, s.Why)
			}
		}
		in.Desired, in.Policy.Removed = nil, true
		if s := step(t, plan.Make(in), ns); s.Action != plan.Hold {
			t.Errorf("of a removed app: %s %s", s.Action, s.Why)
		}
	})
}

func TestTheAppsNamespaceOfAnother(t *testing.T) {
	ns := object.ID{Kind: "Namespace", Name: "web-dev"}
	cm := configMap("a")
	t.Run("that another App took over is struck off", func(t *testing.T) {
		in := input(cm)
		absent(&in, cm)
		in.Picture.Live[ns] = plan.Live{UID: "n", Managed: true, Owner: other.Owner()}
		in.Inventory = []v1alpha1.InventoryEntry{{Version: "v1", Kind: "Namespace", Name: "web-dev", UID: "n", Created: true}}
		if s := step(t, plan.Make(in), ns); s.Action != plan.Forget {
			t.Errorf("%s %s", s.Action, s.Why)
		}
	})
	t.Run("that is refused lets its objects wait and the others go on", func(t *testing.T) {
		elsewhere := manifest("v1", "ConfigMap", "two", "b")
		in := input(manifest("v1", "Namespace", "", "web-dev"), cm, elsewhere)
		in.Picture.Live[ns] = plan.Live{UID: "n", Owner: other.Owner()}
		absent(&in, cm, elsewhere)
		p := plan.Make(in)
		if s := step(t, p, cm.ID()); s.Action != plan.Wait || s.Reason != fault.OwnedByOther {
			t.Errorf("%s %s", s.Action, s.Why)
		}
		if s := step(t, p, elsewhere.ID()); s.Action != plan.Apply {
			t.Errorf("%s %s", s.Action, s.Why)
		}
	})
}

func TestAMoveToAnotherNamespaceHoldsTheOldCopy(t *testing.T) {
	in := input(configMap("a"))
	have(&in, configMap("a"), manifest("v1", "ConfigMap", "web", "a"), manifest("v1", "Secret", "web", "b"), manifest("v1", "PersistentVolumeClaim", "web", "data"))
	p := plan.Make(in)
	if s := step(t, p, object.ID{Kind: "Secret", Namespace: "web", Name: "b"}); s.Hold != plan.NewCopy {
		t.Errorf("%s %s %s", s.Action, s.Hold, s.Why)
	}
	if len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0], "namespace: web in plumb.yaml") || !strings.Contains(p.Warnings[0], "PersistentVolumeClaim/web/data") {
		t.Errorf("the warning must offer the way back and name the data: %q", p.Warnings)
	}
}

// TestOrder: each thing before what needs it, and gone before what it needs.
func TestOrder(t *testing.T) {
	def := crd("example.com", "widgets", "Widget")
	in := input(
		manifest("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "", "hook"),
		manifest("example.com/v1", "Widget", "web-dev", "w"), configMap("a"), def,
		manifest("v1", "Namespace", "", "two"))
	for _, o := range in.Desired {
		absent(&in, o)
	}
	in.Picture.UnknownKinds = map[string]bool{"example.com/Widget": true}
	kinds := func(p plan.Plan) []string {
		var out []string
		for _, s := range p.Steps {
			out = append(out, string(s.Action)+" "+s.ID.Kind)
		}
		return out
	}
	want := []string{"apply Namespace", "apply CustomResourceDefinition", "apply ConfigMap", "apply Widget", "apply ValidatingWebhookConfiguration"}
	if diff := cmp.Diff(want, kinds(plan.Make(in))); diff != "" {
		t.Error(diff)
	}

	down := input(stays)
	have(&down, append(slices.Clone(in.Desired), stays)...)
	down.Policy.Consents = consents("Plumb-Allow-Delete: web\nPlumb-Allow-Delete: web Namespace/two")
	down.Picture.EmptyNamespaces = map[string]bool{"two": true}
	want = []string{"unchanged ConfigMap", "delete ValidatingWebhookConfiguration", "delete Widget", "delete ConfigMap", "delete CustomResourceDefinition", "delete Namespace"}
	if diff := cmp.Diff(want, kinds(plan.Make(down))); diff != "" {
		t.Error(diff)
	}

	in.Picture.Absent[def.ID()] = false
	delete(in.Picture.Absent, def.ID())
	if s := step(t, plan.Make(in), in.Desired[1].ID()); s.Action != plan.Wait || s.Reason != fault.Unreachable {
		t.Errorf("an object whose definition is refused waits, got %s %s", s.Action, s.Why)
	}
}

// TestTheAppIsRefused: what stops the whole app, with the place.
func TestTheAppIsRefused(t *testing.T) {
	for _, row := range []struct {
		reason  string
		desired []object.Object
		word    fault.Reason
		says    []string
	}{
		{"a phase that nobody knows", []object.Object{configMap("a", annotated(v1alpha1.AnnotationHook, "PreSink"))}, fault.InvalidObject,
			[]string{"apps/web/a.yaml:1", v1alpha1.AnnotationHook, "PreSink"}},
		{"a wave that is no number", []object.Object{configMap("a", annotated(v1alpha1.AnnotationWave, "one"))}, fault.InvalidObject,
			[]string{"apps/web/a.yaml:1", v1alpha1.AnnotationWave}},
		{"a hook of the name of an object", []object.Object{configMap("a"), configMap("a", annotated(v1alpha1.AnnotationHook, "PreSync"))},
			fault.DuplicateObject, []string{"apps/web/a.yaml:1"}},
		{"the same object twice", []object.Object{configMap("a"), func() object.Object {
			o := configMap("a")
			o.Place = fault.Place{File: "apps/web/z.yaml", Line: 7}
			return o
		}()}, fault.DuplicateObject, []string{"apps/web/a.yaml:1", "apps/web/z.yaml:7"}},
	} {
		t.Run(row.reason, func(t *testing.T) {
			p := plan.Make(input(row.desired...))
			if p.Fault == nil || p.Fault.Reason != row.word || len(p.Steps) != 0 {
				t.Fatalf("got %v and %d steps", p.Fault, len(p.Steps))
			}
			for _, want := range row.says {
				if !strings.Contains(p.Fault.Error(), want) {
					t.Errorf("%q does not say %q", p.Fault, want)
				}
			}
		})
	}
	later := plan.Make(input(configMap("a", annotated("argocd.argoproj.io/hook", "PreDelete"))))
	if later.Fault != nil || len(later.Steps) != 0 || len(later.Warnings) != 0 {
		t.Errorf("a hook around deletion has its turn when the app goes: %v %q %q", later.Fault, plan.Explain(later), later.Warnings)
	}
	if p := plan.Make(input(configMap("a", annotated("helm.sh/hook", "test")))); p.Fault != nil || len(p.Steps) != 0 {
		t.Errorf("a test of Helm has no step: %q", plan.Explain(p))
	}
	skip := configMap("a", annotated(v1alpha1.AnnotationHook, "Skip"))
	if p := plan.Make(input(skip)); p.Fault != nil || len(p.Steps) != 0 {
		t.Errorf("a hook to skip has no step: %q", plan.Explain(p))
	}
	if p := plan.Make(input(configMap("a", annotated(v1alpha1.AnnotationWave, "0")))); p.Fault != nil {
		t.Errorf("wave 0 is the default: %v", p.Fault)
	}
}

func TestOnImmutable(t *testing.T) {
	job := manifest("batch/v1", "Job", "web-dev", "migrate")
	deploy := manifest("apps/v1", "Deployment", "web-dev", "web")
	for _, row := range []struct {
		reason string
		object object.Object
		given  func(*plan.Input)
		want   plan.Action
	}{
		{"a Job that we made runs again", job, func(*plan.Input) {}, plan.Replace},
		{"a Job that we took over is not deleted unasked", job, func(in *plan.Input) { in.Inventory[0].Created = false }, plan.Refuse},
		{"a Deployment is not replaced unasked", deploy, func(*plan.Input) {}, plan.Refuse},
		{"a listed Deployment is", deploy, func(in *plan.Input) {
			in.Policy.Replace = []v1alpha1.ObjectRef{{Kind: "Deployment", Name: "web"}}
		}, plan.Replace},
		{"another one is not", deploy, func(in *plan.Input) {
			in.Policy.Replace = []v1alpha1.ObjectRef{{Kind: "apps/Deployment", Name: "api"}}
		}, plan.Refuse},
		{"a StatefulSet never is", manifest("apps/v1", "StatefulSet", "web-dev", "db"), func(in *plan.Input) {
			in.Policy.Replace = []v1alpha1.ObjectRef{{Kind: "StatefulSet"}}
		}, plan.Refuse},
		{"a PersistentVolumeClaim never is", manifest("v1", "PersistentVolumeClaim", "web-dev", "data"), func(in *plan.Input) {
			in.Policy.Replace = []v1alpha1.ObjectRef{{Kind: "PersistentVolumeClaim"}}
		}, plan.Refuse},
	} {
		t.Run(row.reason, func(t *testing.T) {
			in := input(row.object)
			have(&in, row.object)
			row.given(&in)
			in.Inventory[0].Desired = "before"
			s := plan.OnImmutable(step(t, plan.Make(in), row.object.ID()), in.Policy, nil)
			if s.Action != row.want || s.Action == plan.Replace && s.UID == "" {
				t.Fatalf("got %+v", s)
			}
			if s.Action == plan.Refuse && (s.Fault.Reason != fault.ImmutableField || s.Fault.Next == "") {
				t.Errorf("got %v", s.Fault)
			}
		})
	}
}

func TestSummary(t *testing.T) {
	in := input(stays, configMap("new"), configMap("changed"))
	have(&in, stays, configMap("changed"), configMap("old"), manifest("v1", "PersistentVolumeClaim", "web-dev", "data"))
	entry(&in, configMap("changed")).Desired = "before"
	absent(&in, configMap("new"))
	p := plan.Make(in)
	if got, want := plan.Summary(p).String(), "1 to create, 1 to change, 1 to delete, 1 held, 1 unchanged"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	want := []string{
		"~ ConfigMap/web-dev/changed: changed in 9f31c2a",
		"+ ConfigMap/web-dev/new: not in the cluster",
		"- ConfigMap/web-dev/old: no longer in Git at 9f31c2a",
		"‖ PersistentVolumeClaim/web-dev/data: a PersistentVolumeClaim is deleted only with consent",
	}
	if diff := cmp.Diff(want, plan.Explain(p)); diff != "" {
		t.Error(diff)
	}
}
