package corpus

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"plumb.dev/plumb/dev/charthost"
)

// served is the repository of the test: the corpus, with what only the network has replaced by what is here.
type served struct {
	dir      string
	charts   charthost.Host
	releases map[string][]string // of the Flux example, by folder
}

// fluxFolders are those of the Flux example that hold HelmReleases.
var fluxFolders = []string{"apps/staging", "apps/production", "infrastructure/controllers"}

// repository makes the repository and starts the host of its charts.
func repository(t *testing.T, root string) served {
	t.Helper()
	s := served{dir: filepath.Join(t.TempDir(), "repo"), charts: charthost.Start(t), releases: map[string][]string{}}
	for from, to := range map[string]string{root: ".", "local/definitions": "local/definitions", "local/namespace-install": "argo-cd/manifests/namespace-install"} {
		if err := os.CopyFS(filepath.Join(s.dir, to), os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	s.publish(t, root)
	s.readdress(t, "argocd-example-apps/helm-dependency/Chart.yaml", "https://charts.helm.sh/stable")
	for _, folder := range fluxFolders {
		s.translate(t, folder)
	}
	for _, args := range [][]string{
		{"init", "-q", "-b", "main"}, {"add", "--all", "--force"},
		{"-c", "user.name=corpus", "-c", "user.email=corpus@example.com", "commit", "-q", "-m", "the corpus"},
	} {
		cmd := exec.Command("git", args...)
		cmd.Dir = s.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	return s
}

// publish publishes the charts that the corpus names and does not hold, and those that it names elsewhere and does hold.
func (s served) publish(t *testing.T, root string) {
	t.Helper()
	s.charts.Publish(t, "wordpress", "9.0.3", os.DirFS("local/charts/wordpress"))
	s.charts.Publish(t, "gateway-helm", "1.8.0", os.DirFS("local/charts/gateway-helm"))
	s.charts.Publish(t, "podinfo", "6.14.1", os.DirFS(filepath.Join(root, "podinfo/charts/podinfo")))
	manager := read(t, filepath.Join(root, "cert-manager/deploy/charts/cert-manager"))
	// A release of it has a version. Nobody answers for its admission webhooks here, which would refuse the Flux example's issuer.
	manager["Chart.yaml"] = &fstest.MapFile{Data: bytes.ReplaceAll(manager["Chart.yaml"].Data, []byte("v0.0.0"), []byte("v1.21.0"))}
	delete(manager, "templates/webhook-validating-webhook.yaml")
	delete(manager, "templates/webhook-mutating-webhook.yaml")
	s.charts.Publish(t, "cert-manager", "v1.21.0", manager)
}

// read reads a folder.
func read(t *testing.T, dir string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		files[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// readdress replaces an address by that of the local repository.
func (s served) readdress(t *testing.T, file, address string) {
	t.Helper()
	file = filepath.Join(s.dir, file)
	data, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(data, []byte(address)) {
		t.Fatalf("%s does not name %s: %v", file, address, err)
	}
	if err := os.WriteFile(file, bytes.ReplaceAll(data, []byte(address), []byte(s.charts.Repository)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// translate writes what the HelmReleases of a folder of the Flux example mean as folders of Plumb: the chart, its versions, the name of
// the release and the values are Flux's, the address of the repository is the local one.
func (s served) translate(t *testing.T, folder string) {
	t.Helper()
	cmd := exec.Command(plumb(t), "render", "./"+folder, "-o", "json")
	cmd.Dir = filepath.Join(s.dir, "flux2-kustomize-helm-example")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("plumb render %s: %v", folder, err)
	}
	var list unstructured.UnstructuredList
	if err := json.Unmarshal(out, &list); err != nil {
		t.Fatal(err)
	}
	for _, o := range list.Items {
		if o.GetKind() != "HelmRelease" {
			continue
		}
		values, _, _ := unstructured.NestedMap(o.Object, "spec", "values")
		settings := map[string]any{"helm": map[string]any{"chart": s.chartOf(t, list.Items, o), "release": or(text(o, "spec", "releaseName"), o.GetName()), "inline": values}}
		data, err := yaml.Marshal(settings)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(s.dir, "local/flux", folder, o.GetName())
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "plumb.yaml"), data, 0o644); err != nil {
			t.Fatal(err)
		}
		s.releases[folder] = append(s.releases[folder], o.GetName())
	}
}

// chartOf gives the chart of a HelmRelease, which names it, or an OCIRepository that does.
func (s served) chartOf(t *testing.T, all []unstructured.Unstructured, release unstructured.Unstructured) map[string]any {
	t.Helper()
	if name := text(release, "spec", "chart", "spec", "chart"); name != "" {
		return map[string]any{"repo": s.charts.Repository, "name": name, "version": or(text(release, "spec", "chart", "spec", "version"), "*")}
	}
	for _, o := range all {
		if o.GetKind() == "OCIRepository" && o.GetName() == text(release, "spec", "chartRef", "name") && strings.HasPrefix(text(o, "spec", "url"), "oci://") {
			return map[string]any{"repo": s.charts.Registry + "/charts", "name": path.Base(text(o, "spec", "url")), "version": text(o, "spec", "ref", "semver")}
		}
	}
	t.Fatalf("HelmRelease %s names no chart", release.GetName())
	return nil
}

func text(o unstructured.Unstructured, fields ...string) string {
	value, _, _ := unstructured.NestedString(o.Object, fields...)
	return value
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}
