package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

func init() {
	for kind, resource := range map[string]schema.GroupVersionResource{
		"Application":   {Group: "argoproj.io", Version: "v1alpha1", Resource: "applications"},
		"Kustomization": {Group: "kustomize.toolkit.fluxcd.io", Version: "v1", Resource: "kustomizations"},
		"HelmRelease":   {Group: "helm.toolkit.fluxcd.io", Version: "v2", Resource: "helmreleases"},
	} {
		kinds[kind] = resource
	}
}

// otherTools are the kinds of Argo CD and Flux. No controller of theirs runs: what they would do is done by the tests.
var otherTools sync.Once

func (s *scenario) otherTools() {
	s.Helper()
	otherTools.Do(func() {
		for _, kind := range []string{"Application", "Kustomization", "HelmRelease"} {
			of := kinds[kind]
			s.make(fmt.Sprintf(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %[2]s.%[1]s}
spec:
  group: %[1]s
  names: {kind: %[3]s, plural: %[2]s}
  scope: Namespaced
  versions:
  - {name: %[4]s, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
`, of.Group, of.Resource, kind, of.Version))
		}
		for _, namespace := range []string{"argocd", "flux-system"} {
			s.make("apiVersion: v1\nkind: Namespace\nmetadata: {name: " + namespace + "}\n")
		}
	})
	err := eventually(limit, func() error {
		for _, kind := range []string{"Application", "Kustomization", "HelmRelease"} {
			if _, err := s.admin.Resource(kinds[kind]).List(s.Context(), metav1.ListOptions{}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
}

// told are the commands for kubectl in what plumb has said.
var told = regexp.MustCompile(`kubectl -n (\S+) patch (\S+) (\S+) --type (\S+) (?:--field-manager \S+ )?-p '(.*)'`)

// doAsTold carries the commands out that plumb has told, as they stand there.
func (s *scenario) doAsTold(said string) {
	s.Helper()
	for _, m := range told.FindAllStringSubmatch(said, -1) {
		for kind, of := range kinds {
			if of.Resource+"."+of.Group != m[2] {
				continue
			}
			client, name := s.at(kind + "/" + m[1] + "/" + m[3])
			if _, err := client.Patch(s.Context(), name, types.PatchType("application/"+m[4]+"-patch+json"), []byte(m[5]), metav1.PatchOptions{FieldManager: "kubectl-patch"}); err != nil {
				s.Errorf("%s: %v", m[0], err)
			}
		}
	}
}

// adopts runs plumb import and fails the test if that wrote anything but dry runs.
func (s *scenario) adopts(code int, arguments ...string) string {
	s.Helper()
	since := s.now(s.T)
	out := s.plumbs(code, append([]string{"import"}, arguments...)...)
	writes, _ := s.written(since)
	for _, r := range writes {
		if strings.Contains(r.Object.Namespace, s.name) || r.Object.Namespace == system && strings.Contains(r.Object.Name, s.name) {
			s.Errorf("plumb import wrote: %s", r)
		}
	}
	return out.stdout + out.stderr
}

// pods gives the names and UIDs of the pods and ReplicaSets of a namespace: what a restart changes.
func (s *scenario) pods(namespace string) []string {
	s.Helper()
	var all []string
	for _, kind := range []string{"Pod", "ReplicaSet"} {
		list, err := s.admin.Resource(kinds[kind]).Namespace(namespace).List(s.Context(), metav1.ListOptions{})
		if err != nil {
			s.Fatal(err)
		}
		for _, o := range list.Items {
			all = append(all, kind+" "+o.GetName()+" "+string(o.GetUID()))
		}
	}
	slices.Sort(all)
	return all
}

// runs waits until a Deployment has its pods.
func (s *scenario) runs(id string, n int) {
	s.Helper()
	s.has(id, "status.readyReplicas", n)
}

// still fails the test if the spec of an object, or the object itself, is another.
func (s *scenario) still(before *unstructured.Unstructured) *unstructured.Unstructured {
	s.Helper()
	now := s.same(before)
	if !equality.Semantic.DeepEqual(field(now, "spec"), field(before, "spec")) {
		s.Errorf("the spec of %s was %v, and is %v", idOf(before), field(before, "spec"), field(now, "spec"))
	}
	return now
}

// The marks of Argo CD.
const tracking, instance = "argocd.argoproj.io/tracking-id", "app.kubernetes.io/instance"

// oursNow fails the test if an object that Argo CD had is not an app's, or bears anything of Argo CD.
func (s *scenario) oursNow(was *unstructured.Unstructured, app string) {
	s.Helper()
	now := s.still(was)
	if _, marked := now.GetAnnotations()[tracking]; marked || now.GetAnnotations()[lastApplied] != "" || now.GetLabels()[instance] != "" || len(managers(now, "argocd")) > 0 {
		s.Errorf("%s still bears %v and %v, and fields of %v", idOf(now), now.GetAnnotations(), now.GetLabels(), managers(now, "argocd"))
	}
	s.says(now.GetAnnotations()["plumb.dev/owner"], "plumb-system/"+app+":")
}

// theirsAgain fails the test if an object that was given back is not as Argo CD had it.
func (s *scenario) theirsAgain(was *unstructured.Unstructured) {
	s.Helper()
	now := s.still(was)
	if now.GetAnnotations()[tracking] != was.GetAnnotations()[tracking] || now.GetLabels()[instance] != was.GetLabels()[instance] || now.GetLabels()["plumb.dev/managed"] != "" || now.GetAnnotations()["plumb.dev/owner"] != "" {
		s.Errorf("%s bears %v and %v", idOf(now), now.GetAnnotations(), now.GetLabels())
	}
	if len(managers(now, "argocd-controller")) == 0 || len(managers(now, "plumb")) > 0 {
		s.Errorf("%s has fields of %v", idOf(now), managers(now, ""))
	}
}

// argos gives an object in the scenario's namespace as an Argo CD application writes it.
func (s *scenario) argos(application, text string) *unstructured.Unstructured {
	o := inNamespace(s.name, text)
	o.SetAnnotations(map[string]string{tracking: application + ":" + o.GroupVersionKind().Group + "/" + o.GetKind() + ":" + s.name + "/" + o.GetName()})
	o.SetLabels(map[string]string{instance: application})
	return o
}

// ofArgo makes what an Argo CD application has delivered into the scenario's namespace: web, settings and front.
func (s *scenario) ofArgo(application string) []*unstructured.Unstructured {
	s.Helper()
	settings := s.argos(application, configMap("settings", "colour", "blue", "dropped", "1"))
	data, _ := settings.MarshalJSON()
	settings.SetAnnotations(map[string]string{tracking: settings.GetAnnotations()[tracking], lastApplied: string(data)})
	return []*unstructured.Unstructured{
		s.force(s.argos(application, deployment("web", 2, "registry.example/web:1")), "argocd-controller"), // from the server's side
		s.create(settings, "argocd-controller"), // from the client's
		s.force(s.argos(application, service("front", 80)), "argocd-controller"),
	}
}

// What Argo CD runs is refused, shown, taken over when Argo CD lets go, and given back: without a deletion or a restart.
func TestAdoptFromArgoCD(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "adoptargo")
	s.otherTools()
	s.make("apiVersion: v1\nkind: Namespace\nmetadata: {name: adoptargo}\n")
	s.make(`
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: adoptargo-shop, namespace: argocd, finalizers: [resources-finalizer.argocd.argoproj.io]}
spec: {syncPolicy: {automated: {prune: true, selfHeal: true}}}
`)
	objects := s.ofArgo("adoptargo-shop")
	s.runs("Deployment/adoptargo/web", 2)
	pods := s.pods("adoptargo")

	first := s.commit("the same, without one key", files{"apps/adoptargo/a.yaml": documentsOf(
		deployment("web", 2, "registry.example/web:1"), configMap("settings", "colour", "blue"), service("front", 80), configMap("new", "a", "1"))})
	s.is("adoptargo", "failed", "OwnedByOther")
	s.has("ConfigMap/adoptargo/new", "data.a", "1")
	before := s.now(t)

	said := s.adopts(3, "--adopt", "adoptargo", "--yes")
	s.says(said, "3 objects to take over", "Argo CD application adoptargo-shop", "does not let go", "heals and prunes", "finalizer", "nothing was taken over")
	s.doAsTold(said)
	said = s.adopts(0, "--adopt", "adoptargo")
	s.says(said, "> ConfigMap/adoptargo/settings", "data.dropped", "2 objects of which nothing changes but whose they are", "Summary: 3 taken over, 1 of them changed, 0 with a restart", "nothing was written")
	var answer struct {
		Kind string
		Apps []struct {
			Adopts, Changes, Restarts int
			Tools                     []struct{ Seen bool }
			Objects                   []struct{ From string }
			Done                      bool
		}
	}
	if err := json.Unmarshal([]byte(s.plumbs(0, "import", "--adopt", "adoptargo", "-o", "json").stdout), &answer); err != nil ||
		len(answer.Apps) != 1 || answer.Apps[0].Adopts != 3 || answer.Apps[0].Changes != 1 || len(answer.Apps[0].Objects) != 3 || !answer.Apps[0].Tools[0].Seen || answer.Apps[0].Done {
		t.Errorf("the answer is %+v, %v", answer, err)
	}
	s.noWrites(t, before, "adoptargo")

	s.says(s.plumbs(0, "import", "--adopt", "adoptargo", "--yes").stdout, "adoptargo has taken over 3 objects; nothing was deleted", "kubectl -n argocd delete applications.argoproj.io adoptargo-shop")
	s.ok("adoptargo", first)
	for _, was := range objects {
		s.oursNow(was, "adoptargo")
	}
	if got := field(s.live("ConfigMap/adoptargo/settings"), "data"); fmt.Sprint(got) != "map[colour:blue]" {
		t.Errorf("the data is %v, want what Git has", got)
	}
	if now := s.pods("adoptargo"); !slices.Equal(now, pods) {
		t.Errorf("the pods were %v, and are %v", pods, now)
	}
	s.says(s.adopts(0, "--adopt", "adoptargo"), "Nothing to take over")

	s.says(s.adopts(0, "--give-back", "adoptargo"), "3 objects to give back", "Argo CD application adoptargo-shop: 3 objects", "nothing was written")
	s.says(s.plumbs(0, "import", "--give-back", "adoptargo", "--yes").stdout, "has given 3 objects back to Argo CD application adoptargo-shop", "stays paused")
	s.says(s.is("adoptargo", "paused", "Paused").Summary, "given back to Argo CD application adoptargo-shop")
	for _, was := range objects {
		s.theirsAgain(was)
	}
	if made := s.live("ConfigMap/adoptargo/new"); made.GetLabels()["plumb.dev/managed"] != "" || len(managers(made, "plumb")) > 0 {
		t.Errorf("what was made since is still ours: %v, fields of %v", made.GetLabels(), managers(made, ""))
	}
	if got := inventoryOf(s, "adoptargo"); got != "null" {
		t.Errorf("the inventory is %s", got)
	}
	if now := s.pods("adoptargo"); !slices.Equal(now, pods) {
		t.Errorf("the pods were %v, and are %v", pods, now)
	}
	s.plumbs(0, "resume", "adoptargo")
	s.is("adoptargo", "failed", "OwnedByOther")
	s.noDeletes(t, before, "adoptargo")

	// The other tool goes on where it was: its apply removes what it does not have, as before.
	s.force(s.argos("adoptargo-shop", configMap("settings", "colour", "blue", "again", "1")), "argocd-controller")
	s.force(s.argos("adoptargo-shop", configMap("settings", "colour", "blue")), "argocd-controller")
	if got := field(s.live("ConfigMap/adoptargo/settings"), "data"); fmt.Sprint(got) != "map[colour:blue]" {
		t.Errorf("the data is %v after an apply of Argo CD", got)
	}
}

// What Flux runs is taken over when it is suspended. Pods are restarted only if that is allowed; a Helm release is warned of.
func TestAdoptFromFlux(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "adoptflux")
	s.otherTools()
	for _, name := range []string{"adoptflux-ks", "adoptflux-hr"} {
		s.make("apiVersion: v1\nkind: Namespace\nmetadata: {name: " + name + "}\n")
	}
	s.make("apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: adoptflux, namespace: flux-system}\nspec: {prune: true}\n")
	s.make("apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web, namespace: adoptflux-hr}\nspec: {}\n")
	s.make("apiVersion: v1\nkind: Secret\ntype: helm.sh/release.v1\nmetadata: {name: sh.helm.release.v1.web.v1, namespace: adoptflux-hr, labels: {owner: helm, name: web}}\n")
	kustomized := inNamespace("adoptflux-ks", deployment("web", 1, "registry.example/web:1"))
	kustomized.SetLabels(map[string]string{"kustomize.toolkit.fluxcd.io/name": "adoptflux", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"})
	released := inNamespace("adoptflux-hr", deployment("web", 1, "registry.example/web:1"))
	released.SetLabels(map[string]string{"helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "adoptflux-hr", "app.kubernetes.io/managed-by": "Helm"})
	released.SetAnnotations(map[string]string{"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "adoptflux-hr"})
	kustomized, released = s.force(kustomized, "kustomize-controller"), s.create(released, "helm-controller")
	s.runs("Deployment/adoptflux-ks/web", 1)
	s.runs("Deployment/adoptflux-hr/web", 1)
	pods := append(s.pods("adoptflux-ks"), s.pods("adoptflux-hr")...)

	s.commit("a newer image", files{
		"apps/adoptflux-ks/a.yaml": deployment("web", 1, "registry.example/web:2"), "apps/adoptflux-hr/a.yaml": deployment("web", 1, "registry.example/web:1"),
	})
	s.is("adoptflux-ks", "failed", "OwnedByOther")
	s.is("adoptflux-hr", "failed", "OwnedByOther")
	before := s.now(t)
	for app, says := range map[string][]string{
		"adoptflux-ks": {"Flux Kustomization flux-system/adoptflux", "it is not suspended", "it prunes", "rolling restart of 1 pod", "registry.example/web:2"},
		"adoptflux-hr": {"Flux HelmRelease adoptflux-hr/web", "it is not suspended", "Helm still knows the release adoptflux-hr/web"},
	} {
		said := s.adopts(3, "--adopt", app)
		s.says(said, says...)
		s.doAsTold(said)
	}
	s.says(s.adopts(3, "--adopt", "adoptflux-ks", "--yes"), "would be restarted", "--allow-restart")
	s.noWrites(t, before, "adoptflux-ks", "adoptflux-hr")

	second := s.commit("what runs", files{"apps/adoptflux-ks/a.yaml": deployment("web", 1, "registry.example/web:1")})
	s.decided(second)
	s.says(s.plumbs(0, "import", "--adopt", "adoptflux-ks", "--yes").stdout, "has taken over 1 object;")
	s.says(s.plumbs(0, "import", "--adopt", "adoptflux-hr", "--yes").stdout, "has taken over 1 object;", "kubectl -n adoptflux-hr delete secret -l owner=helm,name=web")
	s.ok("adoptflux-ks", second)
	warnings := s.is("adoptflux-hr", "ok", "Healthy").Warnings
	s.says(strings.Join(warnings, "\n"), "Helm release adoptflux-hr/web", "kubectl -n adoptflux-hr delete secret -l owner=helm,name=web")
	for _, was := range []*unstructured.Unstructured{kustomized, released} {
		now := s.still(was)
		for key := range now.GetLabels() {
			if strings.Contains(key, "fluxcd.io") {
				t.Errorf("%s still has the label %s", idOf(now), key)
			}
		}
	}
	if now := append(s.pods("adoptflux-ks"), s.pods("adoptflux-hr")...); !slices.Equal(now, pods) {
		t.Errorf("the pods were %v, and are %v", pods, now)
	}
	s.plumbs(0, "import", "--give-back", "adoptflux-hr", "--yes")
	if now := s.still(released); now.GetLabels()["helm.toolkit.fluxcd.io/name"] != "web" || now.GetAnnotations()["meta.helm.sh/release-name"] != "web" || len(managers(now, "helm-controller")) == 0 {
		t.Errorf("it bears %v and %v, and has fields of %v", now.GetLabels(), now.GetAnnotations(), managers(now, ""))
	}
	s.noDeletes(t, before, "adoptflux-ks", "adoptflux-hr")
}

// A consent is for what was looked at: another commit, another tool, or a request that cannot be read takes nothing over.
// Nor does a request to give back without a pause give anything.
func TestAdoptOnlyWhatWasShown(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "adoptonly")
	s.make("apiVersion: v1\nkind: Namespace\nmetadata: {name: adoptonly}\n")
	o := inNamespace("adoptonly", configMap("settings", "a", "1"))
	o.SetLabels(map[string]string{"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"})
	theirs := s.create(o, "kustomize-controller")
	first := s.commit("one", files{"apps/adoptonly/a.yaml": configMap("settings", "a", "1")})
	s.is("adoptonly", "failed", "OwnedByOther")
	second := s.commit("two", files{"apps/adoptonly/a.yaml": configMap("settings", "a", "2")})
	s.decided(second)
	ask := func(text string) {
		t.Helper()
		s.patch("App/plumb-system/adoptonly", "plumb-cli", fmt.Sprintf("metadata: {annotations: {plumb.dev/adopt: %q}}", text))
	}
	warned := func(part string) {
		t.Helper()
		s.until("adoptonly", func(a appStatus) error {
			if !strings.Contains(strings.Join(a.Warnings, "\n"), part) {
				return errNotYet("the warnings are %q", a.Warnings)
			}
			return nil
		})
	}
	const from = `"from":["Flux Kustomization flux-system/apps"]`
	ask(`{"token":"t1","commit":"` + first + `",` + from + `}`)
	warned("nothing was adopted: commit " + first[:7])
	ask(`{"token":`)
	warned("plumb.dev/adopt is not carried out")
	ask(`{"token":"t2","commit":"` + second + `","from":["Argo CD application guestbook"]}`)
	s.has("App/plumb-system/adoptonly", "status.handled.adopt", "t2")
	if now := s.same(theirs); now.GetResourceVersion() != theirs.GetResourceVersion() {
		t.Error("the object was written")
	}
	ask(`{"token":"t3","commit":"` + second + `",` + from + `}`)
	s.ok("adoptonly", second)
	s.has("ConfigMap/adoptonly/settings", "data.a", 2)

	s.patch("App/plumb-system/adoptonly", "plumb-cli", `metadata: {annotations: {plumb.dev/give-back: now}}`)
	warned("is not paused")
	s.says(s.same(theirs).GetAnnotations()["plumb.dev/owner"], "plumb-system/adoptonly:")
}

// A person without the right to change the App learns what it means, and takes nothing over.
func TestAdoptWithoutRights(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "adoptrights")
	s.make("apiVersion: v1\nkind: Namespace\nmetadata: {name: adoptrights}\n")
	o := inNamespace("adoptrights", configMap("settings", "a", "1"))
	o.SetAnnotations(map[string]string{"argocd.argoproj.io/tracking-id": "elsewhere:/ConfigMap:adoptrights/settings"})
	s.create(o, "argocd-controller")
	s.commit("one", files{"apps/adoptrights/a.yaml": configMap("settings", "a", "1")})
	s.is("adoptrights", "failed", "OwnedByOther")
	for _, text := range []string{
		"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: adoptrights}\nrules: [{apiGroups: [\"*\"], resources: [\"*\"], verbs: [get, list, watch]}]\n",
		"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: adoptrights}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: adoptrights}\nsubjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: adoptrights-ruth}]\n",
	} {
		if err := s.makeYAML(text); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
	}
	said := s.adopts(0, "--adopt", "adoptrights", "--as", "adoptrights-ruth")
	s.says(said, "1 object to take over", "it is not in this cluster", "you have no right to patch")
	s.says(s.adopts(4, "--adopt", "adoptrights", "--yes", "--as", "adoptrights-ruth"), "forbidden")
	s.adopts(3, "--adopt", "adoptrights-not-there")
	s.adopts(2, "--adopt")
	s.says(s.adopts(2), "not there yet")
}
