package child

import (
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/openapi"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/render/wire"
)

// renderKustomize builds a kustomization as `kustomize build --load-restrictor LoadRestrictionsNone` would, but that nothing
// outside of the repository can be read: what upstream asks for is answered by the view of the repository, and each
// kustomization is scanned before upstream sees it.
func renderKustomize(s *session) (output, error) {
	out := output{done: wire.Done{Render: render.Kustomize, Tool: wire.KustomizeTool}}
	k := newKustomization(s)
	defer k.forget()
	built, err := k.build()
	if err != nil {
		return out, k.explain(err)
	}
	places := k.places()
	for _, resource := range built.Resources() {
		data, err := resource.MarshalJSON() // what upstream's own output is made of
		if err != nil {
			return out, k.explain(err)
		}
		var o object.Object
		if err := json.Unmarshal(data, &o.Fields); err != nil { // keeps integers as int64
			return out, k.explain(err)
		}
		o.Place = places.find(o)
		if out.objects, err = flatten(out.objects, o); err != nil {
			return out, err
		}
	}
	return out, nil
}

// kustomization is one build: the files it read, and what the scan found in them.
type kustomization struct {
	s        *session
	scanned  map[string]*scan // by path
	read     []string         // other files, in order
	refused  error            // why a file was kept from upstream, which may not say so itself
	schema   bool             // it brings an OpenAPI schema of its own, which upstream keeps in a global variable
	entering string           // the kustomization that was loaded last
}

func newKustomization(s *session) *kustomization {
	return &kustomization{s: s, scanned: map[string]*scan{}}
}

func (k *kustomization) build() (resmap.ResMap, error) {
	if err := k.unambiguous(); err != nil {
		return nil, err
	}
	options := krusty.MakeDefaultOptions()
	options.LoadRestrictions = types.LoadRestrictionsNone
	options.PluginConfig = types.DisabledPluginConfig()
	folder := mount(k.s.req.Path)
	if len(k.s.req.Overlay) > 0 {
		folder = overlayFolder
	}
	built, err := krusty.MakeKustomizer(options).Run(repository{k}, folder)
	if k.refused != nil {
		return nil, k.refused
	}
	return built, err
}

// unambiguous tells whether the folder holds one kustomization. Upstream says so too, without the names.
func (k *kustomization) unambiguous() error {
	found, err := k.s.preload(k.s.req.Path, kustomizationNames)
	if err != nil {
		return err
	}
	var names []string
	for _, name := range kustomizationNames {
		if found[name] {
			names = append(names, name)
		}
	}
	switch len(names) {
	case 0:
		return fault.New(fault.PathNotFound, "%s holds no kustomization.yaml", k.s.req.Path)
	case 1:
		return nil
	}
	return fault.New(fault.Ambiguous, "%s holds %s and %s", k.s.req.Path, names[0], names[1]).WithNext("keep one of them")
}

// forget brings upstream's global schema back to the built-in one.
func (k *kustomization) forget() {
	if k.schema {
		openapi.ResetOpenAPI()
	}
}
