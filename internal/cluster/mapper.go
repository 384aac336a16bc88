package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

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

// discoveryLimit bounds one question of a Mapper, so that an API server that hangs does not hold everybody up.
const discoveryLimit = 30 * time.Second

// Mapper knows how kinds are served. It asks the API server once and again only after Invalidate, so that an idle
// agent sends nothing.
type Mapper struct {
	rest      rest.Interface
	discovery *discovery.DiscoveryClient

	mu      sync.Mutex
	kinds   map[schema.GroupVersionKind]Kind
	prefer  map[schema.GroupKind]string // the API server's preferred version
	broken  map[schema.GroupVersion]error
	version string
}

func newMapper(client rest.Interface) *Mapper {
	return &Mapper{rest: client, discovery: discovery.NewDiscoveryClient(client)}
}

// Invalidate makes the next question ask the API server again: a CRD or an aggregated API came or went.
func (m *Mapper) Invalidate() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kinds, m.version = nil, ""
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
			return Kind{}, false, silent(gvk.GroupVersion(), err)
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

// Has answers as a Helm chart asks: "apps/v1" or "apps/v1/Deployment". It is an error if the group does not answer: a
// chart that is told "no" leaves objects out, and what is left out is deleted.
func (m *Mapper) Has(ctx context.Context, name string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.load(ctx); err != nil {
		return false, err
	}
	for gvk := range m.kinds {
		if named(name, gvk.GroupVersion(), gvk.Kind) {
			return true, nil
		}
	}
	for gv, err := range m.broken {
		if strings.HasPrefix(name+"/", gv.String()+"/") {
			return false, silent(gv, err)
		}
	}
	return false, nil
}

func named(name string, gv schema.GroupVersion, kind string) bool {
	return name == gv.String() || name == gv.String()+"/"+kind
}

func silent(gv schema.GroupVersion, err error) error {
	return fmt.Errorf("the API group %s does not answer: %w", gv, err)
}

// ServerVersion gives the API server's version, for example "v1.37.2".
func (m *Mapper) ServerVersion(ctx context.Context) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.version != "" {
		return m.version, nil
	}
	ctx, cancel := context.WithTimeout(ctx, discoveryLimit)
	defer cancel()
	info, err := m.discovery.ServerVersionWithContext(ctx)
	if err != nil {
		return "", fmt.Errorf("ask the API server for its version: %w", err)
	}
	m.version = info.GitVersion
	return m.version, nil
}

// load asks for all groups, in two requests where discovery is aggregated. The caller holds the lock.
//
// An answer that may be short is an error, never "not served": what is not served counts as gone. A starting API server
// announces CustomResourceDefinitions one after the other, and says of itself that it is not ready until all are there.
func (m *Mapper) load(ctx context.Context) error {
	if m.kinds != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, discoveryLimit)
	defer cancel()
	if err := m.ready(ctx); err != nil {
		return err
	}
	groups, lists, err := m.discovery.ServerGroupsAndResourcesWithContext(ctx)
	broken, partial := discovery.GroupDiscoveryFailedErrorGroups(err)
	if err != nil && !partial {
		return fmt.Errorf("ask the API server which kinds it serves: %w", err)
	}
	kinds := map[schema.GroupVersionKind]Kind{}
	prefer := map[schema.GroupKind]string{}
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return fmt.Errorf("ask the API server which kinds it serves: %w", err)
		}
		for _, r := range list.APIResources {
			addKind(kinds, gv, r)
		}
	}
	if _, ok := kinds[schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}]; !ok {
		return errors.New("ask the API server which kinds it serves: the answer has no Namespace, so it is not complete")
	}
	for _, group := range groups {
		notePreferred(prefer, kinds, *group)
	}
	m.kinds, m.prefer, m.broken = kinds, prefer, broken
	return nil
}

// ready asks whether the API server has started completely. Where nobody may ask, it counts as started.
func (m *Mapper) ready(ctx context.Context) error {
	var status int
	err := m.rest.Get().AbsPath("/readyz").MaxRetries(0).Do(ctx).StatusCode(&status).Error()
	if err != nil && (status == 0 || status >= http.StatusInternalServerError) {
		return fmt.Errorf("the API server is not ready: %w", err)
	}
	return nil
}

func addKind(kinds map[schema.GroupVersionKind]Kind, gv schema.GroupVersion, r metav1.APIResource) {
	if strings.Contains(r.Name, "/") {
		return // a subresource
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

// Namespaced gives the namespaced kinds that can be listed, each at the version that the API server prefers. It is an
// error if a group does not answer: what cannot be listed is not empty.
func (m *Mapper) Namespaced(ctx context.Context) (map[schema.GroupVersionKind]Kind, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.load(ctx); err != nil {
		return nil, err
	}
	for gv, err := range m.broken {
		return nil, silent(gv, err)
	}
	out := map[schema.GroupVersionKind]Kind{}
	for gvk, kind := range m.kinds {
		if kind.Namespaced && kind.Listed && m.prefer[gvk.GroupKind()] == gvk.Version {
			out[gvk] = kind
		}
	}
	return out, nil
}
