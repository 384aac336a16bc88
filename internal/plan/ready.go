package plan

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/object"
)

// Ready makes rendered objects ready to be planned for an App: normalised, in the App's namespace where they need one and
// name none, with our label and claim. namespaced answers for kinds whose definitions are not among the objects. The
// warnings are those of the normalisation.
func Ready(rendered []object.Object, app App, namespaced func(object.Object) bool) (objects []object.Object, warnings []string, err error) {
	defined := definedScopes(rendered)
	objects = make([]object.Object, 0, len(rendered))
	for _, o := range rendered {
		ready, said, err := object.Normalise(o)
		if err != nil {
			return nil, nil, err
		}
		for _, w := range said {
			warnings = append(warnings, w.String())
		}
		inside, known := defined[ready.ID().GroupKind()]
		if !known {
			inside = namespaced(ready)
		}
		switch {
		case !inside && ready.Namespace() != "":
			ready = ready.WithNamespace("")
		case inside && ready.Namespace() == "":
			ready = ready.WithNamespace(app.Target)
		}
		objects = append(objects, ready.WithLabel(v1alpha1.LabelManaged, "true").WithAnnotation(v1alpha1.AnnotationOwner, app.Owner()))
	}
	return objects, warnings, nil
}

// definedScopes tells, for the kinds whose definitions are among the objects, whether they are namespaced.
func definedScopes(objects []object.Object) map[string]bool {
	scopes := map[string]bool{}
	for _, o := range objects {
		if o.Kind() != "CustomResourceDefinition" {
			continue
		}
		spec, _ := o.Fields["spec"].(map[string]any)
		names, _ := spec["names"].(map[string]any)
		group, _ := spec["group"].(string)
		kind, _ := names["kind"].(string)
		scopes[object.ID{Group: group, Kind: kind}.GroupKind()] = spec["scope"] != "Cluster"
	}
	return scopes
}

// RulesFor gives the ignore rules that are about an object.
func RulesFor(rules []v1alpha1.IgnoreRule, id object.ID) []v1alpha1.IgnoreRule {
	var matching []v1alpha1.IgnoreRule
	for _, rule := range rules {
		kind := rule.Kind == "*" || rule.Kind == id.Kind || rule.Kind == id.GroupKind() || rule.Kind == id.Group+"/*"
		if kind && (rule.Name == "" || rule.Name == id.Name) && (rule.Namespace == "" || rule.Namespace == id.Namespace) {
			matching = append(matching, rule)
		}
	}
	return matching
}

// Ignores tells whether a rule is about a field of a manager. A rule that cannot be read is about none; it is refused
// when the settings are read.
func Ignores(rule v1alpha1.IgnoreRule, manager, field string) bool {
	if rule.Manager != "" {
		return rule.Manager == manager
	}
	wide, err := object.ParsePath(rule.Field)
	if err != nil {
		return false
	}
	narrow, err := object.ParsePath(field)
	return err == nil && wide.Covers(narrow)
}

// Released gives an object without the fields that its rules name and that others own by now. A field is released only
// after somebody else has written it: dropped earlier, the API server would set it to its default.
func Released(o, live object.Object, entries []metav1.ManagedFieldsEntry, manager string, rules []v1alpha1.IgnoreRule) (object.Object, error) {
	for _, change := range diff.Drift(o, live, entries, manager) {
		for _, rule := range rules {
			if !Ignores(rule, change.Manager, change.Field) {
				continue
			}
			field, err := object.ParsePath(change.Field)
			if err != nil {
				return o, err
			}
			o = object.Remove(o, field)
		}
	}
	return o, nil
}
