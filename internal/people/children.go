package people

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/server"
)

// childKinds are what workloads make, in the order from the workload down.
var childKinds = []group{
	{id: object.ID{Group: "batch", Kind: "Job"}, version: "v1"},
	{id: object.ID{Group: "apps", Kind: "ReplicaSet"}, version: "v1"},
	{id: object.ID{Kind: "Pod"}, version: "v1"},
}

// makes tells which kinds make which.
var makes = map[string][]string{
	"batch/CronJob": {"Job"}, "batch/Job": {"Pod"}, "apps/Deployment": {"ReplicaSet"}, "apps/ReplicaSet": {"Pod"},
	"apps/StatefulSet": {"Pod"}, "apps/DaemonSet": {"Pod"}, "argoproj.io/Rollout": {"ReplicaSet"},
}

// offspring is what there is of a kind in a namespace, before it is known which of it is the app's.
type offspring struct {
	hidden   string // why the person may not see it
	complete bool
	seen     []child
}

// child is an object that another has made.
type child struct {
	node   server.Node
	owner  string // the UID of what has made it
	asleep bool
}

// leadsTo tells whether what an object makes, or what that makes in turn, is of a kind.
func leadsTo(maker object.ID, kind string) bool {
	for _, made := range makes[maker.GroupKind()] {
		if made == kind || slices.ContainsFunc(childKinds, func(k group) bool { return k.id.Kind == made && leadsTo(k.id, kind) }) {
			return true
		}
	}
	return false
}

// gather has the kinds listed that the app's workloads make, wherever it has some. Pods come first: there are the most of them.
func (t *tree) gather(ctx context.Context, all *errgroup.Group) map[object.ID]*offspring {
	made := map[object.ID]*offspring{}
	for _, kind := range slices.Backward(childKinds) {
		for _, n := range t.nodes {
			id := kind.id
			id.Namespace = n.Namespace
			if made[id] != nil || !leadsTo(object.ID{Group: n.Group, Kind: n.Kind}, id.Kind) {
				continue
			}
			some := &offspring{}
			made[id] = some
			all.Go(func() error { return t.list(ctx, id, kind.version, some) })
		}
	}
	return made
}

// list takes in what there is of a kind in a namespace.
func (t *tree) list(ctx context.Context, id object.ID, version string, some *offspring) (err error) {
	if some.hidden, err = t.person.hides(ctx, "list", id, version); err != nil || some.hidden != "" {
		return err
	}
	some.complete, err = t.person.eyes.Walk(ctx, id, version, "", readsAtMost, func(o object.Object) {
		meta := metaOf(o)
		owner := metav1.GetControllerOf(&meta)
		if owner == nil {
			return
		}
		id := o.ID()
		n := server.Node{Key: keyOfID(id), Group: id.Group, Version: o.Version(), Kind: id.Kind, Namespace: id.Namespace, Name: id.Name}
		t.fill(&n, o, meta)
		some.seen = append(some.seen, child{n, string(owner.UID), id.Kind == "ReplicaSet" && asleep(o)})
	})
	return err
}

// addChildren adds what the app's workloads have made.
func (t *tree) addChildren(made map[object.ID]*offspring) {
	for _, kind := range childKinds {
		for _, namespace := range t.makersOf(kind.id.Kind) {
			id := kind.id
			id.Namespace = namespace
			some := made[id]
			if some.hidden != "" {
				t.hideChildren(id, kind.version, some.hidden)
				continue
			}
			for _, c := range some.seen {
				t.addChild(c)
			}
			t.truncated = t.truncated || !some.complete
		}
	}
}

// makersOf gives the namespaces in which the app has objects that make a kind.
func (t *tree) makersOf(kind string) []string {
	var namespaces []string
	for _, n := range t.nodes {
		if slices.Contains(makes[object.ID{Group: n.Group, Kind: n.Kind}.GroupKind()], kind) && !slices.Contains(namespaces, n.Namespace) {
			namespaces = append(namespaces, n.Namespace)
		}
	}
	slices.Sort(namespaces)
	return namespaces
}

// hideChildren says below each object that makes a kind why its children are not seen.
func (t *tree) hideChildren(id object.ID, version, why string) {
	for _, n := range slices.Clone(t.nodes) {
		if n.Namespace == id.Namespace && slices.Contains(makes[object.ID{Group: n.Group, Kind: n.Kind}.GroupKind()], id.Kind) {
			t.add(server.Node{
				Key: n.Key + "/" + id.Kind, Parent: n.Key, Group: id.Group, Version: version, Kind: id.Kind, Namespace: id.Namespace,
				Health: string(v1alpha1.Unknown), Hidden: why,
			})
		}
	}
}

// addChild adds an object if one of the tree has made it. A ReplicaSet that stands only for an earlier revision is left out.
func (t *tree) addChild(c child) {
	parent, ours := t.owners[c.owner]
	if !ours || c.asleep {
		return
	}
	c.node.Parent = parent
	t.owners[c.node.UID] = c.node.Key
	t.add(c.node)
}

// asleep tells whether a ReplicaSet has no pods and wants none.
func asleep(set object.Object) bool {
	for _, path := range []object.Path{object.Fields("spec", "replicas"), object.Fields("status", "replicas")} {
		if n, ok := object.Get(set, path); ok && n != int64(0) {
			return false
		}
	}
	return true
}
