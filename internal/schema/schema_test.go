package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"plumb.dev/plumb/internal/object"
)

func parse(t testing.TB, text string) object.Object {
	t.Helper()
	var fields map[string]any
	if err := yaml.Unmarshal([]byte(text), &fields); err != nil {
		t.Fatal(err)
	}
	return object.Object{Fields: fields}
}

const gadgets = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.example.com}
spec:
  group: example.com
  names: {kind: Gadget}
  versions:
  - {name: v0, served: false, schema: {openAPIV3Schema: {type: object}}}
  - name: v1
    served: true
    schema:
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:
          spec:
            type: object
            required: [size, kept]
            properties:
              size: {type: integer, minimum: 1, maximum: 9}
              kept: {type: boolean, default: true}
              color: {type: string, enum: [red, green], nullable: true}
              name: {type: string, pattern: '^[a-z]+$', maxLength: 5}
              port: {x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}]}
              tags: {type: array, maxItems: 3, x-kubernetes-list-type: set, items: {type: string}}
              parts:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [id]
                items: {type: object, required: [id], properties: {id: {type: string}, weight: {type: number, multipleOf: 0.5}}}
              labels: {type: object, maxProperties: 2, additionalProperties: {type: string}}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true}
              inner: {type: object, x-kubernetes-embedded-resource: true, properties: {spec: {type: object}}}
              either: {type: object, properties: {a: {type: string}, b: {type: string}}, oneOf: [{required: [a]}, {required: [b]}], not: {required: [a, b]}}
`

// TestCheck: what a schema says of an object.
func TestCheck(t *testing.T) {
	s, ok := OfDefinition(parse(t, gadgets), "v1")
	if !ok {
		t.Fatal("there is no schema")
	}
	for _, row := range []struct{ reason, spec, want string }{
		{"all that is needed", "size: 1", ""},
		{"everything", "size: 9, color: null, name: abc, port: http, tags: [a, b], parts: [{id: a, weight: 1.5}, {id: b}], labels: {a: b}, free: {x: {y: [1]}}, inner: {apiVersion: v1, kind: A, metadata: {name: x}, spec: {}}, either: {a: x}", ""},
		{"a field that is needed", "color: red", "spec.size: is required"},
		{"a field that there is not", "size: 1, colour: red", "spec.colour: there is no such field"},
		{"a deep one", "size: 1, parts: [{id: a, wait: 1}]", "spec.parts[0].wait: there is no such field"},
		{"another type", "size: big", "spec.size: must be a whole number, not text"},
		{"a fraction", "size: 1.5", "spec.size: must be a whole number, not a number"},
		{"null", "size: null", "spec.size: must not be null|spec.size: is required"},
		{"too small", "size: 0", "spec.size: must be at least 1"},
		{"too large", "size: 10", "spec.size: must be at most 9"},
		{"none of the values", "size: 1, color: blue", `spec.color: must be one of ["red","green"]`},
		{"a pattern and a length", "size: 1, name: ABCDEF", "spec.name: must have at most 5 characters|spec.name: must match ^[a-z]+$"},
		{"neither number nor text", "size: 1, port: true", "spec.port: must be a whole number or text, not true or false"},
		{"twice in a set", "size: 1, tags: [a, b, a]", "spec.tags[2]: stands in the list twice"},
		{"twice by its key", "size: 1, parts: [{id: a}, {id: a, weight: 1}]", "spec.parts[1]: stands in the list twice"},
		{"not a multiple", "size: 1, parts: [{id: a, weight: 0.7}]", "spec.parts[0].weight: must be a multiple of 0.5"},
		{"too many", "size: 1, tags: [a, b, c, d], labels: {a: b, c: d, e: f}", "spec.labels: must have at most 2 fields|spec.tags: must have at most 3 entries"},
		{"a value of a map", "size: 1, labels: {a: 1}", "spec.labels.a: must be text, not a whole number"},
		{"neither form", "size: 1, either: {}", "spec.either: fits 0 of the 2 forms of which it may have one"},
		{"both forms", "size: 1, either: {a: x, b: x}", "spec.either: fits 2 of the 2 forms of which it may have one|spec.either: has a form that it may not have"},
	} {
		got := s.Check(parse(t, "apiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: g, labels: {a: b}}\nspec: {"+row.spec+"}\nstatus: {anything: 1}\n"))
		if strings.Join(got, "|") != row.want {
			t.Errorf("%s: %q, want %q", row.reason, got, row.want)
		}
	}
	if got := s.Check(parse(t, "apiVersion: example.com/v1\nkind: Gadget\n")); !slices.Equal(got, []string{"spec: is required"}) {
		t.Errorf("an object without a spec: %q", got)
	}
	for _, version := range []string{"v0", "v2"} {
		if _, ok := OfDefinition(parse(t, gadgets), version); ok {
			t.Errorf("%s is not served, and has a schema", version)
		}
	}
	if id, ok := Defines(parse(t, gadgets)); !ok || id.GroupKind() != "example.com/Gadget" {
		t.Errorf("it defines %v", id)
	}
	if _, ok := Defines(parse(t, "apiVersion: v1\nkind: ConfigMap\n")); ok {
		t.Error("a ConfigMap defines a kind")
	}
}

// document is what an API server says of its kinds, cut short: with references, a list of any objects, and quantities.
const document = `
components:
  schemas:
    io.k8s.api.apps.v1.Deployment:
      type: object
      properties:
        metadata: {type: object}
        spec: {allOf: [{$ref: '#/components/schemas/io.k8s.api.apps.v1.DeploymentSpec'}], default: {}}
      x-kubernetes-group-version-kind: [{group: apps, version: v1, kind: Deployment}]
    io.k8s.api.apps.v1.DeploymentSpec:
      type: object
      required: [selector]
      properties:
        replicas: {type: integer, format: int32}
        selector: {type: object}
        memory: {$ref: '#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity'}
        loop: {$ref: '#/components/schemas/loop'}
    io.k8s.apimachinery.pkg.api.resource.Quantity: {oneOf: [{type: string}, {type: number}]}
    loop: {$ref: '#/components/schemas/loop'}
`

// TestDocument: the API server's own description of its kinds.
func TestDocument(t *testing.T) {
	raw, err := yaml.YAMLToJSON([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	s, ok, err := OfDocument(raw, "apps", "v1", "Deployment")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	for _, row := range []struct{ reason, spec, want string }{
		{"as it should be", "replicas: 1, selector: {a: b}, memory: 1Gi", ""},
		{"a number for a quantity", "selector: {}, memory: 1", ""},
		{"a list for a quantity", "selector: {}, memory: [1]", "spec.memory: fits 0 of the 2 forms of which it may have one"},
		{"a field that there is not", "selector: {}, replica: 1", "spec.replica: there is no such field"},
		{"a field that is needed", "replicas: 1", "spec.selector: is required"},
		{"more than 32 bits", "replicas: 3000000000, selector: {}", "spec.replicas: must fit into 32 bits"},
		{"a schema that goes round", "selector: {}, loop: 1", "it is too large to be checked against its schema"},
	} {
		got := s.Check(parse(t, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: b}\nspec: {"+row.spec+"}\n"))
		if strings.Join(got, "|") != row.want {
			t.Errorf("%s: %q, want %q", row.reason, got, row.want)
		}
	}
	if _, ok, err := OfDocument(raw, "apps", "v1", "StatefulSet"); ok || err != nil {
		t.Error("a kind that is not in it has a schema", err)
	}
	if _, _, err := OfDocument([]byte("{"), "apps", "v1", "StatefulSet"); err == nil {
		t.Error("what cannot be read is no error")
	}
}

// FuzzCheck: no schema and no object makes a check panic or go on without end.
func FuzzCheck(f *testing.F) {
	raw, err := yaml.YAMLToJSON([]byte(gadgets))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw, []byte(`{"spec":{"size":1}}`))
	f.Add([]byte(`{"spec":{"versions":[{"name":"v1","schema":{"openAPIV3Schema":{"type":3,"enum":1,"required":[1],"properties":{"a":1},"allOf":[1,{"not":{"$ref":"x"}}]}}}]}}`), []byte(`{"a":null}`))
	f.Fuzz(func(t *testing.T, definition, instance []byte) {
		var d, o map[string]any
		if json.Unmarshal(definition, &d) != nil || json.Unmarshal(instance, &o) != nil {
			return
		}
		s, ok := OfDefinition(object.Object{Fields: d}, "v1")
		if !ok {
			return
		}
		if got := s.Check(object.Object{Fields: o}); len(got) > maxProblems+1 {
			t.Fatal(fmt.Sprint(got))
		}
	})
}
