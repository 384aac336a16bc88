package cluster

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// Person looks with the eyes of whoever the client configuration is of, a person who runs a command, or of a ServiceAccount. It
// cannot write: what is not a read is a dry run.
type Person struct{ client Client }

// Person gives a person's eyes.
func (c *Cluster) Person() Person { return Person{client: Client{rest: c.agent, mapper: c.mapper}} }

// Eyes give the same look with those of a ServiceAccount.
func (c *Client) Eyes() Person { return Person{client: *c} }

// Get is Client.Get.
func (p Person) Get(ctx context.Context, id object.ID, version string) (object.Object, []metav1.ManagedFieldsEntry, error) {
	return p.client.Get(ctx, id, version)
}

// List is Client.List.
func (p Person) List(ctx context.Context, id object.ID, version, selector string, limit int64) ([]object.Object, error) {
	return p.client.List(ctx, id, version, selector, limit)
}

// DryRun is Client.DryRun.
func (p Person) DryRun(ctx context.Context, o object.Object, manager string) (object.Object, error) {
	return p.client.DryRun(ctx, o, manager)
}

// HelmKeeps is Client.HelmKeeps.
func (p Person) HelmKeeps(ctx context.Context, namespace, release string) string {
	return p.client.HelmKeeps(ctx, namespace, release)
}

// DryReplace asks what the API server would make of a live object if all of it were replaced by this. Nothing is stored.
func (p Person) DryReplace(ctx context.Context, o object.Object, manager string) (object.Object, error) {
	req, err := p.client.on(ctx, http.MethodPut, o.ID(), o.Version())
	if err != nil {
		return object.Object{}, err
	}
	return p.client.rehearse(ctx, req.SetHeader("Content-Type", "application/json"), o, manager)
}

// DryRun asks what the API server would make of an object: with defaults and what admission changes, as if a field manager
// had applied it by force. Nothing is stored. Errors are those of Client.Apply.
func (c *Client) DryRun(ctx context.Context, o object.Object, manager string) (object.Object, error) {
	req, err := c.on(ctx, http.MethodPatch, o.ID(), o.Version())
	if err != nil {
		return object.Object{}, err
	}
	return c.rehearse(ctx, req.Param("force", "true").SetHeader("Content-Type", string(types.ApplyPatchType)), o, manager)
}

// rehearse sends a request as a dry run.
func (c *Client) rehearse(ctx context.Context, req *rest.Request, o object.Object, manager string) (object.Object, error) {
	raw, err := answerOf(req.Param("dryRun", metav1.DryRunAll).Param("fieldManager", manager).Param("fieldValidation", "Strict").
		SetHeader("Accept", "application/json").Body(o.JSON()).Do(ctx))
	if err != nil {
		return object.Object{}, c.explain(err, o.ID())
	}
	fields, err := decode(raw)
	return object.Object{Fields: fields}, err
}

// Document gives the API server's OpenAPI 3 document of a group and version, as it is.
func (p Person) Document(ctx context.Context, group, version string) ([]byte, error) {
	path := []string{"openapi", "v3", "apis", group, version}
	if group == "" {
		path = []string{"openapi", "v3", "api", version}
	}
	raw, err := answerOf(p.client.rest.Verb(http.MethodGet).AbsPath(path...).SetHeader("Accept", "application/json").Do(ctx))
	if err != nil {
		return nil, fault.New(fault.Unreachable, "the schemas of %s %s cannot be read: %w", group, version, err)
	}
	return raw, nil
}

// IsNoRight tells whether a request was refused because who asked has no right to it. Admission refuses with the same code:
// that is said against the object, whoever asks.
func IsNoRight(err error) bool {
	return fault.Is(err, fault.Forbidden) && noRight.MatchString(err.Error())
}

// noRight is how the API server's authorization says no (k8s.io/apiserver, responsewriters.Forbidden).
var noRight = regexp.MustCompile(`User "[^"]*" cannot [a-z]+ `)

// IsNoDryRun tells whether an admission webhook has refused a request because it was a dry run.
func IsNoDryRun(err error) bool {
	return err != nil && strings.Contains(err.Error(), "does not support dry run")
}

// EyesOf gives the eyes of somebody else than the agent: of whoever a client configuration is of. How kinds are served is
// asked as the agent, once for everybody; whatever else is asked is asked with that configuration.
func (c *Cluster) EyesOf(config *rest.Config) (Person, error) {
	client, err := c.rest(config)
	if err != nil {
		return Person{}, err
	}
	return Person{client: Client{rest: client, mapper: c.mapper, user: config.Impersonate.UserName}}, nil
}

// Kind tells how the kind of an object is served.
func (p Person) Kind(ctx context.Context, id object.ID, version string) (Kind, bool, error) {
	return p.client.mapper.Of(ctx, id, version)
}

// How many objects are read at once: whole ones, and metadata, which is small.
const (
	pageOf         = 500
	pageOfMetadata = 2000
)

// Walk reads the objects of a kind in a namespace ("" is everywhere), page by page, and shows each; nothing is kept. It is
// complete unless there are more than most. Of kinds that are not served there are none.
func (p Person) Walk(ctx context.Context, id object.ID, version, selector string, most int, each func(object.Object)) (complete bool, err error) {
	return p.pages(ctx, id, version, most, ask{"application/json", selector, pageOf}, func(kind Kind, raw []byte) (n int, next string, err error) {
		list, err := decode(raw)
		if err != nil {
			return 0, "", err
		}
		items, _ := list["items"].([]any)
		for _, item := range items {
			if fields, ok := item.(map[string]any); ok {
				fields["apiVersion"], fields["kind"] = kind.Resource.GroupVersion().String(), id.Kind
				each(object.Object{Fields: fields})
			}
		}
		meta, _ := list["metadata"].(map[string]any)
		next, _ = meta["continue"].(string)
		return len(items), next, nil
	})
}

// WalkMetadata is Walk of the objects' metadata: what else is in them is not sent.
func (p Person) WalkMetadata(ctx context.Context, id object.ID, version, selector string, most int, each func(metav1.ObjectMeta)) (complete bool, err error) {
	return p.pages(ctx, id, version, most, ask{acceptMetadataList, selector, pageOfMetadata}, func(_ Kind, raw []byte) (n int, next string, err error) {
		var list metav1.PartialObjectMetadataList
		if err := decodeMetadata(raw, &list); err != nil {
			return 0, "", err
		}
		for i := range list.Items {
			each(list.Items[i].ObjectMeta)
		}
		return len(list.Items), list.Continue, nil
	})
}

// ask says how a list is asked for.
type ask struct {
	accept   string // as what
	selector string // of labels; "" is all
	page     int    // how many at once
}

// pages reads a list page by page. read takes one in, and tells how many objects it has and how it goes on.
func (p Person) pages(ctx context.Context, id object.ID, version string, most int, a ask, read func(kind Kind, raw []byte) (n int, next string, err error)) (complete bool, err error) {
	kind, ok, err := p.client.mapper.Of(ctx, id, version)
	if err != nil || !ok {
		return err == nil, err
	}
	namespace := id.Namespace
	if !kind.Namespaced {
		namespace = ""
	}
	for seen, next := 0, ""; ; {
		req := p.client.rest.Verb(http.MethodGet).AbsPath(resourcePath(kind, namespace, "")...).
			Param("limit", strconv.Itoa(a.page)).SetHeader("Accept", a.accept)
		if a.selector != "" {
			req = req.Param("labelSelector", a.selector)
		}
		if next != "" {
			req = req.Param("continue", next)
		}
		raw, err := answerOf(req.Do(ctx))
		if err != nil {
			return false, p.client.explain(err, id)
		}
		var n int
		if n, next, err = read(kind, raw); err != nil {
			return false, fmt.Errorf("read the list of %s: %w", kind.Resource.Resource, err)
		}
		if next == "" {
			return true, nil
		}
		if seen += n; seen >= most {
			return false, nil
		}
	}
}

// LogOptions say what of a container's log is read.
type LogOptions struct {
	Container string
	Lines     int64 // of the end; at most that many
	Follow    bool  // also what comes
}

// Log reads what a container says, with the time of each line before it. Whoever reads closes.
func (p Person) Log(ctx context.Context, pod object.ID, o LogOptions) (io.ReadCloser, error) {
	stream, err := p.client.rest.Verb(http.MethodGet).AbsPath("api", "v1", "namespaces", pod.Namespace, "pods", pod.Name, "log").
		Param("container", o.Container).Param("tailLines", strconv.FormatInt(o.Lines, 10)).
		Param("follow", strconv.FormatBool(o.Follow)).Param("timestamps", "true").
		SetHeader("Accept", "text/plain, application/json").Stream(ctx)
	if err != nil {
		return nil, p.client.explain(err, pod)
	}
	return stream, nil
}
