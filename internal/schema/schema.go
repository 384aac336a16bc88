// Package schema checks an object against the schema of its kind, where no API server can be asked to check the object
// itself: a webhook refuses dry runs, or the kind or the namespace comes with the very change that is previewed.
//
// It knows what a CustomResourceDefinition or the API server's OpenAPI document says of fields, types and values. It never
// sets defaults, and it never evaluates rules in CEL, nor what the Go code of the API server checks besides: whoever uses it
// says so. Schemas may be hostile; each check has a bound.
//
// Start at OfDefinition, OfDocument and Schema.Check.
package schema

import (
	"encoding/json"
	"fmt"
	"strings"

	"plumb.dev/plumb/internal/object"
)

// Schema is what is known of the fields of one kind.
type Schema struct {
	root map[string]any
	// named gives a schema that others refer to by its name; nil in a definition, which refers to none.
	named func(name string) map[string]any
}

// OfDefinition gives the schema of a version of the kind that a CustomResourceDefinition defines; false if it has none.
func OfDefinition(definition object.Object, version string) (*Schema, bool) {
	list, _ := object.Get(definition, object.Fields("spec", "versions"))
	versions, _ := list.([]any)
	for _, e := range versions {
		v, _ := e.(map[string]any)
		if v["name"] != version || v["served"] == false {
			continue
		}
		s, _ := v["schema"].(map[string]any)
		root, ok := s["openAPIV3Schema"].(map[string]any)
		if !ok {
			return nil, false
		}
		return &Schema{root: root}, true
	}
	return nil, false
}

// Defines gives the identity, without a name, of the kind that a CustomResourceDefinition defines; false if it is none.
func Defines(o object.Object) (object.ID, bool) {
	if id := o.ID(); id.Kind != "CustomResourceDefinition" || id.Group != "apiextensions.k8s.io" {
		return object.ID{}, false
	}
	group, _ := object.Get(o, object.Fields("spec", "group"))
	kind, _ := object.Get(o, object.Fields("spec", "names", "kind"))
	g, okG := group.(string)
	k, okK := kind.(string)
	return object.ID{Group: g, Kind: k}, okG && okK
}

// OfDocument gives the schema of a kind from the OpenAPI 3 document that the API server has of its group and version
// (/openapi/v3/apis/GROUP/VERSION); false if the kind is not in it.
func OfDocument(document []byte, group, version, kind string) (*Schema, bool, error) {
	var parsed struct {
		Components struct {
			Schemas map[string]json.RawMessage `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(document, &parsed); err != nil {
		return nil, false, fmt.Errorf("read the OpenAPI document of %s/%s: %w", group, version, err)
	}
	read := map[string]map[string]any{}
	named := func(name string) map[string]any {
		if s, ok := read[name]; ok {
			return s
		}
		var s map[string]any
		if json.Unmarshal(parsed.Components.Schemas[name], &s) != nil {
			s = nil
		}
		read[name] = s
		return s
	}
	for name, raw := range parsed.Components.Schemas {
		if !strings.HasSuffix(name, "."+kind) && name != kind {
			continue
		}
		var marks struct {
			Kinds []struct{ Group, Version, Kind string } `json:"x-kubernetes-group-version-kind"`
		}
		if json.Unmarshal(raw, &marks) != nil {
			continue
		}
		for _, k := range marks.Kinds {
			if k.Group == group && k.Version == version && k.Kind == kind {
				return &Schema{root: named(name), named: named}, true, nil
			}
		}
	}
	return nil, false, nil
}

// Bounds of one check.
const (
	maxSteps    = 200_000
	maxProblems = 10
	maxPattern  = 2_000 // bytes
)

// Check gives what is wrong with an object by its schema: "spec.size: must be a whole number", at most 10 of them, nil if
// nothing is. Values are not quoted. The status is not looked at: nobody applies it.
func (s *Schema) Check(o object.Object) []string {
	c := &check{schema: s}
	c.value(s.root, any(object.Remove(o, object.Fields("status")).Fields), nil, true)
	if c.steps > maxSteps {
		c.problems = append(c.problems, "it is too large to be checked against its schema")
	}
	return c.problems
}
