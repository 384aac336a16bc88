// Package upstream holds the proof that Plumb renders as the upstream programs do: every Kustomize directory and every chart
// of the corpus gives the same objects as the kustomize and helm binaries, built from their modules as tools of this one.
//
// Objects are compared as canonical JSON, by identity, whatever their order. Values that a chart draws at random are compared
// by shape, and only where the table of charts says so. What upstream cannot render is listed by name with the reason, and
// the list is checked in both directions: nothing is skipped silently, and nothing stays on it that works.
//
// Start at TestUpstreamKustomize and TestUpstreamHelm.
package upstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/yaml"
)

// kubeVersion is what plumb answers to a chart where there is no cluster, and what upstream is told.
const kubeVersion = "1.37.2"

// Counts of the corpus: another number means that a directory came or went unseen.
const (
	kustomizations = 52 // that upstream builds, with those that Plumb refuses
	charts         = 12
)

// notByUpstream are the directories that the upstream program does not build from the corpus alone.
var notByUpstream = map[string]string{
	"argo-cd/manifests/cluster-install":   "its base namespace-install is not in the corpus",
	"argocd-example-apps/helm-dependency": "its dependency is fetched from the network",
}

// refused are the directories that Plumb refuses though upstream builds them, with the reason that it gives.
var refused = map[string]string{
	// The same kinds and names in v1alpha1 and v1beta1: one object of the cluster, written twice with different content.
	"sveltos/config/samples": "is written twice",
}

// settings are what a chart demands before it renders, for both sides.
type settings struct {
	release, namespace string
	set                []string
	random             []string // fields that upstream draws anew in each run: they are compared by shape
}

var chartSettings = map[string]settings{
	"rancher-fleet/charts/fleet-agent": {release: "fleet-agent", namespace: "cattle-fleet-system", set: []string{"apiServerURL=https://example.com", "tokenName=t"}},
	"kargo/charts/kargo": {set: []string{
		"api.adminAccount.passwordHash=$2a$10$abcdefghijklmnopqrstuv", "api.adminAccount.tokenSigningKey=key",
		"controller.metrics.enabled=true", "controller.metrics.serviceMonitor.enabled=true",
	}},
	"headlamp/charts/headlamp": {set: []string{
		"podDisruptionBudget.enabled=true", "podDisruptionBudget.minAvailable=1", "podDisruptionBudget.unhealthyPodEvictionPolicy=AlwaysAllow",
	}},
}

// answers are what both sides are told of a cluster and of the release, in the words of both.
var answers = map[string][]string{
	"install":       {"--kube-version", kubeVersion},
	"upgrade":       {"--kube-version", kubeVersion, "--is-upgrade"},
	"older":         {"--kube-version", "1.26.3"},
	"other kinds":   {"--kube-version", kubeVersion, "--api-versions", "monitoring.coreos.com/v1", "--api-versions", "monitoring.coreos.com/v1/ServiceMonitor,example.com/v2"},
	"all different": {"--kube-version", "v1.30.0-rc.1", "--is-upgrade", "--api-versions", "monitoring.coreos.com/v1"},
}

// branching are the charts of the corpus that render otherwise for another answer than that of an install, and the answers. It keeps
// the comparison from being one of renders that are all the same.
var branching = map[string][]string{
	"headlamp/charts/headlamp": {"older"},
	"kargo/charts/kargo":       {"all different", "other kinds"},
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func TestUpstreamKustomize(t *testing.T) {
	root := corpus(t)
	program := product(t)
	upstream := tool(t, "kustomize")
	same := 0
	for _, dir := range foldersWith(t, root, "kustomization.yaml", "kustomization.yml", "Kustomization") {
		t.Run(dir, func(t *testing.T) {
			wanted, err := run(upstream, root, "build", filepath.Join(root, dir))
			if reason, listed := notByUpstream[dir]; listed {
				if err == nil {
					t.Fatalf("upstream builds it, but it is listed as not built: %s", reason)
				}
				t.Skipf("upstream does not build it: %s", reason)
			}
			if err != nil {
				t.Fatalf("upstream does not build it and it is not listed: %v", err)
			}
			if words, listed := refused[dir]; listed {
				if _, err := plumb(program, root, dir); err == nil || !strings.Contains(err.Error(), words) {
					t.Fatalf("plumb should refuse it because it %s, but: %v", words, err)
				}
				t.Skipf("plumb refuses it: an object %s", words)
			}
			compare(t, objectsOf(t, wanted), rendered(t, program, root, dir), nil)
			if !t.Failed() {
				same++
			}
		})
	}
	if same != kustomizations-len(refused) {
		t.Errorf("%d Kustomize directories are the same, want %d and %d refused", same, kustomizations-len(refused), len(refused))
	}
	t.Logf("%d Kustomize directories render to the same objects, %d are refused", same, len(refused))
}

func TestUpstreamHelm(t *testing.T) {
	root := corpus(t)
	program := product(t)
	upstream := tool(t, "helm")
	same := 0
	branched := map[string][]string{}
	for _, dir := range foldersWith(t, root, "Chart.yaml") {
		t.Run(dir, func(t *testing.T) {
			c := chartSettings[dir]
			arguments := []string{"--namespace", orElse(c.namespace, "default")}
			for _, line := range c.set {
				arguments = append(arguments, "--set", line)
			}
			template := func(answers []string) ([]byte, error) {
				return run(upstream, root, slices.Concat([]string{"template", orElse(c.release, "test"), filepath.Join(root, dir), "--include-crds"}, arguments, answers)...)
			}
			installed, err := template(answers["install"])
			if reason, listed := notByUpstream[dir]; listed {
				if err == nil {
					t.Fatalf("upstream builds it, but it is listed as not built: %s", reason)
				}
				t.Skipf("upstream does not build it: %s", reason)
			}
			if err != nil {
				t.Fatalf("upstream does not build it and it is not listed: %v", err)
			}
			for _, name := range slices.Sorted(maps.Keys(answers)) {
				wanted, err := template(answers[name])
				if err != nil {
					t.Fatalf("%s: upstream does not build it: %v", name, err)
				}
				if len(differences(objectsOf(t, installed), objectsOf(t, wanted), "")) > 0 {
					branched[dir] = append(branched[dir], name)
				}
				got := rendered(t, program, root, dir, slices.Concat([]string{"--release", orElse(c.release, "test")}, arguments, answers[name])...)
				compare(t, objectsOf(t, wanted), got, c.random)
			}
			if !t.Failed() {
				same++
			}
		})
	}
	if same != charts {
		t.Errorf("%d charts are the same, want %d", same, charts)
	}
	if !maps.EqualFunc(branched, branching, slices.Equal) {
		t.Errorf("other answers make a difference to upstream for %v, want %v", branched, branching)
	}
	t.Logf("%d charts render to the same objects, each with %d answers", same, len(answers))
}

// The chart of an installation gives the objects of `plumb install`: the upstream program says so, and Plumb's own renders.
func TestUpstreamChartOfPlumb(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	chart, program := filepath.Join(root, "deploy", "chart"), product(t)
	installed, err := run(program, root, "install", "-o", "yaml")
	if err != nil {
		t.Fatal(err)
	}
	sameInstallation(t, root, objectsOf(t, installed))
	narrow, err := run(program, root, "install", "-o", "yaml", "--without-secrets", "--watch-groups", "example.com,apps")
	if err != nil {
		t.Fatal(err)
	}
	sameInstallation(t, root, objectsOf(t, narrow), "--set", "secrets.watch=false", "--set", "secrets.groups={example.com,apps}")

	if _, err := run(tool(t, "helm"), root, "template", "plumb", chart, "--namespace", "default"); err == nil || !strings.Contains(err.Error(), "plumb-system") {
		t.Errorf("in another namespace: %v", err)
	}
	kustomized, err := run(tool(t, "kustomize"), root, "build", filepath.Join(root, "deploy", "manifests"))
	if err != nil {
		t.Fatal(err)
	}
	compare(t, objectsOf(t, installed), objectsOf(t, kustomized), nil)
}

// sameInstallation compares the chart with these values, by helm and by plumb render, with what an installation writes.
func sameInstallation(t *testing.T, root string, installed map[string]any, values ...string) {
	t.Helper()
	want := maps.Clone(installed)
	maps.DeleteFunc(want, func(id string, _ any) bool { return strings.Contains(id, "Namespace") }) // Helm makes it
	chart := filepath.Join(root, "deploy", "chart")
	upstream, err := run(tool(t, "helm"), root, append([]string{"template", "plumb", chart, "--namespace", "plumb-system", "--kube-version", kubeVersion}, values...)...)
	if err != nil {
		t.Fatal(err)
	}
	own, err := run(product(t), root, append([]string{"render", chart, "-n", "plumb-system", "--release", "plumb", "-o", "json"}, values...)...)
	if err != nil {
		t.Fatal(err)
	}
	for who, text := range map[string][]byte{"helm": upstream, "plumb render": own} {
		got := objectsOf(t, text)
		if len(got) < 20 {
			t.Fatalf("%s gives %d objects", who, len(got))
		}
		for _, fields := range got { // the chart keeps its definitions when it is uninstalled
			metadata := fields.(map[string]any)["metadata"].(map[string]any)
			if annotations, ok := metadata["annotations"].(map[string]any); ok {
				delete(annotations, "helm.sh/resource-policy")
			}
		}
		compare(t, want, got, nil)
	}
}

// corpus gives the folder of other people's repositories, beside the checkout.
func corpus(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../../../shared/corpus")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(root); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("the corpus is missing: %v", err)
		}
		t.Skipf("skipped: the corpus of real repositories does not lie beside the checkout, at %s", root)
	}
	return root
}

// product gives the path of plumb: $PLUMB, or one that is built here.
func product(t *testing.T) string {
	t.Helper()
	if built := os.Getenv("PLUMB"); built != "" {
		return built
	}
	program := filepath.Join(t.TempDir(), "plumb")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", program, "./cmd/plumb")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// tool gives the path of an upstream program, built as a tool of this module.
func tool(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "tool", "-n", name).Output()
	if err != nil {
		t.Fatalf("go tool -n %s: %v", name, describe(err))
	}
	return strings.TrimSpace(string(out))
}

// foldersWith gives the folders of the corpus that hold one of the files, relative to it.
func foldersWith(t *testing.T, root string, names ...string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && slices.Contains(names, d.Name()) {
			dir, _ := filepath.Rel(root, filepath.Dir(path))
			found = append(found, filepath.ToSlash(dir))
		}
		return err
	})
	if err != nil || len(found) == 0 {
		t.Fatalf("the corpus cannot be read: %v", err)
	}
	return slices.Compact(found)
}

// run runs a program without network and without the user's own settings.
func run(program, dir string, arguments ...string) ([]byte, error) {
	cmd := exec.Command(program, arguments...)
	cmd.Dir = dir
	home, err := os.MkdirTemp("", "upstream")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(home)
	cmd.Env = []string{"HOME=" + home, "TZ=UTC", "HTTPS_PROXY=http://127.0.0.1:9", "HTTP_PROXY=http://127.0.0.1:9", "PATH="}
	out, err := cmd.Output()
	return out, describe(err)
}

func describe(err error) error {
	if exit, ok := err.(*exec.ExitError); ok {
		return fmt.Errorf("%v: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	return err
}

// plumb renders a directory of the corpus; the folder of its origin is where it is called, and so the repository.
func plumb(program, root, dir string, arguments ...string) ([]byte, error) {
	origin, below, _ := strings.Cut(dir, "/")
	return run(program, filepath.Join(root, origin), append([]string{"render", "./" + below, "-o", "json"}, arguments...)...)
}

// rendered gives the product's objects of a directory.
func rendered(t *testing.T, program, root, dir string, arguments ...string) map[string]any {
	t.Helper()
	out, err := plumb(program, root, dir, arguments...)
	if err != nil {
		t.Fatalf("plumb does not render it: %v", err)
	}
	return objectsOf(t, out)
}

// objectsOf gives upstream's objects: YAML documents, lists of objects flattened.
func objectsOf(t *testing.T, text []byte) map[string]any {
	t.Helper()
	objects := map[string]any{}
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		var fields map[string]any
		if err := decoder.Decode(&fields); err != nil {
			if errors.Is(err, io.EOF) {
				return objects
			}
			t.Fatalf("upstream's output: %v", err)
		}
		if len(fields) > 0 {
			add(t, objects, fields)
		}
	}
}

func add(t *testing.T, objects map[string]any, fields map[string]any) {
	t.Helper()
	if items, ok := fields["items"].([]any); ok && strings.HasSuffix(fmt.Sprint(fields["kind"]), "List") {
		for _, item := range items {
			add(t, objects, item.(map[string]any))
		}
		return
	}
	metadata, _ := fields["metadata"].(map[string]any)
	group, _, found := strings.Cut(fmt.Sprint(fields["apiVersion"]), "/")
	if !found {
		group = ""
	}
	id := fmt.Sprintf("%s %v/%v/%v", group, fields["kind"], metadata["namespace"], metadata["name"])
	if _, twice := objects[id]; twice {
		t.Errorf("%s stands twice", id)
	}
	objects[id] = fields
}

// compare demands that two sets of objects are the same.
func compare(t *testing.T, want, got map[string]any, random []string) {
	t.Helper()
	for id := range want {
		if _, ok := got[id]; !ok {
			t.Errorf("plumb does not give %s", id)
		}
	}
	for id, fields := range got {
		if _, ok := want[id]; !ok {
			t.Errorf("only plumb gives %s", id)
			continue
		}
		for _, d := range differences(want[id], fields, "") {
			allowed := slices.ContainsFunc(random, func(place string) bool { return strings.HasSuffix(id, place) || id+": "+d.path == place })
			if !allowed || shape(d.want) != shape(d.got) {
				t.Errorf("%s: %s: upstream has %s, plumb has %s", id, d.path, clip(d.want), clip(d.got))
			}
		}
	}
}

type difference struct{ path, want, got string }

// differences walks two values.
func differences(want, got any, path string) []difference {
	switch want := want.(type) {
	case map[string]any:
		other, ok := got.(map[string]any)
		if !ok {
			break
		}
		var all []difference
		for key := range want {
			all = append(all, differences(want[key], other[key], path+"."+key)...)
		}
		for key := range other {
			if _, ok := want[key]; !ok {
				all = append(all, difference{path + "." + key, "nothing", canonical(other[key])})
			}
		}
		return all
	case []any:
		other, ok := got.([]any)
		if !ok || len(other) != len(want) {
			break
		}
		var all []difference
		for i := range want {
			all = append(all, differences(want[i], other[i], fmt.Sprintf("%s[%d]", path, i))...)
		}
		return all
	}
	if a, b := canonical(want), canonical(got); a != b {
		return []difference{{path, a, b}}
	}
	return nil
}

func canonical(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

var letters = regexp.MustCompile(`[A-Za-z0-9+/]`)

// shape gives a text with all letters and digits alike: two random values of one kind have the same.
func shape(text string) string { return letters.ReplaceAllString(text, "x") }

func clip(text string) string {
	if len(text) > 200 {
		return text[:200] + "…"
	}
	return text
}
