// Package ledger is Plumb's own bookkeeping in the cluster: it watches Repos, Apps and Clusters, and writes App and
// Repo status, Inventories, Entries and the agent's Lease.
//
// It writes no object of a user. Every write is a server-side apply under the manager plumb-agent, so that a person's
// patch of spec at the same moment is never undone.
//
// Start at New; Watch delivers what people wrote, the Put functions what the agent found.
package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/object"
)

// Ledger reads and writes Plumb's own kinds.
type Ledger struct {
	rest *rest.RESTClient
}

// New makes a Ledger on the agent's own connection. It makes no request.
func New(config *rest.Config) (*Ledger, error) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("build the scheme of plumb.dev: %w", err)
	}
	config = rest.CopyConfig(config)
	config.GroupVersion = &v1alpha1.GroupVersion
	config.APIPath = "/apis"
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	client, err := rest.RESTClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for plumb.dev: %w", err)
	}
	return &Ledger{rest: client}, nil
}

// Handler takes in what a Watch delivers. Its functions are called one at a time.
type Handler[T any] struct {
	Put  func(T) // an object that exists or changed
	Gone func(T) // an object that was deleted, as it was last seen
}

// Watch delivers every object of a resource ("apps", "repos", "clusters"), first the existing ones, then changes,
// until ctx ends. It returns when the first list was delivered.
func Watch[T runtime.Object](ctx context.Context, l *Ledger, resource string, example T, h Handler[T]) error {
	source := cache.NewListWatchFromClient(l.rest, resource, metav1.NamespaceAll, fields.Everything())
	take := func(o any, do func(T)) {
		if tombstone, ok := o.(cache.DeletedFinalStateUnknown); ok {
			o = tombstone.Obj
		}
		if typed, ok := o.(T); ok {
			do(typed)
		}
	}
	_, controller := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: source,
		ObjectType:    example,
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(o any) { take(o, h.Put) },
			UpdateFunc: func(_, o any) { take(o, h.Put) },
			DeleteFunc: func(o any) { take(o, h.Gone) },
		},
		Transform: func(o any) (any, error) {
			if m, ok := o.(metav1.Object); ok {
				m.SetManagedFields(nil)
			}
			return o, nil
		},
	})
	go controller.RunWithContext(ctx)
	select {
	case <-controller.HasSyncedChecker().Done():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the first list of %s: %w", resource, ctx.Err())
	}
}

// readyPause is the time between two questions of Ready.
const readyPause = 20 * time.Millisecond

// Ready waits until the API server can list each of our kinds. One that was asked for a kind the first time answers "too
// many requests, come again in a second" while it prepares the kind, and clients believe it: four kinds one after another
// would be four seconds. It gives up with no error after a while: the requests that follow tell what is wrong.
func (l *Ledger) Ready(ctx context.Context) {
	ctx, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	var wait sync.WaitGroup
	for _, resource := range []string{"clusters", "repos", "apps", "inventories"} {
		wait.Go(func() {
			for l.preparing(ctx, resource) {
				select {
				case <-ctx.Done():
					return
				case <-time.After(readyPause):
				}
			}
		})
	}
	wait.Wait()
}

// preparing tells whether the API server asks for patience with a kind.
func (l *Ledger) preparing(ctx context.Context, resource string) bool {
	err := l.rest.Get().Resource(resource).Param("limit", "1").MaxRetries(0).
		SetHeader("Accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json").Do(ctx).Error()
	return apierrors.IsTooManyRequests(err)
}

// Inventories reads all Inventories, once at start: after that the agent knows them, it is their only writer.
func (l *Ledger) Inventories(ctx context.Context) ([]v1alpha1.Inventory, error) {
	var list v1alpha1.InventoryList
	if err := l.rest.Get().Resource("inventories").Do(ctx).Into(&list); err != nil {
		return nil, fmt.Errorf("list the Inventories: %w", err)
	}
	return list.Items, nil
}

// PutInventory writes one Inventory object.
func (l *Ledger) PutInventory(ctx context.Context, inventory *v1alpha1.Inventory) error {
	inventory.TypeMeta = metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Inventory"}
	if err := l.apply(ctx, target{resource: "inventories", namespace: inventory.Namespace, name: inventory.Name}, inventory); err != nil {
		return fmt.Errorf("write Inventory %s/%s: %w", inventory.Namespace, inventory.Name, err)
	}
	return nil
}

// DeleteInventory removes an Inventory that is not needed any more.
func (l *Ledger) DeleteInventory(ctx context.Context, namespace, name string) error {
	err := l.rest.Delete().Namespace(namespace).Resource("inventories").Name(name).Do(ctx).Error()
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete Inventory %s/%s: %w", namespace, name, err)
	}
	return nil
}

// PutEntry writes one Entry.
func (l *Ledger) PutEntry(ctx context.Context, entry *v1alpha1.Entry) error {
	entry.TypeMeta = metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Entry"}
	if err := l.apply(ctx, target{resource: "entries", namespace: entry.Namespace, name: entry.Name}, entry); err != nil {
		return fmt.Errorf("write Entry %s/%s: %w", entry.Namespace, entry.Name, err)
	}
	return nil
}

// EntryResults lists the Entries of a namespace that a label selector chooses: their results, by name. Only metadata is read.
func (l *Ledger) EntryResults(ctx context.Context, namespace, selector string) (map[string]v1alpha1.Result, error) {
	results := map[string]v1alpha1.Result{}
	next := ""
	for {
		var page metav1.PartialObjectMetadataList
		data, err := l.rest.Get().Namespace(namespace).Resource("entries").Param("labelSelector", selector).
			Param("limit", "500").Param("continue", next).
			SetHeader("Accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json").Do(ctx).Raw()
		if err == nil {
			err = json.Unmarshal(data, &page)
		}
		if err != nil {
			return nil, fmt.Errorf("list the Entries of %s: %w", namespace, err)
		}
		for _, o := range page.Items {
			results[o.Name] = v1alpha1.Result(o.Labels[v1alpha1.LabelResult])
		}
		if next = page.Continue; next == "" {
			return results, nil
		}
	}
}

// Entries lists the Entries of an App, in full.
func (l *Ledger) Entries(ctx context.Context, namespace, uid string) ([]v1alpha1.Entry, error) {
	var out []v1alpha1.Entry
	err := l.EachEntry(ctx, namespace, v1alpha1.LabelAppUID+"="+uid, func(e *v1alpha1.Entry) { out = append(out, *e) })
	return out, err
}

// EachEntry gives each Entry of a namespace ("": of all) that a label selector chooses, in full, a page at a time.
func (l *Ledger) EachEntry(ctx context.Context, namespace, selector string, take func(*v1alpha1.Entry)) error {
	next := ""
	for {
		var page v1alpha1.EntryList
		data, err := l.rest.Get().Namespace(namespace).Resource("entries").Param("labelSelector", selector).
			Param("limit", "100").Param("continue", next).Do(ctx).Raw()
		if err == nil {
			err = json.Unmarshal(data, &page)
		}
		if err != nil {
			return fmt.Errorf("list the Entries of %s: %w", namespace, err)
		}
		for i := range page.Items {
			take(&page.Items[i])
		}
		if next = page.Continue; next == "" {
			return nil
		}
	}
}

// DeleteEntry removes an Entry that there is no room for any more.
func (l *Ledger) DeleteEntry(ctx context.Context, namespace, name string) error {
	err := l.rest.Delete().Namespace(namespace).Resource("entries").Name(name).Do(ctx).Error()
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete Entry %s/%s: %w", namespace, name, err)
	}
	return nil
}

// PutApp writes the App object of a Repo's app: its spec and labels, not its status. It gives the object as stored.
func (l *Ledger) PutApp(ctx context.Context, app *v1alpha1.App) error {
	body := map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": "App",
		"metadata": map[string]any{
			"name": app.Name, "namespace": app.Namespace, "labels": app.Labels, "ownerReferences": app.OwnerReferences,
		},
		"spec": app.Spec,
	}
	if err := l.apply(ctx, target{resource: "apps", namespace: app.Namespace, name: app.Name}, body); err != nil {
		return fmt.Errorf("write App %s/%s: %w", app.Namespace, app.Name, err)
	}
	return nil
}

// DeleteApp removes the App object of a folder that is gone, after its objects went.
func (l *Ledger) DeleteApp(ctx context.Context, namespace, name string, uid types.UID) error {
	err := l.rest.Delete().Namespace(namespace).Resource("apps").Name(name).
		Body(&metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}}).Do(ctx).Error()
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete App %s/%s: %w", namespace, name, err)
	}
	return nil
}

// managerFinalizer owns finalizers: the App object itself is applied under another name, and without them.
const managerFinalizer = v1alpha1.ManagerAgent + "-finalizer"

// PutFinalizer puts a finalizer on an App that still is the one with this UID.
func (l *Ledger) PutFinalizer(ctx context.Context, app *v1alpha1.App, finalizer string) error {
	body := map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": "App",
		"metadata": map[string]any{"name": app.Name, "namespace": app.Namespace, "uid": app.UID, "finalizers": []string{finalizer}},
	}
	to := target{resource: "apps", namespace: app.Namespace, name: app.Name, manager: managerFinalizer}
	if err := l.apply(ctx, to, body); err != nil {
		return fmt.Errorf("put a finalizer on App %s/%s: %w", app.Namespace, app.Name, err)
	}
	return nil
}

// DropFinalizer takes a finalizer off an App whose finalizers are as they were seen, whoever put it there.
func (l *Ledger) DropFinalizer(ctx context.Context, app *v1alpha1.App, finalizer string) error {
	rest := slices.DeleteFunc(slices.Clone(app.Finalizers), func(f string) bool { return f == finalizer })
	patch, err := json.Marshal([]map[string]any{
		{"op": "test", "path": "/metadata/uid", "value": app.UID},
		{"op": "test", "path": "/metadata/finalizers", "value": app.Finalizers},
		{"op": "replace", "path": "/metadata/finalizers", "value": append([]string{}, rest...)},
	})
	if err != nil {
		return err
	}
	err = l.rest.Patch(types.JSONPatchType).Namespace(app.Namespace).Resource("apps").Name(app.Name).
		SetHeader("Accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json").
		Param("fieldManager", v1alpha1.ManagerAgent).Body(patch).Do(ctx).Error()
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("take the finalizer off App %s/%s: %w", app.Namespace, app.Name, err)
	}
	return nil
}

// PutAppStatus writes the status of an App that still is the one with this UID.
func (l *Ledger) PutAppStatus(ctx context.Context, namespace, name string, uid types.UID, status *v1alpha1.AppStatus) error {
	if err := l.putStatus(ctx, target{kind: "App", resource: "apps", namespace: namespace, name: name, uid: uid}, status); err != nil {
		return fmt.Errorf("write the status of App %s/%s: %w", namespace, name, err)
	}
	return nil
}

// PutRepoStatus writes the status of a Repo that still is the one with this UID.
func (l *Ledger) PutRepoStatus(ctx context.Context, namespace, name string, uid types.UID, status *v1alpha1.RepoStatus) error {
	if err := l.putStatus(ctx, target{kind: "Repo", resource: "repos", namespace: namespace, name: name, uid: uid}, status); err != nil {
		return fmt.Errorf("write the status of Repo %s/%s: %w", namespace, name, err)
	}
	return nil
}

// target is where an apply goes.
type target struct {
	kind, resource, subresource string
	namespace, name             string
	uid                         types.UID // of the object that it must be; "" is any
	manager                     string    // "" is that of all bookkeeping
}

func (l *Ledger) putStatus(ctx context.Context, to target, status any) error {
	body := map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": to.kind,
		"metadata": map[string]any{"name": to.name, "namespace": to.namespace, "uid": to.uid},
		"status":   status,
	}
	to.subresource = "status"
	return l.apply(ctx, to, body)
}

// Lease reads a Lease; nil if there is none.
func (l *Ledger) Lease(ctx context.Context, namespace, name string) (*coordinationv1.Lease, error) {
	data, err := l.rest.Get().AbsPath(leasePath(namespace, name)...).SetHeader("Accept", "application/json").Do(ctx).Raw()
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	lease := &coordinationv1.Lease{}
	if err == nil {
		err = json.Unmarshal(data, lease)
	}
	if err != nil {
		return nil, fmt.Errorf("read the Lease %s/%s: %w", namespace, name, err)
	}
	return lease, nil
}

// PutLease writes a Lease that is as it was read, or that was not there. It gives the Lease as stored; taken is true if
// somebody else has written it meanwhile.
func (l *Ledger) PutLease(ctx context.Context, lease *coordinationv1.Lease) (stored *coordinationv1.Lease, taken bool, err error) {
	lease.TypeMeta = metav1.TypeMeta{APIVersion: "coordination.k8s.io/v1", Kind: "Lease"}
	body, err := json.Marshal(lease)
	if err != nil {
		return nil, false, fmt.Errorf("write the Lease: %w", err)
	}
	req := l.rest.Put().AbsPath(leasePath(lease.Namespace, lease.Name)...)
	if lease.ResourceVersion == "" {
		req = l.rest.Post().AbsPath(leasePath(lease.Namespace)...)
	}
	data, err := req.Param("fieldManager", v1alpha1.ManagerAgent).SetHeader("Content-Type", "application/json").
		SetHeader("Accept", "application/json").Body(body).Do(ctx).Raw()
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err) && lease.ResourceVersion != "" {
		return nil, true, nil
	}
	stored = &coordinationv1.Lease{}
	if err == nil {
		err = json.Unmarshal(data, stored)
	}
	if err != nil {
		return nil, false, fmt.Errorf("write the Lease %s/%s: %w", lease.Namespace, lease.Name, err)
	}
	return stored, false, nil
}

func leasePath(namespace string, name ...string) []string {
	return append([]string{"/apis/coordination.k8s.io/v1", "namespaces", namespace, "leases"}, name...)
}

func (l *Ledger) apply(ctx context.Context, to target, body any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	clean, err := withoutNulls(data)
	if err != nil {
		return err
	}
	req := l.rest.Verb(http.MethodPatch).Namespace(to.namespace).Resource(to.resource).Name(to.name)
	if to.subresource != "" {
		req = req.SubResource(to.subresource)
	}
	return req.SetHeader("Content-Type", string(types.ApplyPatchType)).
		SetHeader("Accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json").
		Param("fieldManager", cmp.Or(to.manager, v1alpha1.ManagerAgent)).Param("force", "true").
		Body(clean).Do(ctx).Error()
}

// withoutNulls drops null values, which server-side apply would store as a wish for null.
func withoutNulls(data []byte) ([]byte, error) {
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, err
	}
	dropNulls(fields)
	return object.Canonical(fields), nil
}

func dropNulls(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if value == nil {
				delete(v, key)
				continue
			}
			dropNulls(value)
		}
	case []any:
		for _, value := range v {
			dropNulls(value)
		}
	}
}
