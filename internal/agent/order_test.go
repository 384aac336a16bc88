package agent

import (
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/source"
)

// offered is what a commit says of an app.
func offered(commit, app string, after ...string) *offer {
	return &offer{commit: commit, ref: "refs/heads/main", mirror: &source.Mirror{}, placement: fleet.App{
		Name: app, App: app, Cluster: fleet.Local, Settings: v1alpha1.Settings{After: after},
	}}
}

// What is known of the order comes from commits, of App objects until then, and goes with either.
func TestOrderIsKept(t *testing.T) {
	o := newOrder()
	of := func() []string { return o.of("plumb-system").Dependents("ledger") }
	if !o.meet(books, fleet.Node{Address: fleet.Address{App: "ledger"}}) || o.meet(books, fleet.Node{}) {
		t.Error("an App object is met once")
	}
	both := map[types.NamespacedName]*offer{cart: offered("c1", "cart", "ledger"), books: offered("c1", "ledger")}
	if !o.found(shopRepo, both) || o.found(shopRepo, both) {
		t.Error("the same commit is no news")
	}
	if got := of(); !slices.Equal(got, []string{"cart"}) || !slices.Equal(o.waiters("plumb-system"), []types.NamespacedName{cart}) {
		t.Errorf("%v come after the ledger", got)
	}
	if o.of("other") == nil || len(o.waiters("other")) > 0 {
		t.Error("another namespace has an order of its own")
	}
	broken := offered("c2", "cart")
	broken.fault = fault.New(fault.InvalidSettings, "no YAML")
	if o.found(shopRepo, map[types.NamespacedName]*offer{cart: broken, books: offered("c2", "ledger")}) || len(of()) != 1 {
		t.Error("a commit that cannot be read says nothing about the order")
	}
	gone := offered("c3", "cart")
	gone.removed = true
	if !o.found(shopRepo, map[types.NamespacedName]*offer{cart: gone, books: offered("c3", "ledger")}) || len(of()) != 0 {
		t.Error("a folder that is gone waits for nobody")
	}
	o.found(shopRepo, both)
	if !o.found(shopRepo, map[types.NamespacedName]*offer{books: offered("c4", "ledger")}) || len(of()) != 0 {
		t.Error("an app whose App object was never made is forgotten with its folder")
	}
	if !o.drop(books) || o.drop(books) {
		t.Error("an App object that was deleted is forgotten")
	}
}

func orderedAgent(apps ...*app) *Agent {
	ag := &Agent{order: newOrder(), apps: map[types.NamespacedName]*app{}}
	ag.queue = workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[types.NamespacedName]())
	for _, a := range apps {
		ag.apps[a.key] = a
		ag.order.put(a.key, a.offer.placement.Node())
	}
	return ag
}

// peers are the ways in which an app that others come after may be, and what one of the same branch knows of it at c2.
var peers = []struct {
	reason string
	given  func(*app)
	ready  bool
}{
	{"ok at the commit", func(*app) {}, true},
	{"ok at the commit before", func(a *app) { a.offer.commit = "c1" }, false},
	{"it was offered the commit and has not decided", func(a *app) { a.carried = false }, false},
	{"decided, and on its way", func(a *app) { a.state, a.delivered = v1alpha1.StateRolling, false }, false},
	{"waiting for its deletions alone", func(a *app) { a.state = v1alpha1.StateWaiting }, true},
	{"of another branch: its own newest commit counts", func(a *app) { a.offer.commit, a.offer.ref = "c1", "refs/heads/next" }, true},
	{"of another branch, and not decided", func(a *app) { a.offer.ref, a.carried = "refs/heads/next", false }, false},
	{"no commit was offered to it", func(a *app) { a.offer, a.carried, a.delivered = nil, false, false }, false},
}

func TestPeer(t *testing.T) {
	for _, row := range peers {
		t.Run(row.reason, func(t *testing.T) {
			a := &app{key: books, offer: offered("c2", "ledger"), carried: true, delivered: true, state: v1alpha1.StateOK}
			ag := orderedAgent(a)
			row.given(a)
			if p := ag.peer(books, offered("c2", "cart")); p.Ready() != row.ready {
				t.Errorf("%+v is ready: %v", p, p.Ready())
			}
		})
	}
	if p := orderedAgent().peer(books, offered("c2", "cart")); p.Ready() || !p.Unmade {
		t.Errorf("an App object that is not there is %+v", p)
	}
}

// An app waits from the moment in which it looks; the other's news wakes it; once let through it is not stopped again.
func TestAwaits(t *testing.T) {
	ledger := &app{key: books, offer: offered("c2", "ledger"), state: v1alpha1.StateRolling}
	shop := &app{key: cart, offer: offered("c2", "cart", "ledger", "legder"), target: "c2", status: v1alpha1.AppStatus{Revision: "c1"}}
	ag := orderedAgent(ledger, shop)
	look := func() *turn {
		turn := &turn{agent: ag, app: shop, offer: shop.offer}
		turn.cycle = ag.order.of(cart.Namespace).CycleFault(cart.Name)
		return turn
	}
	first := look()
	if !first.awaits() || len(first.after) != 2 || !shop.isAwaiting() || shop.awaitingSince.IsZero() {
		t.Fatalf("it does not wait: %+v", first.after)
	}
	if missing := first.after[1]; !missing.Missing || missing.Near != "ledger" {
		t.Errorf("the name that is nobody's is told as %+v", missing)
	}
	ag.order.put(cart, offered("c2", "cart", "ledger").placement.Node())
	told := func() int {
		(&turn{agent: ag, app: ledger, offer: ledger.offer}).tellDependents()
		n := ag.queue.Len()
		for range n {
			key, _ := ag.queue.Get()
			ag.queue.Done(key)
		}
		return n
	}
	if told() != 1 || told() != 0 {
		t.Error("who waits is told once of what is new")
	}
	ledger.carried, ledger.delivered, ledger.state = true, true, v1alpha1.StateOK
	if told() != 1 || look().awaits() || shop.isAwaiting() || !shop.awaitingSince.IsZero() {
		t.Error("it is let through")
	}
	ledger.delivered, ledger.state = false, v1alpha1.StateFailed
	if told() != 0 || look().awaits() {
		t.Error("what was let through is not stopped again")
	}
	shop.target = "c3"
	if !look().awaits() {
		t.Error("another commit waits")
	}
	shop.status.Revision = "c3"
	if look().awaits() {
		t.Error("what is applied waits for nothing")
	}
	ag.order.put(books, offered("c3", "ledger", "cart").placement.Node())
	if bad := look().cycle; bad == nil {
		t.Error("a cycle is not seen")
	}
}

// Who comes after an app that does not exist is told, also while nothing waits.
func TestUnmet(t *testing.T) {
	shop := &app{key: cart, offer: offered("c2", "cart", "legder")}
	ag := orderedAgent(&app{key: books, offer: offered("c2", "ledger")}, shop)
	want := []string{"after: there is no app legder (did you mean ledger?); the next commit that changes this app will wait for it"}
	if got := (&turn{agent: ag, app: shop}).unmet(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
