package child

import (
	"fmt"
	"slices"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"helm.sh/helm/v4/pkg/chart/common"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/render"
)

// capabilities is .Capabilities: each use of it is a question to the parent, which records it.
type capabilities struct{ h *helm }

// KubeVersion is .Capabilities.KubeVersion.
func (c capabilities) KubeVersion() *common.KubeVersion { return c.h.kubeVersion() }

// APIVersions is .Capabilities.APIVersions.
func (c capabilities) APIVersions() apiVersions { return apiVersions(c) }

// HelmVersion is .Capabilities.HelmVersion.
func (c capabilities) HelmVersion() any { return common.DefaultCapabilities.HelmVersion }

// apiVersions is the set of what the cluster serves. It can be asked, not listed: a list would make every chart that uses
// it depend on every kind of the cluster.
type apiVersions struct{ h *helm }

// Has is .Capabilities.APIVersions.Has.
func (v apiVersions) Has(name string) bool { return v.h.s.has(name) }

func (h *helm) kubeVersion() *common.KubeVersion {
	said := h.s.kubeVersion()
	version, err := common.ParseKubeVersion(said)
	if err != nil {
		return &common.KubeVersion{Version: said}
	}
	return version
}

// functions are the template functions that differ from upstream's.
func (h *helm) functions() template.FuncMap {
	upstream := sprig.TxtFuncMap()
	mustHas := upstream["mustHas"].(func(any, any) (bool, error))
	has := func(needle, haystack any) (bool, error) {
		if versions, ok := haystack.(apiVersions); ok {
			return versions.Has(fmt.Sprint(needle)), nil
		}
		return mustHas(needle, haystack)
	}
	functions := template.FuncMap{"lookup": h.lookup, "has": has, "mustHas": has, "keys": keys, "values": values}
	for name, function := range newRandom(h).functions(upstream) {
		functions[name] = function
	}
	return functions
}

// lookup finds nothing, as in `helm template`: a render must not depend on what is in the cluster.
func (h *helm) lookup(_, kind, _, name string) (map[string]any, error) {
	what := kind
	if name != "" {
		what += "/" + name
	}
	h.s.warn(render.WarnLookup, "a template looks up "+what+" in the cluster and is told that there is none; give the value in the settings", fault.Place{File: h.s.req.Path})
	return map[string]any{}, nil
}

// keys gives the keys of maps, sorted; upstream's order changes with each call.
func keys(maps ...map[string]any) []string {
	all := []string{}
	for _, m := range maps {
		for key := range m {
			all = append(all, key)
		}
	}
	slices.Sort(all)
	return all
}

// values gives the values of a map in the order of its keys.
func values(m map[string]any) []any {
	all := make([]any, 0, len(m))
	for _, key := range keys(m) {
		all = append(all, m[key])
	}
	return all
}

func asMap(v any) (map[string]any, bool) {
	m, ok := v.(common.Values)
	return m, ok
}
