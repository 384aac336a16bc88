package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// helm runs Helm's own program, a tool of this module, as a person in plumb-system.
func (s *scenario) helm(fails bool, arguments ...string) string {
	s.Helper()
	program, err := exec.Command("go", "tool", "-n", "helm").Output()
	if err != nil {
		s.Fatalf("go tool -n helm: %v", err)
	}
	cmd := exec.CommandContext(s.Context(), strings.TrimSpace(string(program)), append(arguments, "--namespace", system, "--kubeconfig", s.agent.kubeconfig)...)
	home := s.TempDir()
	cmd.Env = []string{"HOME=" + home, "HELM_CACHE_HOME=" + home, "HELM_CONFIG_HOME=" + home, "HELM_DATA_HOME=" + home}
	out, err := cmd.CombinedOutput()
	if (err != nil) != fails {
		s.Fatalf("helm %s: %v: %s", strings.Join(arguments, " "), err, out)
	}
	return string(out)
}

// granted gives the rights of the agent, in order.
func (s *scenario) granted() []string {
	s.Helper()
	var all []string
	for _, g := range s.rightsOf(s.T) {
		all = append(all, fmt.Sprint(g))
	}
	slices.Sort(all)
	return all
}

// The chart and plumb install lead to the same rights; upgrading and taking out either leaves what runs. Of the two, whoever
// comes second is refused with what to do, and that works.
func TestHelmAndInstall(t *testing.T) {
	w, err := newWorld("helm")
	if err != nil {
		t.Fatal(err)
	}
	s := newScenario(t, w, "helmed")
	s.plumbs(0, "install")
	s.remove("Deployment/plumb-system/plumb-agent") // its pods are simulated; the agent is a process here
	first := s.commit("an app", files{"apps/helmed/a.yaml": documentsOf(deployment("web", 2, "registry.example/web:1"), configMap("settings", "a", "1"))})
	s.ok("helmed", first)
	web, settings := s.live("Deployment/helmed/web"), s.live("ConfigMap/helmed/settings")
	pods, rights, before := s.pods("helmed"), s.granted(), s.now(t)
	stays := func(when string) {
		t.Helper()
		for _, o := range []*unstructured.Unstructured{web, settings} {
			if live := s.get(t, idOf(o)); live == nil || live.GetUID() != o.GetUID() || live.GetDeletionTimestamp() != nil {
				t.Fatalf("%s: %s is not what it was", when, idOf(o))
			}
		}
		if now := s.pods("helmed"); !slices.Equal(now, pods) {
			t.Errorf("%s: the pods were %v, and are %v", when, pods, now)
		}
		s.live("App/" + system + "/helmed")
		s.noDeletes(t, before, "helmed")
	}
	sameRights := func(when string) {
		t.Helper()
		if now := s.granted(); !slices.Equal(now, rights) {
			t.Errorf("%s: the agent may %v, and might %v", when, now, rights)
		}
		s.says(s.plumbs(0, "doctor").stdout, "crds      5, of this version", "policies  2, of this version", "plumb-system/plumb-deployer may do everything")
	}
	chart, err := filepath.Abs("../../deploy/chart")
	if err != nil {
		t.Fatal(err)
	}

	// From plumb install to Helm: Helm refuses what is not its own, until it is told to take it.
	s.says(s.helm(true, "install", "plumb", chart), "invalid ownership metadata")
	stays("after Helm has refused")
	s.helm(false, "install", "plumb", chart, "--take-ownership", "--force-conflicts")
	stays("after Helm has taken it over")
	sameRights("by Helm")
	said := s.plumbs(3, "install")
	s.says(said.stdout+said.stderr, "Helm has installed Plumb in this cluster, as release plumb-system/plumb", "helm upgrade plumb")
	s.remove("Deployment/plumb-system/plumb-agent")
	s.helm(false, "upgrade", "plumb", chart, "--set", "replicas=2")
	s.has("Deployment/plumb-system/plumb-agent", "spec.replicas", 2)
	stays("after an upgrade by Helm")
	sameRights("after an upgrade by Helm")
	second := s.commit("goes on", files{"apps/helmed/a.yaml": documentsOf(deployment("web", 2, "registry.example/web:1"), configMap("settings", "a", "2"))})
	s.ok("helmed", second)

	// And back: what runs, and the definitions, stay when the release goes.
	s.kill()
	s.helm(false, "uninstall", "plumb", "--wait")
	s.gone("ClusterRole/plumb-agent")
	s.live("CustomResourceDefinition/apps.plumb.dev")
	stays("after Helm has taken it out")
	s.plumbs(0, "install")
	s.remove("Deployment/plumb-system/plumb-agent")
	sameRights("after plumb install")
	if err := s.writeAccount(); err != nil {
		t.Fatal(err)
	}
	s.restarted()
	s.ok("helmed", s.commit("by plumb install again", files{"apps/helmed/a.yaml": documentsOf(deployment("web", 2, "registry.example/web:1"), configMap("settings", "a", "3"))}))
	s.has("ConfigMap/helmed/settings", "data.a", "3")
	s.kill()
	s.plumbs(0, "uninstall")
	stays("at the end")

	// A fresh installation by Helm, beside the definitions that plumb uninstall left.
	s.helm(false, "install", "plumb", chart, "--set", "crds=false")
	sameRights("by Helm alone")
	s.helm(false, "uninstall", "plumb", "--wait")
	stays("after all")
}
