// Package install puts Plumb's own parts into a cluster, brings them up to date, and takes them out again: definitions,
// access, admission policies and the agent's Deployment (package deploy).
//
// It acts as the person whose client configuration it is given. It never touches an object that an app delivers: taking
// Plumb out leaves everything that runs, and definitions go only when they are named.
//
// Start at Objects for what an installation is, then Installer.Apply and Installer.Remove.
package install

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"plumb.dev/plumb/deploy"
	"plumb.dev/plumb/internal/fault"
)

// Manager is the field manager of an installation: what it wrote once and does not write any more is taken out.
const Manager = "plumb-install"

// Options say what is installed. Zero values mean the defaults named.
type Options struct {
	Image    string   // of the agent; default deploy.Image
	Replicas int      // of the agent; default 1
	Parts    []string // of deploy.Parts; default all
	// WithoutSecrets: the agent may neither list nor watch Secrets, and read those that Repos and Apps name in plumb-system alone.
	WithoutSecrets bool
	// Groups are the API groups beside those of Kubernetes whose objects it may watch then.
	Groups []string
}

// Objects gives the objects of an installation, in the order in which they are applied.
func Objects(o Options) ([]*unstructured.Unstructured, error) {
	parts := o.Parts
	if len(parts) == 0 {
		parts = deploy.Parts()
	}
	for _, part := range parts {
		if !slices.Contains(deploy.Parts(), part) {
			return nil, fault.New(fault.Unsupported, "an installation has no part %q", part).WithNext("its parts are %s", strings.Join(deploy.Parts(), ", "))
		}
	}
	var all []*unstructured.Unstructured
	for _, part := range deploy.Parts() {
		if !slices.Contains(parts, part) {
			continue
		}
		text, err := deploy.Part(part)
		if err != nil {
			return nil, err
		}
		objects, err := Parse(text)
		if err != nil {
			return nil, fmt.Errorf("part %s: %w", part, err)
		}
		all = append(all, objects...)
	}
	for _, object := range all {
		if object.GetKind() == "Deployment" {
			set(object, o)
		}
	}
	if o.WithoutSecrets {
		return withoutSecrets(all, o.Groups)
	}
	return all, nil
}

// set writes the options into the agent's Deployment.
func set(deployment *unstructured.Unstructured, o Options) {
	spec := deployment.Object["spec"].(map[string]any)
	if o.Replicas > 0 {
		spec["replicas"] = int64(o.Replicas)
	}
	if o.Image != "" {
		containers, _, _ := unstructured.NestedSlice(deployment.Object, "spec", "template", "spec", "containers")
		containers[0].(map[string]any)["image"] = o.Image
		_ = unstructured.SetNestedSlice(deployment.Object, containers, "spec", "template", "spec", "containers")
	}
}

// arg adds an argument to the agent's.
func arg(deployment *unstructured.Unstructured, argument string) {
	containers, _, _ := unstructured.NestedSlice(deployment.Object, "spec", "template", "spec", "containers")
	container := containers[0].(map[string]any)
	args, _ := container["args"].([]any)
	container["args"] = append(args, argument)
	_ = unstructured.SetNestedSlice(deployment.Object, containers, "spec", "template", "spec", "containers")
}

// Parse reads a stream of YAML documents; those that hold nothing are left out.
func Parse(text []byte) ([]*unstructured.Unstructured, error) {
	var all []*unstructured.Unstructured
	for document := range strings.SplitSeq("\n"+string(text), "\n---") {
		data, err := yaml.YAMLToJSON([]byte(document))
		if err != nil {
			return nil, err
		}
		if string(data) == "null" {
			continue
		}
		o := &unstructured.Unstructured{}
		if err := o.UnmarshalJSON(data); err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

// YAML writes objects as a stream of YAML documents.
func YAML(objects []*unstructured.Unstructured) ([]byte, error) {
	var out []byte
	for i, o := range objects {
		if i > 0 {
			out = append(out, "---\n"...)
		}
		data, err := yaml.Marshal(o.Object)
		if err != nil {
			return nil, err
		}
		out = append(out, data...)
	}
	return out, nil
}

// Name gives Kind/namespace/name, or Kind/name.
func Name(o *unstructured.Unstructured) string {
	if o.GetNamespace() == "" {
		return o.GetKind() + "/" + o.GetName()
	}
	return o.GetKind() + "/" + o.GetNamespace() + "/" + o.GetName()
}
