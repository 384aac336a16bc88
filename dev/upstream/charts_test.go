package upstream

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"plumb.dev/plumb/dev/charthost"
)

// charts of this test, as their authors have them.
var authored = map[string]string{
	"redis/Chart.yaml":  "apiVersion: v2\nname: redis\nversion: 1.4.2\nappVersion: \"7\"\n",
	"redis/values.yaml": "size: 1\nglobal: {region: none}\n",
	"redis/.helmignore": "templates/ignored.yaml\n",
	"redis/templates/a.yaml": `apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}-{{ .Chart.Name }}", labels: {chart: "{{ .Chart.Name }}-{{ .Chart.Version }}"}}
data: {size: "{{ .Values.size }}", region: "{{ .Values.global.region }}", upgrade: "{{ .Release.IsUpgrade }}", kube: "{{ .Capabilities.KubeVersion.Version }}"}
`,
	"redis/templates/branches.yaml": `{{- if .Release.IsUpgrade }}
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}-{{ .Chart.Name }}-upgraded"}
data: {install: "{{ .Release.IsInstall }}", revision: "{{ .Release.Revision }}"}
---
{{- end }}
{{- if has "example.com/v2" .Capabilities.APIVersions }}
apiVersion: example.com/v2
kind: Widget
metadata: {name: "{{ .Release.Name }}-{{ .Chart.Name }}"}
spec: {has: "{{ .Capabilities.APIVersions.Has "example.com/v2/Widget" }}", monitored: "{{ .Capabilities.APIVersions.Has "monitoring.coreos.com/v1/ServiceMonitor" }}"}
---
{{- end }}
{{- if semverCompare ">=1.31-0" .Capabilities.KubeVersion.Version }}
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}-{{ .Chart.Name }}-newer"}
data: {minor: "{{ .Capabilities.KubeVersion.Major }}.{{ .Capabilities.KubeVersion.Minor }}", apps: "{{ .Capabilities.APIVersions.Has "apps/v1" }}", kind: "{{ .Capabilities.APIVersions.Has "apps/v1/Deployment" }}"}
{{- end }}
`,
	"redis/templates/ignored.yaml": "{{ fail \"it is ignored\" }}\n",
	"app/crds/c.yaml": `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: as.example.com}
spec: {group: example.com, scope: Namespaced, names: {kind: A, plural: as}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]}
`,
	"common/Chart.yaml":             "apiVersion: v2\nname: common\nversion: 0.3.0\ntype: library\n",
	"common/templates/_helpers.tpl": "{{- define \"common.labels\" }}from: common\n{{- end }}\n",
	"app/Chart.yaml": `apiVersion: v2
name: app
version: 1.0.0
dependencies:
- name: redis
  version: ~1.4
  repository: $REPO
  condition: redis.enabled
  import-values:
  - {child: global, parent: imported}
- name: redis
  version: 1.4.x
  repository: $REPO
  alias: cache
  tags: [caching]
- name: redis
  version: ">=1.0 <1.5"
  repository: $REPO
  alias: spare
  condition: spare.enabled
- name: common
  version: ">=0.2"
  repository: file://../common
`,
	"app/values.yaml": "redis: {size: 2}\ncache: {size: 3}\nspare: {enabled: false}\nglobal: {region: eu}\n",
	"app/templates/a.yaml": `apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
  labels: {{- include "common.labels" . | nindent 4 }}
data: {imported: "{{ (.Values.imported | default dict).region }}"}
`,
}

// writeAuthored writes the charts into a folder, with the address of the repository.
func writeAuthored(t *testing.T, dir, repo string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(authored)) {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(authored[name], "$REPO", repo)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func must(t *testing.T, program, dir string, arguments ...string) []byte {
	t.Helper()
	out, err := run(program, dir, arguments...)
	if err != nil {
		t.Fatalf("%s %v: %v", filepath.Base(program), arguments, err)
	}
	return out
}

// A chart whose dependencies are not committed gives what upstream gives after `helm dependency build`; a chart of a repository or of
// a registry, what upstream gives of it. The repository is one that upstream packed and indexed; so is Chart.lock.
func TestUpstreamChartsFromElsewhere(t *testing.T) {
	program, upstream := product(t), tool(t, "helm")
	work := t.TempDir()
	served := httptest.NewServer(http.FileServer(http.Dir(filepath.Join(work, "served"))))
	t.Cleanup(served.Close)
	registry := charthost.Start(t).Registry
	writeAuthored(t, filepath.Join(work, "charts"), served.URL)
	must(t, upstream, work, "package", "charts/redis", "--destination", "served")
	must(t, upstream, work, "package", "charts/redis", "--destination", "served", "--version", "1.5.0")
	must(t, upstream, work, "repo", "index", "served")
	must(t, upstream, work, "push", "served/redis-1.4.2.tgz", registry+"/charts", "--plain-http")

	built := filepath.Join(work, "built")
	writeAuthored(t, built, served.URL)
	must(t, upstream, built, "dependency", "update", "app")
	lock, err := os.ReadFile(filepath.Join(built, "app", "Chart.lock"))
	if err != nil {
		t.Fatal(err)
	}
	bare := filepath.Join(work, "bare")
	writeAuthored(t, bare, served.URL)
	told := answers["install"]
	template := func(dir string, arguments ...string) map[string]any {
		return objectsOf(t, must(t, upstream, dir, slices.Concat([]string{"template", "r", "--include-crds", "--namespace", "default"}, arguments, told)...))
	}
	ours := func(dir string, arguments ...string) map[string]any {
		return objectsOf(t, must(t, program, bare, slices.Concat([]string{"render", dir, "-o", "json", "--release", "r", "--namespace", "default"}, arguments, told)...))
	}
	for _, set := range []string{"a=b", "redis.enabled=false", "tags.caching=false", "spare.enabled=true,spare.size=9"} {
		compare(t, template(built, "app", "--set", set), ours("./app", "--set", set), nil)
	}
	installed := template(built, "app")
	for _, name := range slices.Sorted(maps.Keys(answers)) {
		told = answers[name]
		wanted := template(built, "app")
		if name != "install" && len(differences(installed, wanted, "")) == 0 {
			t.Errorf("%s: the chart does not branch", name)
		}
		compare(t, wanted, ours("./app"), nil)
	}
	told = answers["install"]
	if err := os.WriteFile(filepath.Join(bare, "app", "Chart.lock"), lock, 0o644); err != nil {
		t.Fatal(err)
	}
	must(t, upstream, work, "package", "charts/redis", "--destination", "served", "--version", "1.6.0")
	must(t, upstream, work, "repo", "index", "served") // newer than the lock: not taken
	compare(t, template(built, "app"), ours("./app"), nil)

	for repo, arguments := range map[string][]string{
		served.URL:           {"redis", "--repo", served.URL, "--version", "~1.5"},
		registry + "/charts": {registry + "/charts/redis", "--version", "1.x", "--plain-http"},
	} {
		version := arguments[slices.Index(arguments, "--version")+1]
		settings := "helm: {chart: {repo: \"" + repo + "\", name: redis, version: \"" + version + "\"}}\n"
		if err := os.MkdirAll(filepath.Join(bare, "elsewhere"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(bare, "elsewhere", "plumb.yaml"), []byte(settings), 0o644); err != nil {
			t.Fatal(err)
		}
		compare(t, template(work, arguments...), ours("./elsewhere"), nil)
	}
}
