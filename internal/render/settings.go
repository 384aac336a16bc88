package render

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/render/wire"
)

// setHelm adds the settings for charts. Order of values, later wins: the chart's own, files, inline, set.
func setHelm(out *wire.Render, h *v1alpha1.HelmSettings, app location) {
	if h.Release != "" {
		out.Release = h.Release
	}
	if len(h.Values) > 0 {
		out.Values = nil
		for _, name := range h.Values {
			out.Values = append(out.Values, valuesFile(app.path, name))
		}
	}
	if h.Inline != nil {
		out.Inline = h.Inline.Raw
	}
	for _, key := range slices.Sorted(maps.Keys(h.Set)) {
		out.Set = append(out.Set, key+"="+oneValue(h.Set[key]))
	}
	for _, key := range slices.Sorted(maps.Keys(h.SetFile)) {
		out.SetFile = append(out.SetFile, wire.SetFile{Key: key, File: valuesFile(app.path, h.SetFile[key])})
	}
	out.SkipCRDs = h.SkipCRDs != nil && *h.SkipCRDs
}

// valuesFile names a values file: $<source>/<path> is one of another source, everything else lies beside the app.
func valuesFile(folder, name string) wire.File {
	if named, ok := strings.CutPrefix(name, "$"); ok {
		source, below, _ := strings.Cut(named, "/")
		return wire.File{Source: "$" + source, Path: path.Clean(below)}
	}
	return wire.File{Path: beside(folder, name)}
}

// overlay writes settings as the kustomization that is laid over the folder's own. The child adds the resource.
func overlay(k *v1alpha1.KustomizeSettings) json.RawMessage {
	fields := map[string]any{"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
	if len(k.Images) > 0 {
		fields["images"] = k.Images
	}
	if len(k.Replicas) > 0 {
		fields["replicas"] = k.Replicas
	}
	if k.NamePrefix != "" {
		fields["namePrefix"] = k.NamePrefix
	}
	if k.NameSuffix != "" {
		fields["nameSuffix"] = k.NameSuffix
	}
	if len(k.Labels) > 0 {
		fields["labels"] = []any{map[string]any{"pairs": k.Labels, "includeTemplates": true}}
	}
	if len(k.Annotations) > 0 {
		fields["commonAnnotations"] = k.Annotations
	}
	data, err := json.Marshal(fields)
	if err != nil {
		return nil // texts and numbers are JSON
	}
	return data
}

// beside gives the path of a file that is named relative to the app's folder. Addresses stay as they are: the child refuses
// them by name.
func beside(folder, name string) string {
	if path.IsAbs(name) || strings.Contains(name, "://") {
		return name
	}
	return path.Join(folder, name)
}

// oneValue writes a value so that the syntax of --set takes it as one: a comma would begin the next. A list in braces is
// left as it is.
func oneValue(value string) string {
	if strings.HasPrefix(value, "{") && strings.HasSuffix(value, "}") {
		return value
	}
	return strings.ReplaceAll(value, ",", `\,`)
}

// seed gives the seed of random functions: a secret and what an app is, not what is in its values, so that a generated
// password survives a change of another value.
func (req Request) seed(secret []byte) string {
	h := hmac.New(sha256.New, secret)
	for _, part := range []string{path.Clean(req.Path), req.Release, req.Namespace} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}
