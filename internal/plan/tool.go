package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/object"
)

// Tool is the word of another delivery tool that an object is its own, as its tracking marks have it.
type Tool struct {
	Name      string     `json:"name"`                // diff.ArgoCD or diff.Flux
	Kind      string     `json:"kind"`                // Application, Kustomization or HelmRelease
	Namespace string     `json:"namespace,omitempty"` // "" if the marks do not say: Argo CD's own
	App       string     `json:"app"`                 // name of the tool's own object
	Marks     []ToolMark `json:"marks"`
	// Writes: a field manager of the tool has an entry on the object.
	Writes bool `json:"writes,omitempty"`
}

// ToolMark is a label or an annotation that a tool has put on an object.
type ToolMark struct {
	Label bool   `json:"label,omitempty"` // else an annotation
	Key   string `json:"key"`
	Value string `json:"value"`
}

// String names the tool's own object: "Argo CD application guestbook", "Flux Kustomization flux-system/apps".
func (t Tool) String() string {
	kind, name := t.Kind, t.App
	if t.Name == diff.ArgoCD {
		kind = "application"
	}
	if t.Namespace != "" {
		name = t.Namespace + "/" + name
	}
	return t.Name + " " + kind + " " + name
}

// The marks of Argo CD and Flux.
const (
	argoTracking     = "argocd.argoproj.io/tracking-id"     // <app>:<group>/<kind>:<namespace>/<name>
	argoInstallation = "argocd.argoproj.io/installation-id" // of the Argo CD that put the mark there
	argoInstance     = "argocd.argoproj.io/instance"        // a label that people configure for tracking by label
	instance         = "app.kubernetes.io/instance"         // the default for that, and a label that charts set themselves
	fluxKustomize    = "kustomize.toolkit.fluxcd.io/"
	fluxHelm         = "helm.toolkit.fluxcd.io/"
)

// lastApplied is the annotation in which kubectl, and who applies as it does, keeps a copy of what it applied.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// toolOf reads the tracking marks of an object; nil if it has none that say something about it.
//
// An annotation tracking-id that names another object was copied: Argo CD itself takes it for nothing. The label
// app.kubernetes.io/instance is Argo CD's only where Argo CD's field manager owns it: most charts set it, too.
func toolOf(id object.ID, meta *metav1.ObjectMeta) *Tool {
	t := argoMark(id, meta)
	if t == nil {
		t = fluxMark(meta, fluxKustomize, "Kustomization")
	}
	if t == nil {
		t = fluxMark(meta, fluxHelm, "HelmRelease")
	}
	if t == nil {
		return nil
	}
	for _, e := range meta.ManagedFields {
		t.Writes = t.Writes || e.Subresource == "" && diff.DeliveredBy(e.Manager) == t.Name
	}
	return t
}

func argoMark(id object.ID, meta *metav1.ObjectMeta) *Tool {
	t := Tool{Name: diff.ArgoCD, Kind: "Application"}
	add := func(of map[string]string, label bool, keys ...string) {
		for _, key := range keys {
			if value := of[key]; value != "" {
				t.Marks = append(t.Marks, ToolMark{Label: label, Key: key, Value: value})
			}
		}
	}
	own := diff.OwnsLabel(meta.ManagedFields, diff.ArgoCD, instance)
	tracked := meta.Annotations[argoTracking]
	switch {
	case tracksIt(tracked, id):
		t.App, _, _ = strings.Cut(tracked, ":")
	case meta.Labels[argoInstance] != "":
		t.App = meta.Labels[argoInstance]
	case meta.Labels[instance] != "" && own:
		t.App = meta.Labels[instance]
	default:
		return nil
	}
	add(meta.Annotations, false, argoTracking, argoInstallation)
	add(meta.Labels, true, argoInstance)
	if own {
		add(meta.Labels, true, instance)
	}
	if namespace, name, ok := strings.Cut(t.App, "_"); ok { // beyond Argo CD's own namespace (argo-cd, InstanceName)
		t.Namespace, t.App = namespace, name
	}
	return &t
}

// tracksIt tells whether an annotation tracking-id is about this object. Of a cluster-scoped one the namespace says nothing.
func tracksIt(tracking string, id object.ID) bool {
	parts := strings.SplitN(tracking, ":", 3)
	if len(parts) != 3 || parts[0] == "" {
		return false
	}
	namespace, name, ok := strings.Cut(parts[2], "/")
	return ok && parts[1] == id.Group+"/"+id.Kind && name == id.Name && (id.Namespace == "" || namespace == id.Namespace)
}

func fluxMark(meta *metav1.ObjectMeta, prefix, kind string) *Tool {
	name := meta.Labels[prefix+"name"]
	if name == "" {
		return nil
	}
	t := Tool{Name: diff.Flux, Kind: kind, Namespace: meta.Labels[prefix+"namespace"], App: name}
	for _, key := range []string{prefix + "name", prefix + "namespace"} {
		if value := meta.Labels[key]; value != "" {
			t.Marks = append(t.Marks, ToolMark{Label: true, Key: key, Value: value})
		}
	}
	return &t
}

// Path gives where the mark stands in an object.
func (m ToolMark) Path() object.Path {
	if m.Label {
		return object.Fields("metadata", "labels", m.Key)
	}
	return object.Fields("metadata", "annotations", m.Key)
}

// ToolOn gives the tool that an object of Git belongs to in the cluster, nil if none.
//
// A mark that Git has too, with the same value, is Git's: people commit what they have read from a cluster. It proves
// nothing, unless a field manager of the tool has written on the object besides.
func ToolOn(live Live, git object.Object) *Tool {
	t := live.Tool
	if t == nil || t.Writes {
		return t
	}
	for _, m := range t.Marks {
		if !m.in(git) {
			return t
		}
	}
	return nil
}

// in tells whether Git has the mark with its value.
func (m ToolMark) in(git object.Object) bool {
	return m.of(git) == m.Value
}

// of gives the value that Git has under the key of the mark; "" if none.
func (m ToolMark) of(git object.Object) string {
	if m.Label {
		return git.Label(m.Key)
	}
	return git.Annotation(m.Key)
}

// sheds gives the marks of another tool, and copies of what it applied, that go from an object that becomes ours: those
// that Git does not have under the same key.
func sheds(live Live, tool *Tool, git object.Object) []ToolMark {
	var marks []ToolMark
	if tool != nil {
		marks = tool.Marks
	}
	if live.LastApplied {
		marks = append(slices.Clone(marks), ToolMark{Key: lastApplied})
	}
	return slices.DeleteFunc(slices.Clone(marks), func(m ToolMark) bool { return m.of(git) != "" })
}

// toolMarks are the marks by which other tools find their own, and whose they are.
var toolMarks = []struct {
	tool string
	mark ToolMark
}{
	{diff.ArgoCD, ToolMark{Key: argoTracking}}, {diff.ArgoCD, ToolMark{Label: true, Key: argoInstance}},
	{diff.Flux, ToolMark{Label: true, Key: fluxKustomize + "name"}}, {diff.Flux, ToolMark{Label: true, Key: fluxHelm + "name"}},
}

// markWarnings tells of such marks in Git: whoever applies them makes another tool believe that the objects are its own.
func (m *maker) markWarnings() []string {
	var warnings []string
	for _, of := range toolMarks {
		n, first := 0, ""
		for _, w := range m.wishes {
			if of.mark.of(w.object) != "" {
				n++
				first = cmp.Or(first, w.object.Place.String(), w.id.String())
			}
		}
		if n > 0 {
			warnings = append(warnings, fmt.Sprintf("in Git %s the mark %s, by which %s knows its own (%s): take it out", counted(n, "object bears", "objects bear"), of.mark.Key, of.tool, first))
		}
	}
	return warnings
}

// formerOf is what is kept of a tool and a release that had an object before; nil if neither did.
func formerOf(live Live, tool *Tool, takes []string) *v1alpha1.Former {
	if tool == nil && live.Release == nil {
		return nil
	}
	f := v1alpha1.Former{Labels: map[string]string{}, Annotations: map[string]string{}}
	if live.Release != nil {
		f.Release = live.Release.String()
		f.Annotations[helmRelease], f.Annotations[helmNamespace] = live.Release.Name, live.Release.Namespace
	}
	if tool != nil {
		f.Tool = tool.String()
		for _, m := range tool.Marks {
			of := f.Annotations
			if m.Label {
				of = f.Labels
			}
			of[m.Key] = m.Value
		}
	}
	for _, m := range live.Managers {
		if name := m.Name + " " + m.Operation; m.Subresource == "" && slices.Contains(takes, m.Name) && !slices.Contains(f.Managers, name) {
			f.Managers = append(f.Managers, name)
		}
	}
	return &f
}

// isDeliverer tells whether a field manager is a delivery tool's, or Helm's.
func isDeliverer(manager string) bool { return diff.DeliveredBy(manager) != "" || manager == "helm" }
