package render_test

import (
	"context"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/chart/charttest"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/render"
)

// archived is a tree of one archive, whose hash is known without reading it.
type archived struct {
	fstest.MapFS
	digest string
	reads  int
}

func (a *archived) Hash(string) (string, error) { return a.digest, nil }

func (a *archived) Open(name string) (fs.File, error) {
	a.reads++
	return a.MapFS.Open(name)
}

func archive(t *testing.T, name, version, digest string, files map[string]string) *archived {
	data := charttest.Archive(t, name, version, files)
	return &archived{MapFS: fstest.MapFS{name + ".tgz": {Data: data}}, digest: digest}
}

const colored = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {color: '{{ .Values.color }}', note: '{{ .Values.note }}'}\n"

func elsewhere(t *testing.T) (render.Request, *archived) {
	chart := archive(t, "podinfo", "6.0.0", "one", map[string]string{"templates/a.yaml": colored, "values.yaml": "color: blue\nnote: none\n"})
	req := render.Request{
		Sources: map[string]render.Source{"": {FS: tree(map[string]string{"app/values.yaml": "color: green\n", "app/note.txt": "a note"})}},
		Path:    "app", Render: render.Helm, Release: "r", Namespace: "ns", Values: []render.File{{Path: "app/values.yaml"}},
	}
	req.UseChart(chart, "podinfo.tgz")
	return req, chart
}

func colorOf(t *testing.T, m render.Manifest) string {
	t.Helper()
	if len(m.Objects) != 1 {
		t.Fatalf("%d objects", len(m.Objects))
	}
	data, _ := m.Objects[0].Fields["data"].(map[string]any)
	return data["color"].(string) + "/" + data["note"].(string)
}

// A chart from elsewhere is one recorded read: nothing is rendered, or even read, while its digest is the same.
func TestChartFromElsewhere(t *testing.T) {
	r := newRenderer(t, render.Options{})
	req, chart := elsewhere(t)
	m, err := r.Render(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	if got := colorOf(t, m); got != "green/none" {
		t.Errorf("values: %s", got)
	}
	if m.Chart == nil || m.Chart.Version != "6.0.0" || m.Objects[0].Place.File != "podinfo.tgz/templates/a.yaml" {
		t.Errorf("chart %v, place %s", m.Chart, m.Objects[0].Place)
	}
	rec := render.Record(req, m)
	chart.reads = 0
	if !rec.Unchanged(req) || chart.reads > 0 {
		t.Errorf("the same chart is a change, or was read %d times", chart.reads)
	}
	chart.digest = "two"
	if rec.Unchanged(req) {
		t.Error("another archive is no change")
	}
}

func TestDependenciesFromElsewhere(t *testing.T) {
	r := newRenderer(t, render.Options{})
	chartYAML := `apiVersion: v2
name: app
version: 1.0.0
dependencies:
- {name: redis, version: 1.x, repository: "https://charts.example.com", condition: redis.enabled}
- {name: redis, version: 1.x, repository: "https://charts.example.com", alias: second}
- {name: common, version: "*", repository: "file://../libs/common"}
`
	named := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Chart.Name }}'}\n"
	req := render.Request{Sources: map[string]render.Source{"": {FS: tree(map[string]string{
		"app/Chart.yaml": chartYAML, "app/values.yaml": "redis: {enabled: false}\n",
		"libs/common/Chart.yaml": "apiVersion: v2\nname: common\nversion: 0.1.0\n", "libs/common/templates/a.yaml": named,
		"libs/common/.helmignore": "secret.yaml\n", "libs/common/templates/secret.yaml": named + "x: {{ fail \"ignored\" }}\n",
	})}}, Path: "app", Render: render.Helm, Release: "r"}
	if _, err := r.Render(context.Background(), req); fault.Of(err, "").Code != render.CodeDependency {
		t.Errorf("without its dependencies: %v", err)
	}
	redis := archive(t, "redis", "1.4.0", "one", map[string]string{"templates/a.yaml": named})
	req.AddArchive("redis-1.4.0", redis, "redis.tgz")
	req.AddArchive("redis-1.4.0", redis, "redis.tgz") // of the alias: it is the same chart
	req.AddFolder("common", "libs/common")
	m, err := r.Render(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range m.Objects {
		got = append(got, o.Name()+" "+o.Place.File)
	}
	if strings.Join(got, ", ") != "common libs/common/templates/a.yaml, second app/charts/second/templates/a.yaml" {
		t.Errorf("got %v", got)
	}
}

// Two versions of one chart in charts/: each dependency gets the newest that fits it, every time.
func TestTwoVersionsOfADependency(t *testing.T) {
	r := newRenderer(t, render.Options{})
	files := map[string]string{"app/Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies:\n- {name: redis, version: 1.x}\n- {name: redis, version: ~1.4, alias: old}\n"}
	for _, v := range []string{"1.4.2", "1.5.0", "1.4.10"} {
		files["app/charts/r"+v+"/Chart.yaml"] = "apiVersion: v2\nname: redis\nversion: " + v + "\n"
		files["app/charts/r"+v+"/templates/a.yaml"] = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Chart.Name }}-{{ .Chart.Version }}'}\n"
	}
	req := render.Request{Sources: map[string]render.Source{"": {FS: tree(files)}}, Path: "app", Render: render.Helm, Release: "r"}
	for range 20 {
		m, err := r.Render(context.Background(), req)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range m.Objects {
			got = append(got, o.Name())
		}
		if strings.Join(got, " ") != "old-1.4.10 redis-1.5.0" {
			t.Fatalf("got %v", got)
		}
	}
}

// Values from another source, and the text of a file; a source that nobody declared is refused by its name.
func TestValuesFromElsewhere(t *testing.T) {
	r := newRenderer(t, render.Options{})
	req, _ := elsewhere(t)
	req.Source = "repo"
	req.Sources["repo"] = req.Sources[""]
	delete(req.Sources, "")
	req.Sources["$config"] = render.Source{FS: tree(map[string]string{"prod/values.yaml": "color: red\n"})}
	req.Helm = &v1alpha1.HelmSettings{Values: []string{"values.yaml", "$config/prod/values.yaml"}, SetFile: map[string]string{"note": "note.txt"}}
	m, err := r.Render(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	if got := colorOf(t, m); got != "red/a note" {
		t.Errorf("got %s", got)
	}
	rec := render.Record(req, m)
	req.Sources["$config"] = render.Source{FS: tree(map[string]string{"prod/values.yaml": "color: blue\n"})}
	if rec.Unchanged(req) {
		t.Error("other values of the other source are no change")
	}
	for name, says := range map[string]string{"$conifg/prod/values.yaml": `no source "$conifg"`, "$config/../../etc/passwd": "leads out", "$config/none.yaml": "no values file none.yaml"} {
		req.Helm = &v1alpha1.HelmSettings{Values: []string{name}}
		if _, err := r.Render(context.Background(), req); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What settings lay over a kustomization means what the same fields of a kustomization mean, also at the root of a repository.
func TestKustomizeSettings(t *testing.T) {
	r := newRenderer(t, render.Options{})
	deployment := `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: "example.com/web:v1"}]}}
`
	settings := &v1alpha1.KustomizeSettings{
		Images:   []v1alpha1.KustomizeImage{{Name: "example.com/web", NewTag: "v2"}},
		Replicas: []v1alpha1.KustomizeReplicas{{Name: "web", Count: 3}}, NamePrefix: "eu-", NameSuffix: "-1",
		Labels: map[string]string{"team": "a"}, Annotations: map[string]string{"note": "b"},
	}
	for _, dir := range []string{"apps/web/", ""} {
		files := tree(map[string]string{dir + "kustomization.yaml": "resources: [d.yaml]\n", dir + "d.yaml": deployment})
		req := render.Request{Sources: map[string]render.Source{"": {FS: files}}, Path: strings.TrimSuffix(dir, "/"), Render: render.Kustomize, Kustomize: settings}
		if dir == "" {
			req.Path = "."
		}
		m, err := r.Render(context.Background(), req)
		if err != nil {
			t.Fatal(err)
		}
		want := `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"annotations":{"note":"b"},"labels":{"team":"a"},"name":"eu-web-1"},` +
			`"spec":{"replicas":3,"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"annotations":{"note":"b"},"labels":{"app":"web","team":"a"}},` +
			`"spec":{"containers":[{"image":"example.com/web:v2","name":"web"}]}}}}`
		if got := string(object.Canonical(m.Objects[0].Fields)); got != want {
			t.Errorf("%q: got %s", dir, got)
		}
		rec := render.Record(req, m)
		req.Kustomize = nil
		if rec.Unchanged(req) {
			t.Error("other settings are no change")
		}
	}
}
