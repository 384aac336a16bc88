package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// What is asked for as metadata is asked for in protobuf, which costs both sides less than JSON. An API server that extends
// Kubernetes may have no more than JSON.
const (
	acceptMetadata = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1," +
		"application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
	acceptMetadataList = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1," +
		"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
)

// Client acts on objects under one identity. Methods are safe for concurrent use. None tries again, but where the API
// server itself asks for it (429 and 5xx with Retry-After, by client-go).
type Client struct {
	rest   *rest.RESTClient
	mapper *Mapper
	user   string
}

// User gives the name that is impersonated, "" for the agent's own identity.
func (c *Client) User() string { return c.user }

// ApplyOptions say how a server-side apply is made.
type ApplyOptions struct {
	Manager string // field manager, at most 128 bytes
	Force   bool   // take fields that other managers own
	DryRun  bool   // the API server answers as if, and stores nothing
	New     bool   // only if there is none: of one that exists the answer is an error for which IsOther is true
}

// Applied is what the API server answered: the metadata only.
type Applied struct {
	metav1.ObjectMeta
	Created bool // the object did not exist before
}

// Apply makes the fields of an object so, by server-side apply. Errors are faults: OwnedByOther for a conflict,
// Forbidden, ServiceAccountMissing, KindUnknown, ImmutableField, Rejected, ApplyFailed (worth another try).
func (c *Client) Apply(ctx context.Context, o object.Object, opts ApplyOptions) (Applied, error) {
	req, err := c.on(ctx, http.MethodPatch, o.ID(), o.Version())
	if err != nil {
		return Applied{}, err
	}
	if opts.New {
		o = unborn(o)
	}
	req = req.Param("fieldManager", opts.Manager).
		Param("force", strconv.FormatBool(opts.Force)).
		Param("fieldValidation", "Strict").
		SetHeader("Content-Type", string(types.ApplyPatchType)).
		SetHeader("Accept", acceptMetadata).
		Body(o.JSON())
	if opts.DryRun {
		req = req.Param("dryRun", metav1.DryRunAll)
	}
	return c.metadata(ctx, req, o.ID())
}

// unborn gives an object with a version that none has: storage begins to count at 1, and its first write is the second. An
// apply that names a version changes no object of another one, and makes one where there is none (measured; docs/design/line.md).
func unborn(o object.Object) object.Object {
	fields := maps.Clone(o.Fields)
	meta, _ := fields["metadata"].(map[string]any)
	meta = maps.Clone(meta)
	meta["resourceVersion"] = "1"
	fields["metadata"] = meta
	return object.Object{Fields: fields, Place: o.Place}
}

// Patch changes an object by a JSON patch.
func (c *Client) Patch(ctx context.Context, id object.ID, version string, patch []byte, manager string) (Applied, error) {
	req, err := c.on(ctx, http.MethodPatch, id, version)
	if err != nil {
		return Applied{}, err
	}
	req = req.Param("fieldManager", manager).
		SetHeader("Content-Type", string(types.JSONPatchType)).
		SetHeader("Accept", acceptMetadata).
		Body(patch)
	return c.metadata(ctx, req, id)
}

// Get reads a whole object and its managedFields. An object that does not exist is an error for which IsGone is true.
func (c *Client) Get(ctx context.Context, id object.ID, version string) (object.Object, []metav1.ManagedFieldsEntry, error) {
	req, err := c.on(ctx, http.MethodGet, id, version)
	if err != nil {
		return object.Object{}, nil, err
	}
	raw, err := answerOf(req.SetHeader("Accept", "application/json").Do(ctx))
	if err != nil {
		return object.Object{}, nil, c.explain(err, id)
	}
	var meta metav1.PartialObjectMetadata
	if err := json.Unmarshal(raw, &meta); err != nil {
		return object.Object{}, nil, fmt.Errorf("read the answer about %s: %w", id, err)
	}
	fields, err := decode(raw)
	if err != nil {
		return object.Object{}, nil, fmt.Errorf("read the answer about %s: %w", id, err)
	}
	return object.Object{Fields: fields}, meta.ManagedFields, nil
}

// GetMetadata reads the metadata of an object.
func (c *Client) GetMetadata(ctx context.Context, id object.ID, version string) (metav1.ObjectMeta, error) {
	req, err := c.on(ctx, http.MethodGet, id, version)
	if err != nil {
		return metav1.ObjectMeta{}, err
	}
	applied, err := c.metadata(ctx, req.SetHeader("Accept", acceptMetadata), id)
	return applied.ObjectMeta, err
}

// ListMetadata reads the metadata of all objects of a kind in a namespace ("" = everywhere, or cluster-scoped).
// complete is false if there are more than limit: then the list proves nothing about what is absent.
func (c *Client) ListMetadata(ctx context.Context, kind Kind, namespace string, limit int64) (items []metav1.ObjectMeta, complete bool, err error) {
	req := c.rest.Verb(http.MethodGet).AbsPath(resourcePath(kind, namespace, "")...).
		Param("limit", strconv.FormatInt(limit, 10)).
		SetHeader("Accept", acceptMetadataList)
	raw, err := answerOf(req.Do(ctx))
	if err != nil {
		return nil, false, c.explain(err, object.ID{Group: kind.Resource.Group, Kind: kind.Resource.Resource, Namespace: namespace})
	}
	var list metav1.PartialObjectMetadataList
	if err := decodeMetadata(raw, &list); err != nil {
		return nil, false, fmt.Errorf("read the list of %s: %w", kind.Resource.Resource, err)
	}
	items = make([]metav1.ObjectMeta, len(list.Items))
	for i := range list.Items {
		items[i] = list.Items[i].ObjectMeta
	}
	return items, list.Continue == "", nil
}

// HelmKeeps tells in what Helm keeps a release of this name: "secret", or "configmap" where people have configured that
// (helm.sh/helm, pkg/storage/driver); "" if it knows none. Metadata is asked for alone. A namespace that may not be looked
// into counts as one that has it, by the default.
func (c *Client) HelmKeeps(ctx context.Context, namespace, release string) string {
	selector := "owner=helm,name=" + release
	for _, kept := range []struct{ kind, word string }{{"Secret", "secret"}, {"ConfigMap", "configmap"}} {
		found, err := c.exists(ctx, object.ID{Kind: kept.kind, Namespace: namespace}, selector)
		if err != nil || found {
			return kept.word
		}
	}
	return ""
}

// exists tells whether there is any object of a kind of version v1 in a namespace that a label selector chooses.
func (c *Client) exists(ctx context.Context, id object.ID, selector string) (bool, error) {
	kind, ok, err := c.mapper.Of(ctx, id, "v1")
	if err != nil || !ok {
		return false, err
	}
	raw, err := answerOf(c.rest.Verb(http.MethodGet).AbsPath(resourcePath(kind, id.Namespace, "")...).
		Param("labelSelector", selector).Param("limit", "1").SetHeader("Accept", acceptMetadataList).Do(ctx))
	if err != nil {
		return false, c.explain(err, id)
	}
	var list metav1.PartialObjectMetadataList
	if err := decodeMetadata(raw, &list); err != nil {
		return false, fmt.Errorf("read the list of %s: %w", kind.Resource.Resource, err)
	}
	return len(list.Items) > 0, nil
}

// Exactly is the precondition of a delete.
type Exactly struct {
	UID     string // required
	Version string // resourceVersion; "" is any
}

// Delete removes an object if it still is exactly this one; what hangs on it goes in the background.
func (c *Client) Delete(ctx context.Context, id object.ID, version string, exact Exactly) error {
	if exact.UID == "" {
		return fault.New(fault.ApplyFailed, "refused to delete %s without its UID", id)
	}
	req, err := c.on(ctx, http.MethodDelete, id, version)
	if err != nil {
		return err
	}
	background := metav1.DeletePropagationBackground
	uid := types.UID(exact.UID)
	preconditions := &metav1.Preconditions{UID: &uid}
	if exact.Version != "" {
		preconditions.ResourceVersion = &exact.Version
	}
	body, err := json.Marshal(metav1.DeleteOptions{
		TypeMeta:          metav1.TypeMeta{APIVersion: "v1", Kind: "DeleteOptions"},
		Preconditions:     preconditions,
		PropagationPolicy: &background,
	})
	if err != nil {
		return fmt.Errorf("write the options of a delete: %w", err)
	}
	return c.explain(req.SetHeader("Content-Type", "application/json").Body(body).Do(ctx).Error(), id)
}

// answerOf gives the body of an answer. Result.Raw alone would give an error without what the API server has said.
func answerOf(result rest.Result) ([]byte, error) {
	if err := result.Error(); err != nil {
		return nil, err
	}
	return result.Raw()
}

// explain is Explain. Where the API server does not serve what it said it would, it is asked again what it serves.
func (c *Client) explain(err error, id object.ID) error {
	var status apierrors.APIStatus
	if errors.As(err, &status) && noSuchPath(err, status.Status()) {
		c.mapper.Invalidate()
	}
	return Explain(err, id, c.user)
}

func (c *Client) on(ctx context.Context, verb string, id object.ID, version string) (*rest.Request, error) {
	kind, ok, err := c.mapper.Of(ctx, id, version)
	if err != nil {
		return nil, fault.New(fault.ApplyFailed, "%s: %w", id, err)
	}
	if !ok {
		return nil, fault.New(fault.KindUnknown, "the API server does not serve %s (version %s)", id.GroupKind(), version).
			WithNext("install its CustomResourceDefinition, or correct apiVersion and kind")
	}
	namespace := id.Namespace
	if !kind.Namespaced {
		namespace = ""
	}
	if !isSegment(id.Name) || namespace != "" && !isSegment(namespace) {
		return nil, fault.New(fault.InvalidObject, "%s cannot be the name of an object", id).WithNext("a name has no / and no %%, and is neither . nor ..")
	}
	return c.rest.Verb(verb).AbsPath(resourcePath(kind, namespace, id.Name)...), nil
}

func (c *Client) metadata(ctx context.Context, req *rest.Request, id object.ID) (Applied, error) {
	var status int
	raw, err := answerOf(req.Do(ctx).StatusCode(&status))
	if err != nil {
		return Applied{}, c.explain(err, id)
	}
	var meta metav1.PartialObjectMetadata
	if err := decodeMetadata(raw, &meta); err != nil {
		return Applied{}, fmt.Errorf("read the answer about %s: %w", id, err)
	}
	return Applied{ObjectMeta: meta.ObjectMeta, Created: status == http.StatusCreated}, nil
}

// resourcePath gives the segments of a resource's URL; name "" is the collection.
func resourcePath(kind Kind, namespace, name string) []string {
	segments := []string{"apis", kind.Resource.Group, kind.Resource.Version}
	if kind.Resource.Group == "" {
		segments = []string{"api", kind.Resource.Version}
	}
	if namespace != "" {
		segments = append(segments, "namespaces", namespace)
	}
	segments = append(segments, kind.Resource.Resource)
	if name != "" {
		segments = append(segments, name)
	}
	return segments
}

// isSegment tells whether a name stays one segment of a path. With ../ in it another object would be asked for: by the name of a
// credential in a Repo the Secret of another namespace, with the agent's own rights.
func isSegment(name string) bool { return name != "" && len(content.IsPathSegmentName(name)) == 0 }

// List reads whole objects of a kind in a namespace that a label selector chooses, at most limit.
func (c *Client) List(ctx context.Context, id object.ID, version, selector string, limit int64) ([]object.Object, error) {
	kind, ok, err := c.mapper.Of(ctx, id, version)
	if err != nil || !ok {
		return nil, err
	}
	raw, err := answerOf(c.rest.Verb(http.MethodGet).AbsPath(resourcePath(kind, id.Namespace, "")...).
		Param("labelSelector", selector).Param("limit", strconv.FormatInt(limit, 10)).
		SetHeader("Accept", "application/json").Do(ctx))
	if err != nil {
		return nil, c.explain(err, id)
	}
	list, err := decode(raw)
	if err != nil {
		return nil, fmt.Errorf("read the list of %s: %w", kind.Resource.Resource, err)
	}
	items, _ := list["items"].([]any)
	objects := make([]object.Object, 0, len(items))
	for _, item := range items {
		if fields, ok := item.(map[string]any); ok {
			fields["apiVersion"], fields["kind"] = kind.Resource.GroupVersion().String(), id.Kind
			objects = append(objects, object.Object{Fields: fields})
		}
	}
	return objects, nil
}

// Log reads the last lines of what a container has said, at most so many lines and bytes.
func (c *Client) Log(ctx context.Context, pod object.ID, container string, lines, bytes int64) (string, error) {
	raw, err := answerOf(c.rest.Verb(http.MethodGet).AbsPath("api", "v1", "namespaces", pod.Namespace, "pods", pod.Name, "log").
		Param("container", container).Param("tailLines", strconv.FormatInt(lines, 10)).Param("limitBytes", strconv.FormatInt(bytes, 10)).
		SetHeader("Accept", "text/plain, application/json").Do(ctx))
	if err != nil {
		return "", c.explain(err, pod)
	}
	return string(raw), nil
}
