package cluster

import (
	"context"
	"fmt"
	"slices"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"

	"plumb.dev/plumb/internal/object"
)

// Kind is how the API server serves a kind: under which resource, and whether its objects have a namespace.
type Kind struct {
	Resource   schema.GroupVersionResource
	Namespaced bool
	Listed     bool // its objects can be listed
}

// Mapper knows how kinds are served. It asks the API server once and again only after Invalidate, so that an idle
// agent sends nothing.
type Mapper struct {
	discovery *discovery.DiscoveryClient

	mu      sync.Mutex
	kinds   map[schema.GroupVersionKind]Kind
	prefer  map[schema.GroupKind]string // the API server's preferred version
	broken  map[schema.GroupVersion]error
	version string
}

func newMapper(client rest.Interface) *Mapper {
	return &Mapper{discovery: discovery.NewDiscoveryClient(client)}
}

// Invalidate makes the next question ask the API server again: a CRD or an aggregated API came or went.
func (m *Mapper) Invalidate() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kinds = nil
}

// Kind tells how a kind of one version is served; ok is false if the API server does not serve it. A group that does
// not answer (a broken aggregated API) is an error for its own kinds only.
func (m *Mapper) Kind(ctx context.Context, gvk schema.GroupVersionKind) (kind Kind, ok bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.load(ctx); err != nil {
		return Kind{}, false, err
	}
	kind, ok = m.kinds[gvk]
	if !ok {
		if err := m.broken[gvk.GroupVersion()]; err != nil {
			return Kind{}, false, fmt.Errorf("the API group %s does not answer: %w", gvk.GroupVersion(), err)
		}
	}
	return kind, ok, nil
}

// Of tells how an object's kind is served at its version; if the API server does not serve this version (any more),
// at the one that it prefers.
func (m *Mapper) Of(ctx context.Context, id object.ID, version string) (Kind, bool, error) {
	kind, ok, err := m.Kind(ctx, schema.GroupVersionKind{Group: id.Group, Version: version, Kind: id.Kind})
	if err != nil || ok {
		return kind, ok, err
	}
	m.mu.Lock()
	preferred, found := m.prefer[schema.GroupKind{Group: id.Group, Kind: id.Kind}]
	m.mu.Unlock()
	if !found {
		return Kind{}, false, nil
	}
	return m.Kind(ctx, schema.GroupVersionKind{Group: id.Group, Version: preferred, Kind: id.Kind})
}

// Has answers as a Helm chart asks: "apps/v1" or "apps/v1/Deployment".
func (m *Mapper) Has(ctx context.Context, name string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.load(ctx); err != nil {
		return false, err
	}
	for gvk := range m.kinds {
		gv := gvk.GroupVersion().String()
		if name == gv || name == gv+"/"+gvk.Kind {
			return true, nil
		}
	}
	return false, nil
}

// ServerVersion gives the API server's version, for example "v1.37.2".
func (m *Mapper) ServerVersion(ctx context.Context) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.version != "" {
		return m.version, nil
	}
	info, err := m.discovery.WithLegacy().ServerVersion()
	if err != nil {
		return "", fmt.Errorf("ask the API server for its version: %w", err)
	}
	m.version = info.GitVersion
	return m.version, nil
}

// load asks for all groups in two requests (aggregated discovery). The caller holds the lock.
func (m *Mapper) load(ctx context.Context) error {
	if m.kinds != nil {
		return nil
	}
	groups, resources, broken, err := m.discovery.GroupsAndMaybeResources()
	if err != nil {
		return fmt.Errorf("ask the API server which kinds it serves: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	kinds := map[schema.GroupVersionKind]Kind{}
	prefer := map[schema.GroupKind]string{}
	for gv, list := range resources {
		for _, r := range list.APIResources {
			addKind(kinds, gv, r)
		}
	}
	for _, group := range groups.Groups {
		notePreferred(prefer, kinds, group)
	}
	m.kinds, m.prefer, m.broken = kinds, prefer, broken
	return nil
}

func addKind(kinds map[schema.GroupVersionKind]Kind, gv schema.GroupVersion, r metav1.APIResource) {
	for i := range r.Name {
		if r.Name[i] == '/' {
			return // a subresource
		}
	}
	kinds[gv.WithKind(r.Kind)] = Kind{Resource: gv.WithResource(r.Name), Namespaced: r.Namespaced, Listed: slices.Contains(r.Verbs, "list")}
}

func notePreferred(prefer map[schema.GroupKind]string, kinds map[schema.GroupVersionKind]Kind, group metav1.APIGroup) {
	order := append([]metav1.GroupVersionForDiscovery{group.PreferredVersion}, group.Versions...)
	for _, v := range order {
		for gvk := range kinds {
			if gvk.Group != group.Name || gvk.Version != v.Version {
				continue
			}
			if _, done := prefer[gvk.GroupKind()]; !done {
				prefer[gvk.GroupKind()] = v.Version
			}
		}
	}
}

// IsGone tells whether an error says that the object, or its whole kind, does not exist.
func IsGone(err error) bool { return apierrors.IsNotFound(err) }

// IsOther tells whether an error says that the object is not the one with the UID that was asked for.
func IsOther(err error) bool {
	return apierrors.IsConflict(err) && len(ConflictManagers(err)) == 0
}

// Namespaced gives the namespaced kinds that can be listed, each at the version that the API server prefers. It is an
// error if a group does not answer: what cannot be listed is not empty.
func (m *Mapper) Namespaced(ctx context.Context) (map[schema.GroupVersionKind]Kind, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.load(ctx); err != nil {
		return nil, err
	}
	for gv, err := range m.broken {
		return nil, fmt.Errorf("the API group %s does not answer: %w", gv, err)
	}
	out := map[schema.GroupVersionKind]Kind{}
	for gvk, kind := range m.kinds {
		if kind.Namespaced && kind.Listed && m.prefer[gvk.GroupKind()] == gvk.Version {
			out[gvk] = kind
		}
	}
	return out, nil
}
