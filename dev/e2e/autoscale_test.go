package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func init() {
	kinds["HorizontalPodAutoscaler"] = schema.GroupVersionResource{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}
	kinds["ScaledObject"] = schema.GroupVersionResource{Group: "keda.sh", Version: "v1alpha1", Resource: "scaledobjects"}
	kinds["VerticalPodAutoscaler"] = schema.GroupVersionResource{Group: "autoscaling.k8s.io", Version: "v1", Resource: "verticalpodautoscalers"}
}

// unscaled writes a Deployment without a number of replicas.
func unscaled(name, image string) string {
	return strings.Replace(deployment(name, 1, image), "  replicas: 1\n", "", 1)
}

// horizontal writes an HPA of the Deployment web. Without metrics, which nobody measures here, the controller of the control
// plane still keeps the number between the two.
func horizontal(least, most int) string {
	return fmt.Sprintf(`
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  minReplicas: %d
  maxReplicas: %d
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}]
`, least, most)
}

// counts watches how many replicas a Deployment is told to have, from now on, every change of it.
func (s *scenario) counts(namespace string) (seen func() []int64) {
	s.Helper()
	client := s.admin.Resource(kinds["Deployment"]).Namespace(namespace)
	list, err := client.List(s.Context(), metav1.ListOptions{FieldSelector: "metadata.name=web"})
	if err != nil {
		s.Fatal(err)
	}
	w, err := client.Watch(s.Context(), metav1.ListOptions{FieldSelector: "metadata.name=web", ResourceVersion: list.GetResourceVersion()})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(w.Stop)
	var mu sync.Mutex
	var all []int64
	note := func(o *unstructured.Unstructured) {
		n, _ := field(o, "spec.replicas").(int64)
		mu.Lock()
		defer mu.Unlock()
		if len(all) == 0 || all[len(all)-1] != n {
			all = append(all, n)
		}
	}
	for i := range list.Items {
		note(&list.Items[i])
	}
	go func() {
		for event := range w.ResultChan() {
			if o, ok := event.Object.(*unstructured.Unstructured); ok {
				note(o)
			}
		}
	}()
	return func() []int64 {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

// calm fails the test if the agent has written to a Deployment since the mark, or tells of drift of it.
func (s *scenario) calm(since mark, app string) {
	s.Helper()
	for _, r := range s.writesTo(s.T, since, "deployments", app, "web") {
		s.Errorf("the agent wrote: %s", r)
	}
	for _, d := range statusOf(s.live("App/" + system + "/" + app)).Drift {
		if d.Object == "Deployment/"+app+"/web" {
			s.Errorf("this is no drift: %+v", d)
		}
	}
}

// An autoscaler comes and Git drops the number of replicas, in one commit: the number never moves but by the autoscaler.
func TestAutoscalerTakesTheNumber(t *testing.T) {
	t.Parallel()
	const web = "Deployment/hpa/web"
	s := newScenario(t, shared(t), "hpa")
	sentinel := deployment("sentinel", 1, "registry.example/web:1")
	s.ok("hpa", s.commit("three", files{"apps/hpa/a.yaml": documentsOf(deployment("web", 3, "registry.example/web:1"), sentinel)}))
	seen := s.counts("hpa")
	s.ok("hpa", s.commit("an autoscaler", files{"apps/hpa/a.yaml": documentsOf(unscaled("web", "registry.example/web:1"), sentinel), "apps/hpa/hpa.yaml": horizontal(2, 9)}))
	s.ok("hpa", s.commit("an image before it has acted", files{"apps/hpa/a.yaml": documentsOf(unscaled("web", "registry.example/web:2"), sentinel)}))
	s.scale(web, "kube-controller-manager", 4)
	before := s.now(t)
	s.settled("hpa")
	s.calm(before, "hpa")
	s.ok("hpa", s.commit("an image", files{"apps/hpa/a.yaml": documentsOf(unscaled("web", "registry.example/web:3"), sentinel)}))
	s.ok("hpa", s.commit("at least six", files{"apps/hpa/hpa.yaml": horizontal(6, 9)}))
	s.has(web, "spec.replicas", 6) // by the controller itself
	s.has(web, "spec.template.spec.containers.0.image", "registry.example/web:3")
	before = s.now(t)
	s.settled("hpa")
	s.calm(before, "hpa")
	err := eventually(limit, func() error {
		if got := seen(); !slices.Equal(got, []int64{3, 4, 6}) {
			return fmt.Errorf("the numbers were %v, want 3, 4, 6", got)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// An autoscaler comes and the number stays in Git: it is the autoscaler's from its first write on, without a fight, and
// Git's again when the autoscaler goes.
func TestAutoscalerBesideTheNumberInGit(t *testing.T) {
	t.Parallel()
	const web = "Deployment/hpagit/web"
	s := newScenario(t, shared(t), "hpagit")
	both := func(image string) string {
		return documentsOf(deployment("web", 2, image), deployment("sentinel", 1, "registry.example/web:1"))
	}
	s.ok("hpagit", s.commit("two", files{"apps/hpagit/a.yaml": both("registry.example/web:1")}))
	s.scale(web, "kubectl", 3) // nobody's yet: drift
	s.has(web, "spec.replicas", 2)
	seen := s.counts("hpagit")
	s.commit("an autoscaler", files{"apps/hpagit/hpa.yaml": horizontal(4, 9)})
	s.has(web, "spec.replicas", 4)
	s.settled("hpagit")
	before := s.now(t)
	s.scale(web, "kube-controller-manager", 5)
	s.scale(web, "kubectl", 6) // the autoscaler answers to that, not Git
	s.settled("hpagit")
	s.calmSince(before, "hpagit", "spec.replicas", "3")
	s.ok("hpagit", s.commit("an image", files{"apps/hpagit/a.yaml": both("registry.example/web:2")}))
	s.has(web, "spec.template.spec.containers.0.image", "registry.example/web:2")
	if err := eventually(limit, func() error { // its own watch tells of them
		if got := seen(); got[len(got)-1] != 6 {
			return errNotYet("the last number is not 6: %v", got)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if got := seen(); !slices.IsSorted(got) || got[0] != 2 {
		t.Errorf("the numbers were %v, want 2, 4, 5, 6", got)
	}
	s.ok("hpagit", s.commit("no autoscaler", files{"apps/hpagit/hpa.yaml": ""}))
	s.gone("HorizontalPodAutoscaler/hpagit/web")
	s.has(web, "spec.replicas", 2)
}

// calmSince is calm where one row of evidence, which is older, is known.
func (s *scenario) calmSince(since mark, app, path, live string) {
	s.Helper()
	for _, r := range s.writesTo(s.T, since, "deployments", app, "web") {
		s.Errorf("the agent wrote: %s", r)
	}
	for _, d := range statusOf(s.live("App/" + system + "/" + app)).Drift {
		if d.Object == "Deployment/"+app+"/web" && (d.Field != path || d.Live != live) {
			s.Errorf("this is no drift: %+v", d)
		}
	}
}

// KEDA scales through the same subresource, down to none and up again; it need not be in Git of the same app.
func TestKEDA(t *testing.T) {
	t.Parallel()
	const web = "Deployment/keda/web"
	s := newScenario(t, shared(t), "keda")
	s.make(definitionOf("keda.sh", "v1alpha1", "ScaledObject", "scaledobjects"))
	s.served("ScaledObject")
	both := func(image string) string {
		return documentsOf(deployment("web", 2, image), deployment("sentinel", 1, "registry.example/web:1"))
	}
	s.ok("keda", s.commit("two", files{"apps/keda/a.yaml": both("registry.example/web:1")}))
	s.make("apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: web, namespace: keda}\nspec: {scaleTargetRef: {name: web}}\n")
	for _, n := range []int{0, 5} { // a zero leaves no trace of who wrote it
		s.scale(web, "keda", n)
		s.settled("keda")
		if err := s.equals(web, "spec.replicas", n); err != nil {
			t.Error(err)
		}
	}
	before := s.now(t)
	s.scale(web, "keda", 3)
	s.settled("keda")
	s.calm(before, "keda")
	s.ok("keda", s.commit("an image", files{"apps/keda/a.yaml": both("registry.example/web:2")}))
	s.has(web, "spec.template.spec.containers.0.image", "registry.example/web:2")
	if err := s.equals(web, "spec.replicas", 3); err != nil {
		t.Error(err)
	}
}

// A VPA that writes the sizes of containers owns those that it wrote, and no others.
func TestVPA(t *testing.T) {
	t.Parallel()
	const web = "Deployment/vpa/web"
	s := newScenario(t, shared(t), "vpa")
	sized := func(image string) string {
		return documentsOf(deployment("web", 1, image)+"          resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {memory: 128Mi}}\n", deployment("sentinel", 1, "registry.example/web:1"))
	}
	s.ok("vpa", s.commit("sizes", files{
		"apps/vpa/a.yaml": sized("registry.example/web:1"), "apps/vpa/definition.yaml": definitionOf("autoscaling.k8s.io", "v1", "VerticalPodAutoscaler", "verticalpodautoscalers"),
		"apps/vpa/vpa.yaml": "apiVersion: autoscaling.k8s.io/v1\nkind: VerticalPodAutoscaler\nmetadata: {name: web}\nspec:\n  targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}\n",
	}))
	s.edit(web, "vpa-updater", "spec: {template: {spec: {containers: [{name: web, resources: {requests: {cpu: 250m}}}]}}}")
	s.settled("vpa")
	before := s.now(t)
	s.edit(web, "vpa-updater", "spec: {template: {spec: {containers: [{name: web, resources: {requests: {cpu: 300m}}}]}}}")
	s.settled("vpa")
	s.calm(before, "vpa")
	s.ok("vpa", s.commit("an image", files{"apps/vpa/a.yaml": sized("registry.example/web:2")}))
	s.has(web, "spec.template.spec.containers.0.image", "registry.example/web:2")
	if err := s.equals(web, "spec.template.spec.containers.0.resources.requests.cpu", "300m"); err != nil {
		t.Error(err)
	}
	s.edit(web, "vpa-updater", "spec: {template: {spec: {containers: [{name: web, image: registry.example/evil:1}]}}}") // no size
	s.has(web, "spec.template.spec.containers.0.image", "registry.example/web:2")
	s.edit(web, "kubectl-edit", "spec: {template: {spec: {containers: [{name: web, resources: {requests: {memory: 96Mi}}}]}}}") // no VPA
	s.has(web, "spec.template.spec.containers.0.resources.requests.memory", "64Mi")
}

// definitionOf writes a CustomResourceDefinition that takes any field.
func definitionOf(group, version, kind, plural string) string {
	return fmt.Sprintf(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: %[4]s.%[1]s
  annotations: {api-approved.kubernetes.io: "unapproved, for a test"}
spec:
  group: %[1]s
  names: {kind: %[3]s, plural: %[4]s}
  scope: Namespaced
  versions:
    - {name: %[2]s, served: true, storage: true, subresources: {status: {}}, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
`, group, version, kind, plural)
}

// served waits until the API server serves a kind.
func (s *scenario) served(kind string) {
	s.Helper()
	err := eventually(limit, func() error {
		_, err := s.admin.Resource(kinds[kind]).List(s.Context(), metav1.ListOptions{})
		if err != nil {
			return errors.Join(errors.New("it is not served"), err)
		}
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
}
