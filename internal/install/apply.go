package install

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
)

// Result is what became of one object.
type Result struct {
	Object string `json:"object"` // Kind/namespace/name
	Did    string `json:"did"`    // created, changed, unchanged, deleted, released
}

// What became of an object.
const (
	Created   = "created"
	Changed   = "changed"
	Unchanged = "unchanged"
	Deleted   = "deleted"
	Released  = "released" // of an App: its finalizer, so that it can be deleted without an agent; its objects stay
)

// Installer writes as one person.
type Installer struct {
	client dynamic.Interface
	// DryRun has the API server answer as if, and stores nothing.
	DryRun bool
}

// New makes an Installer. It makes no request.
func New(config *rest.Config, userAgent string) (*Installer, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1 // a few dozen requests
	config.UserAgent = userAgent
	config.WarningHandler = rest.NoWarnings{}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fault.New(fault.Unreachable, "the kubeconfig cannot be used: %w", err).WithNext("kubectl config view --minify shows what is in use")
	}
	return &Installer{client: client}, nil
}

const (
	rbac      = "rbac.authorization.k8s.io"
	admission = "admissionregistration.k8s.io"
)

// resources are the kinds of which an installation is made, and those of the resources that people may give it to begin with.
var resources = map[string]schema.GroupVersionResource{
	"CustomResourceDefinition":         {Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"},
	"Namespace":                        {Version: "v1", Resource: "namespaces"},
	"ServiceAccount":                   {Version: "v1", Resource: "serviceaccounts"},
	"Secret":                           {Version: "v1", Resource: "secrets"},
	"Service":                          {Version: "v1", Resource: "services"},
	"Pod":                              {Version: "v1", Resource: "pods"},
	"ClusterRole":                      {Group: rbac, Version: "v1", Resource: "clusterroles"},
	"ClusterRoleBinding":               {Group: rbac, Version: "v1", Resource: "clusterrolebindings"},
	"Role":                             {Group: rbac, Version: "v1", Resource: "roles"},
	"RoleBinding":                      {Group: rbac, Version: "v1", Resource: "rolebindings"},
	"ValidatingAdmissionPolicy":        {Group: admission, Version: "v1", Resource: "validatingadmissionpolicies"},
	"ValidatingAdmissionPolicyBinding": {Group: admission, Version: "v1", Resource: "validatingadmissionpolicybindings"},
	"Deployment":                       {Group: "apps", Version: "v1", Resource: "deployments"},
	"Repo":                             {Group: v1alpha1.GroupVersion.Group, Version: v1alpha1.GroupVersion.Version, Resource: "repos"},
	"App":                              {Group: v1alpha1.GroupVersion.Group, Version: v1alpha1.GroupVersion.Version, Resource: "apps"},
	"Cluster":                          {Group: v1alpha1.GroupVersion.Group, Version: v1alpha1.GroupVersion.Version, Resource: "clusters"},
}

// ranks are the steps of an installation: what stands in one is applied at once, after what stands before it.
var ranks = [][]string{
	{"CustomResourceDefinition", "Namespace"},
	{"ServiceAccount", "ClusterRole", "Role", "ClusterRoleBinding", "RoleBinding", "ValidatingAdmissionPolicy", "Secret"},
	{"ValidatingAdmissionPolicyBinding", "Service", "Deployment"},
	{"Cluster", "Repo", "App"},
}

// inFlight is how many objects are written at once.
const inFlight = 8

// Apply makes the objects so, by server-side apply, and tells what became of each, in their order. Definitions are
// established when it returns.
func (i *Installer) Apply(ctx context.Context, objects []*unstructured.Unstructured) ([]Result, error) {
	results := make([]Result, len(objects))
	for _, kinds := range ranks {
		var group errgroup.Group
		group.SetLimit(inFlight)
		for n, o := range objects {
			if slices.Contains(kinds, o.GetKind()) {
				group.Go(func() (err error) { results[n], err = i.apply(ctx, o); return err })
			}
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
		if err := i.established(ctx, objects, kinds); err != nil {
			return nil, err
		}
	}
	return results, nil
}

func (i *Installer) at(o *unstructured.Unstructured) dynamic.ResourceInterface {
	client := i.client.Resource(resources[o.GetKind()])
	if o.GetNamespace() != "" {
		return client.Namespace(o.GetNamespace())
	}
	return client
}

func (i *Installer) apply(ctx context.Context, o *unstructured.Unstructured) (Result, error) {
	result := Result{Object: Name(o), Did: Unchanged}
	before, err := i.before(ctx, o)
	if err != nil {
		return result, fmt.Errorf("%s: %w", Name(o), err)
	}
	options := metav1.ApplyOptions{FieldManager: Manager, Force: true}
	if i.DryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	after, err := i.at(o).Apply(ctx, o.GetName(), o, options)
	switch {
	case err != nil && before == nil && i.DryRun && apierrors.IsNotFound(err):
		result.Did = Created // its namespace or its definition comes with the same installation
	case err != nil:
		return result, fmt.Errorf("%s: %w", Name(o), err)
	case before == nil:
		result.Did = Created
	case !same(before, after):
		result.Did = Changed
	}
	return result, nil
}

// before gives an object as it is; nil if there is none. One that is being deleted is waited for: what is written to it goes with it.
func (i *Installer) before(ctx context.Context, o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, goneLimit, errors.New("it is still being deleted"))
	defer cancel()
	var live *unstructured.Unstructured
	err := until(ctx, func() (bool, error) {
		found, err := i.at(o).Get(ctx, o.GetName(), metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			live = nil
			return true, nil
		case err != nil:
			return false, err
		}
		live = found
		return i.DryRun || live.GetDeletionTimestamp() == nil, nil
	})
	return live, err
}

// same compares two states of an object without what the API server counts.
func same(a, b *unstructured.Unstructured) bool {
	plain := func(o *unstructured.Unstructured) map[string]any {
		o = o.DeepCopy()
		o.SetManagedFields(nil)
		o.SetResourceVersion("")
		o.SetGeneration(0)
		delete(o.Object, "status")
		return o.Object
	}
	return reflect.DeepEqual(plain(a), plain(b))
}

const (
	// establishLimit bounds the wait for a definition; tens of milliseconds are usual.
	establishLimit = 30 * time.Second
	// goneLimit bounds the wait for what is being deleted: a definition goes when its objects are gone.
	goneLimit = time.Minute
	look      = 50 * time.Millisecond
)

// established waits until the API server serves the definitions among the objects of some kinds.
func (i *Installer) established(ctx context.Context, objects []*unstructured.Unstructured, kinds []string) error {
	if i.DryRun || !slices.Contains(kinds, "CustomResourceDefinition") {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, establishLimit, errors.New("it was not established in time"))
	defer cancel()
	for _, o := range objects {
		if o.GetKind() != "CustomResourceDefinition" {
			continue
		}
		err := until(ctx, func() (bool, error) {
			live, err := i.at(o).Get(ctx, o.GetName(), metav1.GetOptions{})
			return err == nil && Condition(live, "Established") == "True", err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", Name(o), err)
		}
	}
	return nil
}

// Condition gives the status of a condition of an object, "" if there is none.
func Condition(o *unstructured.Unstructured, typ string) string {
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range conditions {
		if c, ok := c.(map[string]any); ok && c["type"] == typ {
			status, _ := c["status"].(string)
			return status
		}
	}
	return ""
}

// until asks again and again until done says so or fails, or ctx ends.
func until(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// outdated lists what an installation has written into the cluster and is not among these objects. Definitions and the
// namespace are never outdated.
func (i *Installer) outdated(ctx context.Context, objects []*unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	wanted := map[string]bool{}
	for _, o := range objects {
		wanted[Name(o)] = true
	}
	var found []*unstructured.Unstructured
	for _, kind := range slices.Sorted(maps.Keys(resources)) {
		if !removable(kind) {
			continue
		}
		list, err := i.client.Resource(resources[kind]).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/part-of=plumb"})
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", resources[kind].Resource, err)
		}
		for n := range list.Items {
			o := &list.Items[n]
			o.SetAPIVersion(resources[kind].GroupVersion().String())
			o.SetKind(kind)
			if !wanted[Name(o)] && installed(o) {
				found = append(found, o)
			}
		}
	}
	return found, nil
}

// removable are the kinds of which an installation takes out what it has written.
func removable(kind string) bool {
	switch kind {
	case "CustomResourceDefinition", "Namespace", "Secret", "Pod", "Repo", "App", "Cluster":
		return false
	}
	return true
}

// installed tells whether an installation has written an object.
func installed(o *unstructured.Unstructured) bool {
	return slices.ContainsFunc(o.GetManagedFields(), func(e metav1.ManagedFieldsEntry) bool {
		return e.Manager == Manager && e.Operation == metav1.ManagedFieldsOperationApply
	})
}

// Tidy takes out what a former version has installed and this one does not.
func (i *Installer) Tidy(ctx context.Context, objects []*unstructured.Unstructured) ([]Result, error) {
	old, err := i.outdated(ctx, objects)
	if err != nil {
		return nil, err
	}
	return i.remove(ctx, old)
}

// MayTake refuses a cluster in which another tool has installed Plumb, and keeps it so.
func (i *Installer) MayTake(ctx context.Context) error {
	role, err := i.client.Resource(resources["ClusterRole"]).Get(ctx, "plumb-agent", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for an installation: %w", err)
	}
	marks := role.GetAnnotations()
	if release := marks["meta.helm.sh/release-name"]; release != "" {
		return fault.New(fault.OwnedByOther, "Helm has installed Plumb in this cluster, as release %s/%s", marks["meta.helm.sh/release-namespace"], release).
			WithNext("helm upgrade %s, or helm uninstall it first: what runs stays", release)
	}
	if owner := marks[v1alpha1.AnnotationOwner]; owner != "" {
		app, _, _ := strings.Cut(owner, ":")
		return fault.New(fault.OwnedByOther, "Plumb is delivered from Git in this cluster, by App %s", app).
			WithNext("change it there")
	}
	return nil
}
