package agent

import (
	"fmt"
	"slices"
	"sync"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/state"
)

// order knows which apps come after which, whoever made them. Apps see those of their own namespace.
type order struct {
	mu     sync.Mutex
	nodes  map[types.NamespacedName]fleet.Node
	makers map[types.NamespacedName]types.NamespacedName // the Repo whose commit has the app; no entry for others
	orders map[string]*fleet.Order                       // by namespace; made anew when it is asked for
	waits  map[string]int                                // by namespace: how many apps come after others
}

func newOrder() *order {
	return &order{
		nodes: map[types.NamespacedName]fleet.Node{}, makers: map[types.NamespacedName]types.NamespacedName{}, orders: map[string]*fleet.Order{},
		waits: map[string]int{},
	}
}

// nobodyWaits is the usual order: without any.
var nobodyWaits = fleet.NewOrder(nil)

// of gives the order of the apps of a namespace.
func (o *order) of(namespace string) *fleet.Order {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.waits[namespace] == 0 {
		return nobodyWaits
	}
	if made := o.orders[namespace]; made != nil {
		return made
	}
	var nodes []fleet.Node
	for key, node := range o.nodes {
		if key.Namespace == namespace {
			nodes = append(nodes, node)
		}
	}
	o.orders[namespace] = fleet.NewOrder(nodes)
	return o.orders[namespace]
}

// put makes an app known as a commit has it. It tells whether that is news.
func (o *order) put(key types.NamespacedName, node fleet.Node) (news bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.set(key, node)
}

func (o *order) set(key types.NamespacedName, node fleet.Node) (news bool) {
	node.Name = key.Name
	have, ok := o.nodes[key]
	if ok && have.Address == node.Address && have.Place == node.Place && slices.Equal(have.After, node.After) {
		return false
	}
	o.remove(key)
	o.nodes[key] = node
	if len(node.After) > 0 {
		o.waits[key.Namespace]++
	}
	return true
}

// meet makes an app known that no commit has told of yet: others may wait for it.
func (o *order) meet(key types.NamespacedName, node fleet.Node) (news bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, known := o.nodes[key]; known {
		return false
	}
	return o.set(key, node)
}

// found takes in all apps that a Repo has at a commit. Those of which the commit says nothing that can be read stay as they
// were known. It tells whether that is news.
func (o *order) found(repo types.NamespacedName, offers map[types.NamespacedName]*offer) (news bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for key, maker := range o.makers {
		if of := offers[key]; maker == repo && (of == nil || of.removed) {
			news = o.remove(key) || news
		}
	}
	for key, of := range offers {
		_, known := o.nodes[key]
		switch {
		case of.removed:
			news = o.remove(key) || news
		case of.fault != nil && known:
		default:
			news = o.set(key, of.placement.Node()) || news
			o.makers[key] = repo
		}
	}
	return news
}

// drop forgets an app. It tells whether that is news.
func (o *order) drop(key types.NamespacedName) (news bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.remove(key)
}

func (o *order) remove(key types.NamespacedName) (news bool) {
	node, known := o.nodes[key]
	if len(node.After) > 0 {
		o.waits[key.Namespace]--
	}
	delete(o.nodes, key)
	delete(o.makers, key)
	delete(o.orders, key.Namespace)
	return known
}

// waiters lists the apps of a namespace that come after others.
func (o *order) waiters(namespace string) []types.NamespacedName {
	o.mu.Lock()
	defer o.mu.Unlock()
	var keys []types.NamespacedName
	for key, node := range o.nodes {
		if key.Namespace == namespace && len(node.After) > 0 {
			keys = append(keys, key)
		}
	}
	return keys
}

// reordered has the apps of a namespace looked at again that come after others: what they wait for may be another app now.
func (ag *Agent) reordered(namespace string) {
	for _, key := range ag.order.waiters(namespace) {
		ag.mu.Lock()
		a := ag.apps[key]
		ag.mu.Unlock()
		if a != nil {
			a.stir()
			ag.queue.Add(key)
		}
	}
}

// nodeOf is an App object as others may wait for it, before a commit has told more.
func nodeOf(o *v1alpha1.App) fleet.Node {
	return fleet.Node{Address: fleet.Address{App: orDefault(o.Spec.App, o.Name), Env: o.Spec.Env, Cluster: o.Spec.Cluster}}
}

// awaits tells whether the target must not be applied yet because apps that come first are not ok at the commit, or never
// can be. Once let through, a commit is not stopped again: its retries do not wait.
func (t *turn) awaits() bool {
	a := t.app
	if a.target == a.status.Revision || a.through == a.target || t.hold != nil {
		return false
	}
	if t.cycle != nil {
		return true
	}
	a.await(true) // before the others are looked at: whoever becomes ready from now on says so
	if t.after = t.unready(); len(t.after) > 0 {
		if a.awaitingSince.IsZero() {
			a.awaitingSince = t.waitsSince()
		}
		return true
	}
	t.arrive()
	a.through = a.target
	return false
}

// arrive ends a wait for other apps.
func (t *turn) arrive() {
	t.app.await(false)
	t.app.awaitingSince = time.Time{}
}

// waitsSince takes up a wait of a former life of the agent.
func (t *turn) waitsSince() time.Time {
	s := t.app.status
	if ready := apimeta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady); s.State == v1alpha1.StateWaiting && ready != nil && ready.Reason == string(fault.WaitingForApp) && s.AsOf != nil {
		return s.AsOf.Time
	}
	return time.Now()
}

// unready lists the apps that must be ok first and are not.
func (t *turn) unready() []state.Peer {
	var peers []state.Peer
	namespace := t.app.key.Namespace
	order := t.agent.order.of(namespace)
	for _, need := range order.Needs(t.app.key.Name) {
		if len(need.Apps) == 0 {
			peers = append(peers, state.Peer{App: need.Written, Address: need.Written, Missing: true, Near: need.Near})
		}
		for _, name := range need.Apps {
			p := t.agent.peer(types.NamespacedName{Namespace: namespace, Name: name}, t.offer)
			p.App, p.Address = name, order.Address(name)
			if !p.Ready() {
				peers = append(peers, p)
			}
		}
	}
	return peers
}

// peer looks at another app from a commit. Of the same repository and branch it must have decided on that very commit: if
// it knows a newer one, so will the app that asks, in a moment.
func (ag *Agent) peer(key types.NamespacedName, from *offer) state.Peer {
	ag.mu.Lock()
	other := ag.apps[key]
	ag.mu.Unlock()
	if other == nil {
		return state.Peer{Unmade: true}
	}
	other.mu.Lock()
	defer other.mu.Unlock()
	p := state.Peer{Decided: other.carried, Delivered: other.delivered, State: other.state, Summary: other.summary}
	if other.offer != nil && other.offer.sameSource(from) {
		p.Commit = from.commit
		p.Decided = p.Decided && other.offer.commit == from.commit
	}
	return p
}

// sameSource tells whether two offers are of one branch of one repository.
func (of *offer) sameSource(other *offer) bool {
	return of.mirror != nil && other.mirror != nil && of.mirror.URL() == other.mirror.URL() && of.ref == other.ref
}

// await notes whether an app waits for others to be ok.
func (a *app) await(waits bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.awaiting = waits
}

// isAwaiting tells whether the app waited for others when it was looked at last.
func (a *app) isAwaiting() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.awaiting
}

// stir ends the pauses between tries if the app waits for others. It tells whether it does.
func (a *app) stir() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.woken = a.woken || a.awaiting
	return a.awaiting
}

// tellDependents wakes the apps that wait for this one when it is otherwise than it was told before. They look for
// themselves.
func (t *turn) tellDependents() {
	a := t.app
	dependents := t.agent.order.of(a.key.Namespace).Dependents(a.key.Name)
	a.mu.Lock()
	print := fmt.Sprint(a.carried, a.delivered, a.state, a.offer.commit)
	if a.state != v1alpha1.StateRolling {
		print += a.summary
	}
	a.mu.Unlock()
	if print == a.toldDependents {
		return
	}
	a.toldDependents = print
	for _, name := range dependents {
		key := types.NamespacedName{Namespace: a.key.Namespace, Name: name}
		t.agent.mu.Lock()
		other := t.agent.apps[key]
		t.agent.mu.Unlock()
		if other != nil && other.stir() {
			t.agent.queue.Add(key)
		}
	}
}

// unmet says which apps are named in after and do not exist, although nothing waits for them now.
func (t *turn) unmet() []string {
	var texts []string
	for _, need := range t.agent.order.of(t.app.key.Namespace).Needs(t.app.key.Name) {
		if len(need.Apps) > 0 {
			continue
		}
		text := "after: there is no app " + need.Written
		if need.Near != "" {
			text += " (did you mean " + need.Near + "?)"
		}
		texts = append(texts, text+"; the next commit that changes this app will wait for it")
	}
	return texts
}

// cameFirst tells whether other apps come after this one.
func (t *turn) cameFirst() bool {
	return len(t.agent.order.of(t.app.key.Namespace).Dependents(t.app.key.Name)) > 0
}
