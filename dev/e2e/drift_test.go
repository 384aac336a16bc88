package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Whatever somebody changes of what Git says is put right at once, and who it was is kept.
func TestDriftIsHealed(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name   string
		reason string
		in     string // the manifest in Git
		act    func(s *scenario, namespace string)
		healed func(s *scenario, namespace string) error // beyond what the evidence says
		want   drift
	}{
		{
			name: "changed", reason: "another image by kubectl edit", in: deployment("web", 1, "registry.example/web:1"),
			act: func(s *scenario, namespace string) {
				s.edit("Deployment/"+namespace+"/web", "kubectl-edit", "spec: {template: {spec: {containers: [{name: web, image: registry.example/evil:1}]}}}")
			},
			healed: func(s *scenario, namespace string) error {
				return s.equals("Deployment/"+namespace+"/web", "spec.template.spec.containers.0.image", "registry.example/web:1")
			},
			want: drift{Object: "Deployment/%s/web", Field: "spec.template.spec.containers[name=web].image", Kind: "changed", Manager: "kubectl-edit", Operation: "Update",
				Git: "registry.example/web:1", Live: "registry.example/evil:1"},
		},
		{
			name: "removed", reason: "a field taken out by kubectl patch", in: configMap("settings", "colour", "blue", "size", "3"),
			act: func(s *scenario, namespace string) {
				s.patch("ConfigMap/"+namespace+"/settings", "kubectl-patch", "data: {colour: null}")
			},
			healed: func(s *scenario, namespace string) error {
				return s.equals("ConfigMap/"+namespace+"/settings", "data.colour", "blue")
			},
			want: drift{Object: "ConfigMap/%s/settings", Field: "data.colour", Kind: "removed", Git: "blue"},
		},
		{
			name: "deleted", reason: "an object deleted by hand", in: configMap("settings", "colour", "blue"),
			act: func(s *scenario, namespace string) { s.remove("ConfigMap/" + namespace + "/settings") },
			healed: func(s *scenario, namespace string) error {
				return s.equals("ConfigMap/"+namespace+"/settings", "data.colour", "blue")
			},
			want: drift{Object: "ConfigMap/%s/settings", Kind: "missing"},
		},
		{
			name: "label", reason: "our label taken off", in: configMap("settings", "colour", "blue"),
			act: func(s *scenario, namespace string) {
				s.patch("ConfigMap/"+namespace+"/settings", "kubectl-label", "metadata: {labels: {plumb.dev/managed: null}}")
			},
			healed: func(s *scenario, namespace string) error {
				if s.live("ConfigMap/" + namespace + "/settings").GetLabels()["plumb.dev/managed"] != "true" {
					return errors.New("our label is still off")
				}
				return nil
			},
			want: drift{Object: "ConfigMap/%s/settings", Kind: "label", Field: "metadata.labels[\"plumb.dev/managed\"]"},
		},
		{
			name: "claimed", reason: "our claim taken off", in: configMap("settings", "colour", "blue"),
			act: func(s *scenario, namespace string) {
				s.patch("ConfigMap/"+namespace+"/settings", "kubectl-annotate", "metadata: {annotations: {plumb.dev/owner: null}}")
			},
			healed: func(s *scenario, namespace string) error {
				if s.live("ConfigMap/" + namespace + "/settings").GetAnnotations()["plumb.dev/owner"] == "" {
					return errors.New("our claim is still off")
				}
				return nil
			},
			want: drift{Object: "ConfigMap/%s/settings", Kind: "label", Field: "metadata.annotations[\"plumb.dev/owner\"]"},
		},
		{
			name: "relabelled", reason: "a label of Git's overwritten", in: strings.Replace(configMap("settings", "a", "1"), "metadata:\n", "metadata:\n  labels: {team: pay}\n", 1),
			act: func(s *scenario, namespace string) {
				s.patch("ConfigMap/"+namespace+"/settings", "kubectl-label", "metadata: {labels: {team: web}}")
			},
			healed: func(s *scenario, namespace string) error {
				return s.equals("ConfigMap/"+namespace+"/settings", "metadata.labels.team", "pay")
			},
			want: drift{Object: "ConfigMap/%s/settings", Field: "metadata.labels.team", Kind: "changed", Manager: "kubectl-label", Operation: "Update", Git: "pay", Live: "web"},
		},
		{
			name: "scaled", reason: "kubectl scale", in: deployment("web", 1, "registry.example/web:1"),
			act: func(s *scenario, namespace string) { s.scale("Deployment/"+namespace+"/web", "kubectl", 3) },
			healed: func(s *scenario, namespace string) error {
				return s.equals("Deployment/"+namespace+"/web", "spec.replicas", 1)
			},
			want: drift{Object: "Deployment/%s/web", Field: "spec.replicas", Kind: "changed", Manager: "kubectl", Operation: "Update", Subresource: "scale", Git: "1", Live: "3"},
		},
		{
			name: "container", reason: "a container added by kubectl edit", in: deployment("web", 1, "registry.example/web:1"),
			act: func(s *scenario, namespace string) {
				s.edit("Deployment/"+namespace+"/web", "kubectl-edit", "spec: {template: {spec: {containers: [{name: shell, image: registry.example/shell:1}]}}}")
			},
			healed: func(s *scenario, namespace string) error {
				if n := len(field(s.live("Deployment/"+namespace+"/web"), "spec.template.spec.containers").([]any)); n != 1 {
					return fmt.Errorf("there are %d containers", n)
				}
				return nil
			},
			want: drift{Object: "Deployment/%s/web", Field: "spec.template.spec.containers[name=shell]", Kind: "added", Manager: "kubectl-edit", Operation: "Update"},
		},
		{
			name: "env", reason: "an env entry added by kubectl set env", in: deployment("web", 1, "registry.example/web:1"),
			act: func(s *scenario, namespace string) {
				s.edit("Deployment/"+namespace+"/web", "kubectl-set", "spec: {template: {spec: {containers: [{name: web, env: [{name: DEBUG, value: all}]}]}}}")
			},
			healed: func(s *scenario, namespace string) error {
				if env := field(s.live("Deployment/"+namespace+"/web"), "spec.template.spec.containers.0.env").([]any); len(env) != 1 {
					return fmt.Errorf("the environment is %v", env)
				}
				return nil
			},
			want: drift{Object: "Deployment/%s/web", Field: "spec.template.spec.containers[name=web].env[name=DEBUG]", Kind: "added", Manager: "kubectl-set", Operation: "Update"},
		},
		{
			name: "network", reason: "the host's network, by kubectl edit", in: deployment("web", 1, "registry.example/web:1"),
			act: func(s *scenario, namespace string) {
				s.edit("Deployment/"+namespace+"/web", "kubectl-edit", "spec: {template: {spec: {hostNetwork: true}}}")
			},
			healed: func(s *scenario, namespace string) error {
				if network := field(s.live("Deployment/"+namespace+"/web"), "spec.template.spec.hostNetwork"); network != nil {
					return fmt.Errorf("hostNetwork is %v", network)
				}
				return nil
			},
			want: drift{Object: "Deployment/%s/web", Field: "spec.template.spec.hostNetwork", Kind: "added", Manager: "kubectl-edit", Operation: "Update", Live: "true"},
		},
		{
			name: "secret", reason: "data of a Secret that Git writes as stringData",
			in: "apiVersion: v1\nkind: Secret\nmetadata: {name: login}\nstringData: {password: correct-horse}\n",
			act: func(s *scenario, namespace string) {
				s.patch("Secret/"+namespace+"/login", "kubectl-edit", "data: {password: YmF0dGVyeS1zdGFwbGU=}")
			},
			healed: func(s *scenario, namespace string) error {
				return s.equals("Secret/"+namespace+"/login", "data.password", "Y29ycmVjdC1ob3JzZQ==")
			},
			want: drift{Object: "Secret/%s/login", Field: "data.password", Kind: "changed", Manager: "kubectl-edit", Operation: "Update"},
		},
		{
			name: "stripped", reason: "managedFields emptied, and a value changed with it", in: configMap("settings", "colour", "blue"),
			act: func(s *scenario, namespace string) {
				s.patch("ConfigMap/"+namespace+"/settings", "backup-tool", "{metadata: {managedFields: [{}]}, data: {colour: red}}")
			},
			healed: func(s *scenario, namespace string) error {
				o := s.live("ConfigMap/" + namespace + "/settings")
				if colour := field(o, "data.colour"); colour != "blue" || len(managers(o, "plumb:")) != 1 {
					return fmt.Errorf("the colour is %v, the managers are %v", colour, managers(o, ""))
				}
				return nil
			},
			want: drift{Object: "ConfigMap/%s/settings", Field: "data.colour", Kind: "changed", Git: "blue", Live: "red"},
		},
	}

	s := newScenario(t, shared(t), "drift")
	fleet := files{}
	for _, row := range rows {
		fleet["apps/drift-"+row.name+"/a.yaml"] = row.in
	}
	first := s.commit("apps that people will change", fleet)
	for _, row := range rows {
		s.run(row.name, func(s *scenario) {
			app := "drift-" + row.name
			s.ok(app, first)
			row.act(s, app)
			row.want.Object = fmt.Sprintf(row.want.Object, app)
			status := s.until(app, func(a appStatus) error {
				for _, d := range a.Drift {
					healed := d.Healed
					d.Healed = nil
					if row.want.matches(d) && healed != nil && a.State == "ok" {
						return nil
					}
				}
				return fmt.Errorf("%s: the evidence is %+v, want %+v, and the app ok", row.reason, a.Drift, row.want)
			})
			if err := row.healed(s, app); err != nil {
				s.Errorf("%s: the evidence is there, and the object is not healed: %v", row.reason, err)
			}
			if shown := fmt.Sprintf("%+v", status); strings.Contains(shown, "horse") || strings.Contains(shown, "staple") || strings.Contains(shown, "YmF0") {
				s.Errorf("%s: the status tells a secret: %s", row.reason, shown)
			}
		})
	}
}

// matches tells whether a line of evidence says what is wanted. Values are compared where some are wanted.
func (want drift) matches(d drift) bool {
	if want.Git == "" {
		d.Git = ""
	}
	if want.Live == "" {
		d.Live = ""
	}
	return d == want
}

// equals compares a field of an object.
func (s *scenario) equals(id, path string, want any) error {
	s.Helper()
	if got := field(s.live(id), path); fmt.Sprint(got) != fmt.Sprint(want) {
		return fmt.Errorf("%s of %s is %v, want %v", path, id, got, want)
	}
	return nil
}

// scale sets replicas through the scale subresource, as kubectl scale and autoscalers do.
func (s *scenario) scale(id, manager string, replicas int) {
	s.Helper()
	s.patch(id, manager, fmt.Sprintf("spec: {replicas: %d}", replicas), "scale")
}

// run is a subtest in the same Repo, beside the others.
func (s *scenario) run(name string, test func(*scenario)) {
	s.T.Run(name, func(t *testing.T) {
		t.Parallel()
		sub := *s
		sub.T = t
		t.Cleanup(sub.explain)
		test(&sub)
	})
}

// What others do beside what Git says is theirs: the agent sees it and sends nothing.
func TestWhatIsNotDrift(t *testing.T) {
	t.Parallel()
	const web = "Deployment/calm/web"
	s := newScenario(t, shared(t), "calm")
	s.ok("calm", s.commit("an app that is left alone", files{"apps/calm/a.yaml": documentsOf(
		deployment("web", 1, "registry.example/web:1"), deployment("sentinel", 1, "registry.example/web:1"), service("web", 80), configMap("settings", "a", "1"))}))
	before := s.now(t)

	s.patch(web, "kubectl-label", "metadata: {labels: {team: pay}}")
	s.patch(web, "kubectl-annotate", "metadata: {annotations: {note: \"watch this\"}}")
	s.edit(web, "kubectl-rollout", "spec: {template: {metadata: {annotations: {kubectl.kubernetes.io/restartedAt: \"2026-11-22T14:02:07Z\"}}}}")
	s.patch(web, "some-controller", "status: {conditions: [{type: Watched, status: \"True\"}]}", "status")
	s.edit(web, "vpa-recommender", "spec: {template: {spec: {containers: [{name: web, resources: {requests: {cpu: 100m}}}]}}}")
	s.patch("ConfigMap/calm/settings", "kubectl-label", "metadata: {labels: {team: pay}}")
	s.patch("Service/calm/web", "cloud-controller", "metadata: {annotations: {address: 10.0.0.1}}")

	// The watch of a kind tells of changes in their order: when this one is healed, those were seen.
	s.scale("Deployment/calm/sentinel", "kubectl", 2)
	s.has("Deployment/calm/sentinel", "spec.replicas", 1)
	s.until("calm", func(a appStatus) error {
		if a.State != "ok" || len(a.Drift) == 0 {
			return errNotYet("%s", a)
		}
		for _, d := range a.Drift {
			if d.Object != "Deployment/calm/sentinel" {
				t.Errorf("this is no drift: %+v", d)
			}
		}
		return nil
	})
	for _, r := range s.requests(t, before, func(r request) bool { return r.writes() && r.in("calm") && r.Object.Name != "sentinel" }) {
		t.Errorf("the agent wrote: %s", r)
	}
	o := s.live(web)
	if restarted := o.Object["spec"].(map[string]any)["template"].(map[string]any)["metadata"].(map[string]any)["annotations"]; restarted == nil {
		t.Error("the restart was taken back")
	}
	if o.GetLabels()["team"] != "pay" || o.GetAnnotations()["note"] == "" {
		t.Error("labels or annotations of others were taken off")
	}
}

// Fields that an ignore rule gives to an autoscaler are its own from its first write on, and never fall back.
func TestAutoscaler(t *testing.T) {
	t.Parallel()
	const web = "Deployment/scaler/web"
	s := newScenario(t, shared(t), "scaler")
	s.ok("scaler", s.commit("scaled by others", files{
		"apps/scaler/plumb.yaml": "ignore:\n  - {kind: Deployment, name: web, field: spec.replicas, why: \"an autoscaler owns it\"}\n",
		"apps/scaler/a.yaml":     documentsOf(deployment("web", 2, "registry.example/web:1"), deployment("sentinel", 1, "registry.example/web:1")),
	}))
	s.has(web, "spec.replicas", 2) // it begins with what Git says

	s.scale(web, "horizontal-pod-autoscaler", 4)
	s.settled("scaler")
	if err := s.equals(web, "spec.replicas", 4); err != nil {
		t.Error(err)
	}
	before := s.now(t)
	s.scale(web, "horizontal-pod-autoscaler", 5)
	s.settled("scaler")
	if wrote := s.writesTo(t, before, "deployments", "scaler", "web"); len(wrote) > 0 {
		t.Errorf("the agent wrote what is the autoscaler's: %v", wrote)
	}
	s.ok("scaler", s.commit("a new image", files{
		"apps/scaler/a.yaml": documentsOf(deployment("web", 2, "registry.example/web:2"), deployment("sentinel", 1, "registry.example/web:1"))}))
	s.has(web, "spec.template.spec.containers.0.image", "registry.example/web:2")
	if err := s.equals(web, "spec.replicas", 5); err != nil {
		t.Error(err)
	}
}

// settled changes the Deployment sentinel of an app and waits until that is healed and the app ok: all that happened before
// to Deployments was seen.
func (s *scenario) settled(app string) {
	s.Helper()
	id := "Deployment/" + app + "/sentinel"
	o := s.edit(id, "kubectl-edit", "spec: {template: {spec: {containers: [{name: sentinel, image: registry.example/other:1}]}}}")
	s.has(id, "spec.template.spec.containers.0.image", "registry.example/web:1")
	seen := field(o, "metadata.generation").(int64)
	err := eventually(limit, func() error { // of two objects: the last news of the one may come before that of the other
		a := statusOf(s.live("App/" + system + "/" + app))
		if observed, _ := field(s.live(id), "status.observedGeneration").(int64); a.State != "ok" || observed <= seen {
			return errNotYet("%s; %d of more than %d is observed", a, observed, seen)
		}
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
}

// A field that admission rewrites on the way in is mutated by admission: the app is ok, and the agent does not try again.
func TestMutatedByAdmission(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "mutate")
	s.make(`
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: mutate-images}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: mutate}}
    resourceRules:
      - {apiGroups: [apps], apiVersions: [v1], resources: [deployments], operations: [CREATE, UPDATE]}
  reinvocationPolicy: Never
  failurePolicy: Fail
  mutations:
    - patchType: JSONPatch
      jsonPatch:
        expression: >-
          [JSONPatch{op: "replace", path: "/spec/template/spec/containers/0/image",
            value: object.spec.template.spec.containers[0].image.replace("registry.example", "mirror.example")}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: mutate-images}
spec: {policyName: mutate-images}
`)
	s.make("apiVersion: v1\nkind: Namespace\nmetadata: {name: mutate}\n")
	s.awaitMutation("mutate")
	both := func(version string) string {
		return documentsOf(deployment("web", 1, "registry.example/web:"+version), deployment("sentinel", 1, "mirror.example/web:1"))
	}
	s.ok("mutate", s.commit("an image", files{"apps/mutate/a.yaml": both("1")}))
	s.has("Deployment/mutate/web", "spec.template.spec.containers.0.image", "mirror.example/web:1")

	before := s.now(t)
	s.scale("Deployment/mutate/sentinel", "kubectl", 2)
	s.has("Deployment/mutate/sentinel", "spec.replicas", 1)
	s.is("mutate", "ok", "Healthy")
	if wrote := s.writesTo(t, before, "deployments", "mutate", "web"); len(wrote) > 0 {
		t.Errorf("the agent fights with admission: %v", wrote)
	}

	s.ok("mutate", s.commit("another", files{"apps/mutate/a.yaml": both("2")}))
	s.has("Deployment/mutate/web", "spec.template.spec.containers.0.image", "mirror.example/web:2")
	s.scale("Deployment/mutate/web", "kubectl", 3) // and it is still looked after
	s.has("Deployment/mutate/web", "spec.replicas", 1)
}

// awaitMutation waits until the policy of TestMutatedByAdmission is in force.
func (s *scenario) awaitMutation(namespace string) {
	s.Helper()
	err := eventually(limit, func() error {
		client := s.admin.Resource(kinds["Deployment"]).Namespace(namespace)
		o := documents(deployment("probe", 0, "registry.example/web:1"))[0]
		made, err := client.Create(s.Context(), o, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err != nil {
			return err
		}
		if image := field(made, "spec.template.spec.containers.0.image"); image != "mirror.example/web:1" {
			return fmt.Errorf("the policy is not in force: %v", image)
		}
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
}

// Somebody who rewrites a field again and again is recognised: the agent names the fight and draws back.
func TestFight(t *testing.T) {
	t.Parallel()
	const settings = "ConfigMap/fight/settings"
	s := newScenario(t, shared(t), "fight")
	s.ok("fight", s.commit("settings", files{"apps/fight/a.yaml": configMap("settings", "colour", "blue")}))
	fought := func(o *unstructured.Unstructured) bool { return field(o, "status.state") == "drifted" }
	for round := 0; !fought(s.live("App/plumb-system/fight")); round++ {
		if round > 10 {
			t.Fatal("ten times, and the agent goes on")
		}
		s.patch(settings, "other-tool", fmt.Sprintf("data: {colour: red-%d}", round))
		client, name := s.at(settings)
		err := eventually(limit, func() error {
			o, err := client.Get(t.Context(), name, metav1.GetOptions{})
			if err != nil || field(o, "data.colour") == "blue" || fought(s.live("App/plumb-system/fight")) {
				return err
			}
			return errors.New("it is not healed, and no fight is seen")
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	status := s.is("fight", "drifted", "Fight")
	s.says(status.Summary, "other-tool", settings)
	before := s.now(t)
	s.patch(settings, "other-tool", "data: {colour: green}")
	s.ok("fight-b", s.commit("another app", files{"apps/fight-b/a.yaml": configMap("settings", "a", "1")}))
	s.noWrites(t, before, "fight")
}
