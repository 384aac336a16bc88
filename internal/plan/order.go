package plan

import (
	"plumb.dev/plumb/internal/object"
)

// The orders of steps. All steps of one order run in parallel, and end before those of the next begin.
// Deletions come after every apply; each thing goes before what it needs to go in peace.
const (
	OrderNamespaces      = 0 // what objects live in
	OrderDefinitions     = 1 // CustomResourceDefinitions
	OrderObjects         = 2 // everything else
	OrderCustom          = 3 // objects whose definition is in the same plan, once it is Established
	OrderAdmission       = 4 // admission configurations and APIServices: before their own Deployment they would block it
	OrderDeleteAdmission = 5 // they would refuse the deletions that follow
	OrderDeleteCustom    = 6 // while the controller that finalizes them still runs
	OrderDeleteObjects   = 7 // everything else; releases too
	OrderDeleteDefs      = 8 // CustomResourceDefinitions
	OrderDeleteSpaces    = 9 // Namespaces
)

// Removes tells whether the step is about an object that Git does not have; the others are about one that it has.
func (s Step) Removes() bool { return s.Order >= OrderDeleteAdmission }

// class is what the order of an object depends on.
type class int

const (
	ordinary class = iota
	namespace
	definition
	custom // its definition is in the same plan
	admission
)

var applyOrders = map[class]int{
	namespace: OrderNamespaces, definition: OrderDefinitions, ordinary: OrderObjects, custom: OrderCustom, admission: OrderAdmission,
}

var deleteOrders = map[class]int{
	admission: OrderDeleteAdmission, custom: OrderDeleteCustom, ordinary: OrderDeleteObjects,
	definition: OrderDeleteDefs, namespace: OrderDeleteSpaces,
}

// classOf sorts an ID into its class; defined tells whether its kind is defined in the same plan.
func classOf(id object.ID, defined bool) class {
	switch {
	case isNamespace(id):
		return namespace
	case isDefinition(id):
		return definition
	case id.Group == "admissionregistration.k8s.io", id.Group == "apiregistration.k8s.io":
		return admission
	case defined:
		return custom
	}
	return ordinary
}

func isNamespace(id object.ID) bool { return id.Group == "" && id.Kind == "Namespace" }

func isDefinition(id object.ID) bool {
	return id.Group == "apiextensions.k8s.io" && id.Kind == "CustomResourceDefinition"
}

func namespaceID(name string) object.ID { return object.ID{Kind: "Namespace", Name: name} }

// definedKind gives the group/Kind that a CustomResourceDefinition defines, "" for any other object.
func definedKind(o object.Object) string {
	if !isDefinition(o.ID()) {
		return ""
	}
	spec, _ := o.Fields["spec"].(map[string]any)
	names, _ := spec["names"].(map[string]any)
	group, _ := spec["group"].(string)
	kind, _ := names["kind"].(string)
	if kind == "" {
		return ""
	}
	return object.ID{Group: group, Kind: kind}.GroupKind()
}
