package object

import (
	"encoding/base64"
	"strings"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
)

// Normalise gives the object as it is to be applied and digested, so that what the API server keeps can be compared
// with it:
//
//   - Fields that the server alone writes are taken out: status, and of metadata managedFields, uid, resourceVersion,
//     generation, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds and selfLink; and the annotation
//     last-applied-configuration, which holds a copy of the object as kubectl knew it. Empty ones, and the status of a
//     CustomResourceDefinition, which generators write, go without a Warning.
//   - Fields that are null are taken out of metadata and of built-in kinds, where null means not set. In custom
//     resources they stay: there null can be a value.
//   - Secret: stringData becomes data in base64 and wins over it; base64 is written in its one canonical form.
//   - An entry that stands twice in a keyed list, which server-side apply refuses and kubectl apply takes, is kept once:
//     the last one, which takes effect. Each is a Warning.
//   - What others write over Git goes: the rules of a ClusterRole with an aggregationRule; and, of webhooks, conversions and
//     APIServices, a caBundle that is blank or that an annotation asks cert-manager or OpenShift to inject.
//
// Refused with InvalidObject: no name; labels or annotations that are not text; owner references (Git cannot know a UID,
// and the garbage collector deletes what refers to a wrong one); our own marks (RESERVED_METADATA); data that is not base64.
func Normalise(o Object) (Object, []Warning, error) {
	n := normaliser{o: Object{Fields: Clone(o.Fields), Place: o.Place}}
	for _, step := range []func() error{n.metadata, n.names, n.serverFields, n.nulls, n.secret, n.binaryData, n.keyedLists, n.othersFields} {
		if err := step(); err != nil {
			return Object{}, nil, err
		}
	}
	return n.o, n.warnings, nil
}

type normaliser struct {
	o        Object // a copy of our own
	warnings []Warning
}

func (n *normaliser) refuse(code, format string, args ...any) *fault.Fault {
	f := invalid(code, n.o.Place, format, args...)
	f.Message = n.prefix() + f.Message
	return f
}

func (n *normaliser) warn(code, format string, args ...any) {
	w := warning(code, n.o.Place, format, args...)
	w.Message = n.prefix() + w.Message
	n.warnings = append(n.warnings, w)
}

func (n *normaliser) prefix() string {
	return strings.TrimSpace(n.o.Kind()+" "+n.o.Name()) + ": "
}

// metadata checks the shapes that every later step relies on.
func (n *normaliser) metadata() error {
	metadata, ok := n.o.Fields["metadata"].(map[string]any)
	if !ok {
		return n.refuse("NAME_REQUIRED", "the manifest has no metadata.name")
	}
	for _, field := range []string{"name", "namespace", "generateName"} {
		if v := metadata[field]; v != nil {
			if _, ok := v.(string); !ok {
				return n.refuse("METADATA_TYPE", "metadata.%s must be text, not %s", field, describe(v)).WithNext("quote it")
			}
		}
	}
	for _, field := range []string{"labels", "annotations"} {
		if err := n.textMap(metadata, field); err != nil {
			return err
		}
	}
	if references, _ := metadata["ownerReferences"].([]any); len(references) > 0 {
		return n.refuse("FIELD_NOT_ALLOWED", "metadata.ownerReferences names owners by UID, which Git cannot know; the garbage collector would delete the object").
			WithNext("remove metadata.ownerReferences")
	}
	delete(metadata, "ownerReferences")
	return nil
}

func (n *normaliser) textMap(metadata map[string]any, field string) error {
	if metadata[field] == nil {
		return nil
	}
	m, ok := metadata[field].(map[string]any)
	if !ok {
		return n.refuse("METADATA_TYPE", "metadata.%s must be a map, not %s", field, describe(metadata[field]))
	}
	for _, k := range sortedKeys(m) {
		if _, ok := m[k].(string); !ok && m[k] != nil {
			return n.refuse("METADATA_TYPE", "%s must be text, not %s", Fields("metadata", field, k), describe(m[k])).WithNext("quote it")
		}
	}
	return nil
}

func (n *normaliser) names() error {
	if _, ok := n.labels()[v1alpha1.LabelManaged]; ok {
		return n.refuse("RESERVED_METADATA", "the label %s is set by the agent alone", v1alpha1.LabelManaged).WithNext("remove it from Git")
	}
	for _, key := range []string{v1alpha1.AnnotationOwner, v1alpha1.AnnotationRun} {
		if _, ok := n.o.Annotations()[key]; ok {
			return n.refuse("RESERVED_METADATA", "the annotation %s is set by the agent alone", key).WithNext("remove it from Git")
		}
	}
	if n.o.Name() != "" {
		return nil
	}
	if stringAt(n.o.metadata(), "generateName") == "" {
		return n.refuse("NAME_REQUIRED", "the manifest has no metadata.name")
	}
	if marks, _, err := MarksOf(n.o); err != nil || !marks.Hook && !marks.Skip {
		return n.refuse("NAME_REQUIRED", "metadata.generateName is for hooks: without a name each apply would create another object").
			WithNext("give it a metadata.name")
	}
	return nil
}

func (n *normaliser) labels() map[string]any {
	labels, _ := n.o.metadata()["labels"].(map[string]any)
	return labels
}

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// serverMetadata are the fields of metadata that the API server alone writes.
var serverMetadata = []string{"managedFields", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"}

func (n *normaliser) serverFields() error {
	var gone []string
	metadata := n.o.metadata()
	for _, field := range serverMetadata {
		if v, ok := metadata[field]; ok {
			delete(metadata, field)
			if !empty(v) {
				gone = append(gone, "metadata."+field)
			}
		}
	}
	if annotations, _ := metadata["annotations"].(map[string]any); annotations[lastApplied] != nil {
		delete(annotations, lastApplied)
		gone = append(gone, "the annotation "+lastApplied)
	}
	if status, ok := n.o.Fields["status"]; ok {
		delete(n.o.Fields, "status")
		if !empty(status) && n.o.Kind() != "CustomResourceDefinition" {
			gone = append(gone, "status")
		}
	}
	if len(gone) > 0 {
		n.warn("SERVER_FIELD", "left out, not for Git to write: %s", strings.Join(gone, ", "))
	}
	return nil
}

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

func (n *normaliser) nulls() error {
	dropNulls(n.o.metadata())
	if !builtIn(n.o.ID()) {
		return nil
	}
	dropNulls(n.o.Fields)
	return nil
}

// builtIn tells whether the kind is one of Kubernetes' own Go types, where null and absent are the same. The schema in a
// CustomResourceDefinition is not: "default: null" is a value there.
func builtIn(id ID) bool {
	if id.Kind == "CustomResourceDefinition" {
		return false
	}
	return !strings.Contains(id.Group, ".") || builtInGroups[id.Group]
}

// builtInGroups are the groups of k8s.io/api with a dot; other groups of k8s.io hold custom resources, for example gateway.networking.k8s.io.
var builtInGroups = map[string]bool{
	"admissionregistration.k8s.io": true, "authentication.k8s.io": true, "authorization.k8s.io": true, "apiregistration.k8s.io": true,
	"certificates.k8s.io": true, "coordination.k8s.io": true, "discovery.k8s.io": true, "events.k8s.io": true,
	"flowcontrol.apiserver.k8s.io": true, "internal.apiserver.k8s.io": true, "networking.k8s.io": true, "node.k8s.io": true,
	"rbac.authorization.k8s.io": true, "resource.k8s.io": true, "scheduling.k8s.io": true, "storage.k8s.io": true, "storagemigration.k8s.io": true,
}

// dropNulls changes the copy: fields that are null go, entries of lists stay.
func dropNulls(v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if e == nil {
				delete(v, k)
				continue
			}
			dropNulls(e)
		}
	case []any:
		for _, e := range v {
			dropNulls(e)
		}
	}
}

func (n *normaliser) secret() error {
	if id := n.o.ID(); id.Kind != "Secret" || id.Group != "" {
		return nil
	}
	data, err := n.base64Map("data")
	if err != nil {
		return err
	}
	texts, ok := n.o.Fields["stringData"].(map[string]any)
	if !ok && n.o.Fields["stringData"] != nil {
		return n.refuse("SECRET_DATA", "stringData must be a map")
	}
	delete(n.o.Fields, "stringData")
	if len(texts) == 0 {
		return nil
	}
	if data == nil {
		data = make(map[string]any, len(texts))
		n.o.Fields["data"] = data
	}
	for _, k := range sortedKeys(texts) {
		text, ok := texts[k].(string)
		if !ok {
			return n.refuse("SECRET_DATA", "%s must be text", Fields("stringData", k)).WithNext("quote it")
		}
		data[k] = base64.StdEncoding.EncodeToString([]byte(text))
	}
	return nil
}

func (n *normaliser) binaryData() error {
	if id := n.o.ID(); id.Kind != "ConfigMap" || id.Group != "" {
		return nil
	}
	_, err := n.base64Map("binaryData")
	return err
}

// base64Map writes base64 without line breaks, as the API server gives it back. Its errors never hold the value.
func (n *normaliser) base64Map(field string) (map[string]any, error) {
	if n.o.Fields[field] == nil {
		return nil, nil
	}
	data, ok := n.o.Fields[field].(map[string]any)
	if !ok {
		return nil, n.refuse("SECRET_DATA", "%s must be a map", field)
	}
	for _, k := range sortedKeys(data) {
		text, ok := data[k].(string)
		if !ok {
			return nil, n.refuse("SECRET_DATA", "%s must be base64 text", Fields(field, k))
		}
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, n.refuse("SECRET_DATA", "%s is not base64", Fields(field, k)).WithNext("encode it, or write plain text under stringData")
		}
		data[k] = base64.StdEncoding.EncodeToString(raw)
	}
	return data, nil
}
