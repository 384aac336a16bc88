package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/object"
)

// ToolHold is a reason for which another tool would not let go of objects that are taken over from it: it would write them
// again, or delete them.
type ToolHold struct {
	Message string `json:"message"`           // one clause: "it syncs by itself"
	Command string `json:"command,omitempty"` // what ends it; "" if a person has to find out
}

// ID gives the tool's own object, in the namespace that the marks name.
func (t Tool) ID() object.ID {
	return object.ID{Group: t.group(), Kind: t.Kind, Namespace: t.Namespace, Name: t.App}
}

// Version is the API version at which the tool's own object is read.
func (t Tool) Version() string {
	switch t.Kind {
	case "Kustomization":
		return "v1"
	case "HelmRelease":
		return "v2"
	}
	return "v1alpha1"
}

func (t Tool) group() string {
	switch t.Kind {
	case "Kustomization":
		return strings.TrimSuffix(fluxKustomize, "/")
	case "HelmRelease":
		return strings.TrimSuffix(fluxHelm, "/")
	}
	return "argoproj.io"
}

// Resource is how kubectl is told of the tool's own object.
func (t Tool) Resource() string { return strings.ToLower(t.Kind) + "s." + t.group() }

// HoldsOf tells what of the tool's own object, own, would undo a takeover. None means that it lets go.
//
// Argo CD: automated sync without a skip-reconcile, a running operation, and the finalizer by which deleting the
// Application deletes its objects. Flux: everything but spec.suspend, because a suspended Kustomization or HelmRelease
// neither writes nor deletes, also when it is itself deleted.
func HoldsOf(t Tool, own object.Object) []ToolHold {
	if t.Name == diff.Flux {
		return fluxHolds(t, own)
	}
	return argoHolds(t, own)
}

func (t Tool) kubectl(own object.Object, verb, rest string) string {
	return strings.TrimSpace(fmt.Sprintf("kubectl -n %s %s %s %s %s", own.Namespace(), verb, t.Resource(), own.Name(), rest))
}

func argoHolds(t Tool, own object.Object) []ToolHold {
	var holds []ToolHold
	finalizers, deleting := textsAt(own, "metadata", "finalizers"), has(own, "metadata", "deletionTimestamp")
	rest := slices.DeleteFunc(slices.Clone(finalizers), func(f string) bool { return strings.HasPrefix(f, argoFinalizer) })
	cascades := len(rest) < len(finalizers)
	if deleting && cascades {
		holds = append(holds, ToolHold{Message: "it is being deleted, and deletes its objects with it: end that first"})
	}
	if has(own, "spec", "syncPolicy", "automated") && at(own, "spec", "syncPolicy", "automated", "enabled") != false && own.Annotation("argocd.argoproj.io/skip-reconcile") != "true" {
		holds = append(holds, ToolHold{"it syncs by itself" + undoing(own), t.kubectl(own, "patch", `--type json -p '[{"op":"remove","path":"/spec/syncPolicy/automated"}]'`)})
	}
	if has(own, "operation") || at(own, "status", "operationState", "phase") == "Running" {
		holds = append(holds, ToolHold{Message: "a sync of it is running: wait until it has ended"})
	}
	if cascades {
		left, _ := json.Marshal(map[string]any{"metadata": map[string]any{"finalizers": rest}})
		holds = append(holds, ToolHold{"whoever deletes it deletes its objects: it has the finalizer " + argoFinalizer, t.kubectl(own, "patch", "--type merge -p '"+string(left)+"'")})
	}
	return by(holds, own)
}

// argoFinalizer begins the finalizers by which deleting an Application deletes its objects (argo-cd, ResourcesFinalizerName).
const argoFinalizer = "resources-finalizer.argocd.argoproj.io"

// undoing tells what an automated sync does with objects that somebody else has.
func undoing(own object.Object) string {
	automated := func(field string) bool { return at(own, "spec", "syncPolicy", "automated", field) == true }
	switch {
	case automated("prune") && automated("selfHeal"):
		return ", heals and prunes: it would take the objects back, or delete them"
	case automated("prune"):
		return " and prunes: it could delete objects"
	case automated("selfHeal"):
		return " and heals: it would take the objects back"
	}
	return ""
}

// Flux's controllers take over what kubectl wrote of objects that they apply: without a name of its own, the suspension of
// a Kustomization that another one applies would not last (kustomize-controller, field managers that it overrides).
const suspend = `--type merge --field-manager plumb-import -p '{"spec":{"suspend":true}}'`

func fluxHolds(t Tool, own object.Object) []ToolHold {
	var holds []ToolHold
	suspended := at(own, "spec", "suspend") == true
	if has(own, "metadata", "deletionTimestamp") && !suspended {
		holds = append(holds, ToolHold{Message: "it is being deleted, and deletes its objects with it: suspend it at once"})
	}
	if !suspended {
		message := "it is not suspended: it would write the objects again"
		if t.Kind == "Kustomization" && at(own, "spec", "prune") == true {
			message += ", and it prunes"
		}
		holds = append(holds, ToolHold{message, t.kubectl(own, "patch", suspend)})
	}
	return by(holds, own)
}

// by adds who would undo a change of the tool's own object.
func by(holds []ToolHold, own object.Object) []ToolHold {
	maker := ""
	if owners, _ := at(own, "metadata", "ownerReferences").([]any); len(owners) > 0 {
		owner, _ := owners[0].(map[string]any)
		maker = fmt.Sprintf("%v %v", owner["kind"], owner["name"])
	}
	for _, key := range []string{fluxKustomize + "name", fluxHelm + "name"} {
		if name := own.Label(key); name != "" {
			maker = "Flux's " + name
		}
	}
	if id := own.Annotation(argoTracking); id != "" {
		app, _, _ := strings.Cut(id, ":")
		maker = "the application " + app
	}
	if maker != "" && len(holds) > 0 {
		holds = append(holds, ToolHold{Message: "it is made by " + maker + ", which may undo such a change: change it there"})
	}
	return holds
}

// Gone gives the command that takes the tool's own object away after a takeover, when nothing holds any more.
func (t Tool) Gone(own object.Object) string { return t.kubectl(own, "delete", "") }

func at(o object.Object, path ...string) any {
	v, _ := object.Get(o, object.Fields(path...))
	return v
}

func has(o object.Object, path ...string) bool {
	v, ok := object.Get(o, object.Fields(path...))
	return ok && v != nil
}

func textsAt(o object.Object, path ...string) []string {
	list, _ := at(o, path...).([]any)
	texts := make([]string, 0, len(list))
	for _, e := range list {
		if s, ok := e.(string); ok {
			texts = append(texts, s)
		}
	}
	return texts
}
