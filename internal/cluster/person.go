package cluster

import (
	"context"
	"net/http"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/internal/object"
)

// Person looks with the eyes of whoever the client configuration is of: a person who runs a command. It cannot write: its
// one request that is not a read is a dry run.
type Person struct{ client Client }

// Person gives a person's eyes.
func (c *Cluster) Person() Person { return Person{client: Client{rest: c.agent, mapper: c.mapper}} }

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

// DryRun asks what the API server would make of an object: with defaults and what admission changes, as if a field manager
// had applied it by force. Nothing is stored. Errors are those of Client.Apply.
func (c *Client) DryRun(ctx context.Context, o object.Object, manager string) (object.Object, error) {
	id := o.ID()
	req, err := c.on(ctx, http.MethodPatch, id, o.Version())
	if err != nil {
		return object.Object{}, err
	}
	raw, err := answerOf(req.Param("dryRun", metav1.DryRunAll).Param("fieldManager", manager).Param("force", "true").
		Param("fieldValidation", "Strict").SetHeader("Content-Type", string(types.ApplyPatchType)).
		SetHeader("Accept", "application/json").Body(o.JSON()).Do(ctx))
	if err != nil {
		return object.Object{}, c.explain(err, id)
	}
	fields, err := decode(raw)
	return object.Object{Fields: fields}, err
}

// IsNoDryRun tells whether an admission webhook has refused a request because it was a dry run.
func IsNoDryRun(err error) bool {
	return err != nil && strings.Contains(err.Error(), "does not support dry run")
}
