package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
)

// The annotations that Helm demands of what it owns.
const (
	helmRelease   = "meta.helm.sh/release-name"
	helmNamespace = "meta.helm.sh/release-namespace"
)

// HelmRelease is a release of Helm.
type HelmRelease struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// String gives "<namespace>/<name>".
func (r HelmRelease) String() string { return r.Namespace + "/" + r.Name }

// Forget gives the command by which Helm forgets the release, and deletes nothing else. kept is secret or configmap: what
// Helm keeps it in.
func (r HelmRelease) Forget(kept string) string {
	return fmt.Sprintf("kubectl -n %s delete %s -l owner=helm,name=%s", r.Namespace, kept, r.Name)
}

// releaseOf reads which release made an object.
func releaseOf(meta *metav1.ObjectMeta) *HelmRelease {
	r := HelmRelease{Namespace: meta.Annotations[helmNamespace], Name: meta.Annotations[helmRelease]}
	if r.Name == "" || r.Namespace == "" {
		return nil
	}
	return &r
}

// ReleasesOf lists the releases that made objects of an app, for Picture.Releases: by what the objects say that exist, and
// by what was recorded of them when they were taken over.
func ReleasesOf(p Picture, inventory []v1alpha1.InventoryEntry) []HelmRelease {
	found := map[HelmRelease]bool{}
	for _, live := range p.Live {
		if live.Release != nil {
			found[*live.Release] = true
		}
	}
	for _, e := range inventory {
		if r, ok := recordedRelease(e); ok {
			found[r] = true
		}
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b HelmRelease) int { return strings.Compare(a.String(), b.String()) })
}

func recordedRelease(e v1alpha1.InventoryEntry) (HelmRelease, bool) {
	if e.From == nil {
		return HelmRelease{}, false
	}
	namespace, name, ok := strings.Cut(e.From.Release, "/")
	return HelmRelease{Namespace: namespace, Name: name}, ok
}

// releaseWarnings tells of releases that Helm still knows, and whose objects are ours, or are about to be: helm uninstall
// goes by its own list and asks nobody.
func (m *maker) releaseWarnings(steps []Step) []string {
	objects := map[string]int{}
	for _, s := range steps {
		if s.Object == nil || s.Action == Refuse || s.Action == Leave {
			continue
		}
		release, ok := recordedRelease(m.entries[s.ID])
		if live := m.in.Picture.Live[s.ID].Release; live != nil {
			release, ok = *live, true
		}
		if ok && m.in.Picture.Releases[release.String()] != "" {
			objects[release.String()]++
		}
	}
	var warnings []string
	for _, name := range slices.Sorted(maps.Keys(objects)) {
		namespace, release, _ := strings.Cut(name, "/")
		warnings = append(warnings, fmt.Sprintf(
			"%s of this app in the Helm release %s, which Helm still knows: helm uninstall would delete what is in it. Let Helm forget the release, which deletes nothing else: %s",
			counted(objects[name], "object is", "objects are"), name, HelmRelease{namespace, release}.Forget(m.in.Picture.Releases[name])))
	}
	return warnings
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
