package preview

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/report"
)

// silent is an API server that has nothing, and answers dry runs with one error. It stands in for what no API server can be
// brought to any more: the API for webhooks takes none that refuses dry runs, but keeps those that were made before.
type silent struct{ err error }

func (s silent) Get(_ context.Context, id object.ID, _ string) (object.Object, []metav1.ManagedFieldsEntry, error) {
	return object.Object{}, nil, apierrors.NewNotFound(schema.GroupResource{Resource: id.Kind}, id.Name)
}

func (s silent) List(context.Context, object.ID, string, string, int64) ([]object.Object, error) {
	return nil, nil
}

func (s silent) DryRun(_ context.Context, o object.Object, _ string) (object.Object, error) {
	return object.Object{}, cluster.Explain(s.err, o.ID(), "")
}

func (s silent) DryReplace(context.Context, object.Object, string) (object.Object, error) {
	return object.Object{}, errors.New("nothing is replaced")
}

func (s silent) HelmKeeps(context.Context, string, string) string { return "" }

const deployments = `{"components":{"schemas":{"io.k8s.api.apps.v1.Deployment":{"type":"object","properties":{"metadata":{"type":"object"},
"spec":{"type":"object","required":["selector"],"properties":{"replicas":{"type":"integer"},"selector":{"type":"object"}}}},
"x-kubernetes-group-version-kind":[{"group":"apps","version":"v1","kind":"Deployment"}]}}}}`

const definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: gadgets.example.com}\nspec:\n  group: example.com\n  scope: Cluster\n  names: {kind: Gadget}\n" +
	"  versions: [{name: v1, served: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}}]\n"

// TestWhereNobodyCanBeAsked: an object about which the API server cannot be asked is checked against the schema of its kind, and
// the answer says so.
func TestWhereNobodyCanBeAsked(t *testing.T) {
	noDryRun := apierrors.NewBadRequest(`admission webhook "old.example.com" does not support dry run`)
	gadget := "apiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: g}\nspec: "
	for _, row := range []struct {
		reason string
		err    error
		tree   []string
		others []string
		change string // of the object that is looked at, the last one
		say    []string
	}{
		{"a webhook refuses dry runs", noDryRun, []string{web + "spec: {replicas: 1, selector: {}}"}, nil, report.ObjectAdded,
			[]string{"1 object is compared as rendered", "checked against the schema of the kind and nothing else: an admission webhook refuses dry runs"}},
		{"and the object is wrong", noDryRun, []string{web + "spec: {replicas: one}"}, nil, report.ObjectRefused, []string{"spec.replicas: must be a whole number, not text", "spec.selector: is required"}},
		{"and nobody has a schema", noDryRun, []string{"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\n"}, nil, report.ObjectAdded, []string{"without the API server's defaults: an admission webhook refuses dry runs"}},
		{"the kind comes with the change", &apierrors.StatusError{ErrStatus: metav1.Status{Reason: metav1.StatusReasonNotFound, Code: 404}}, []string{definition, gadget + "{size: 1}"}, nil, report.ObjectAdded, []string{"the kind is not served yet"}},
		{"and the object does not fit it", &apierrors.StatusError{ErrStatus: metav1.Status{Reason: metav1.StatusReasonNotFound, Code: 404}}, []string{definition, gadget + "{size: 1, weight: 2}"}, nil, report.ObjectRefused, []string{"spec.weight: there is no such field"}},
		{"the kind comes with another app", &apierrors.StatusError{ErrStatus: metav1.Status{Reason: metav1.StatusReasonNotFound, Code: 404}}, []string{gadget + "{size: big}"}, []string{definition}, report.ObjectRefused, []string{"spec.size: must be a whole number"}},
		{"what the API server has is not what will hold", apierrors.NewInternalError(errors.New("failed to create typed patch object: .spec.size: field not declared in schema")), []string{definition, gadget + "{size: 1}"}, nil, report.ObjectAdded,
			[]string{"its definition comes with the same change"}},
		{"a quota is no missing right", apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "a", errors.New("exceeded quota: few, requested: count/configmaps=1, used: count/configmaps=3, limited: count/configmaps=3")),
			[]string{"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\n"}, nil, report.ObjectRefused, []string{"exceeded quota: few"}},
		{"a missing right is", apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "a", errors.New(`User "ann" cannot patch resource "configmaps" in API group "" in the namespace "shop"`)),
			[]string{"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\n"}, nil, report.ObjectAdded, []string{"you have no right to patch"}},
	} {
		var tree, others []object.Object
		for _, text := range row.tree {
			tree = append(tree, parse(t, text))
		}
		for _, text := range row.others {
			others = append(others, parse(t, text))
		}
		p := &Previewer{
			Eyes: silent{row.err}, Namespaced: func(_ context.Context, o object.Object) bool { return o.Kind() != "CustomResourceDefinition" },
			Definitions: DefinitionsOf(nil, others),
			Document: func(_ context.Context, group, version string) ([]byte, error) {
				if group != "apps" {
					return nil, errors.New("there is none")
				}
				return []byte(deployments), nil
			},
		}
		app := App{Identity: plan.App{Namespace: "plumb-system", Name: "shop", UID: "u", App: "shop", Target: "shop"}, Policy: plan.Policy{Complete: true}, Tree: Side{Objects: tree, Namespace: "shop"}}
		answer, err := p.Compare(t.Context(), app)
		if err != nil || answer == nil {
			t.Errorf("%s: %v, %v", row.reason, answer, err)
			continue
		}
		i := slices.IndexFunc(answer.Objects, func(d report.ObjectDiff) bool { return d.Object.Name == tree[len(tree)-1].Name() })
		if i < 0 || answer.Objects[i].Change != row.change {
			t.Errorf("%s: %+v, want %s", row.reason, answer.Objects, row.change)
			continue
		}
		said := strings.Join(append(answer.Notes, answer.Objects[i].Notes...), "\n")
		for _, want := range row.say {
			if !strings.Contains(said, want) {
				t.Errorf("%s: %q is not said: %s", row.reason, want, said)
			}
		}
		if unchecked := slices.Contains(answer.Objects[i].Risks, report.RiskUnchecked); unchecked != (row.change == report.ObjectAdded && !strings.Contains(said, "checked against the schema")) {
			t.Errorf("%s: its risks are %s", row.reason, fmt.Sprint(answer.Objects[i].Risks))
		}
	}
}
