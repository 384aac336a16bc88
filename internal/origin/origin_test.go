package origin_test

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/origin"
	"plumb.dev/plumb/internal/render"
)

var renderer *render.Renderer

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "origin-test")
	if err != nil {
		panic(err)
	}
	child := filepath.Join(dir, "child")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", child, "plumb.dev/plumb/internal/render/childtest")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("the child cannot be built: %v\n%s", err, out))
	}
	if renderer, err = render.New(render.Options{Command: []string{child, render.ChildCommand}}); err != nil {
		panic(err)
	}
	code := m.Run()
	renderer.Close()
	os.RemoveAll(dir)
	os.Exit(code)
}

// files reads "-- name" sections.
func files(text string) fstest.MapFS {
	tree := fstest.MapFS{}
	for _, section := range strings.Split("\n"+text, "\n-- ")[1:] {
		name, body, _ := strings.Cut(section, "\n")
		tree[name] = &fstest.MapFile{Data: []byte(strings.TrimSuffix(body, "\n") + "\n")}
	}
	return tree
}

// asked is a rendered app whose fields are looked for.
type asked struct {
	tree     fs.FS
	request  render.Request
	manifest render.Manifest
	trials   int
}

func ask(tree fs.FS, request render.Request) (*asked, error) {
	request.Sources, request.Source = map[string]render.Source{"repo": {FS: tree}}, "repo"
	m, err := renderer.Render(context.Background(), request)
	return &asked{tree: tree, request: request, manifest: m}, err
}

func (a *asked) object(t *testing.T, kind string) object.Object {
	t.Helper()
	i := slices.IndexFunc(a.manifest.Objects, func(o object.Object) bool { return o.Kind() == kind })
	if i < 0 {
		t.Fatalf("no %s was rendered", kind)
	}
	return a.manifest.Objects[i]
}

func (a *asked) find(o object.Object, live any, fields ...object.Path) []origin.Origin {
	q := origin.Question{Object: o, Helm: a.request.Helm, Kustomize: a.request.Kustomize}
	for _, r := range a.manifest.Reads {
		if r.Kind == render.ReadFile && r.Hash != "" {
			q.Files = a.with(q.Files, r.Path)
		}
	}
	for _, name := range []string{"app/plumb.yaml", "plumb.yaml"} {
		q.SettingsFiles = a.with(q.SettingsFiles, name)
	}
	for _, p := range fields {
		git, _ := object.Get(o, p)
		q.Fields = append(q.Fields, origin.Field{Path: p, Git: git, Live: live})
	}
	return origin.Find(q, a.try, func() bool { return false })
}

// with adds a file of the tree, if it is there.
func (a *asked) with(files []origin.File, name string) []origin.File {
	data, err := fs.ReadFile(a.tree, name)
	if err != nil {
		return files
	}
	return append(files, origin.File{Path: name, Data: data})
}

func (a *asked) try(c origin.Change) ([]object.Object, error) {
	a.trials++
	request := a.request
	request.Sources = map[string]render.Source{"repo": {FS: render.Replaced(a.tree, c.Files)}}
	if c.Helm != nil {
		request.Helm = c.Helm
	}
	if c.Kustomize != nil {
		request.Kustomize = c.Kustomize
	}
	m, err := renderer.Render(context.Background(), request)
	return m.Objects, err
}

const deployment = `
-- base/kustomization.yaml
resources: [deployment.yaml]
-- base/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: example.com/web:1.0
        env:
        - {name: MODE, value: fast}
        resources:
          limits: {cpu: 100m, memory: 64Mi}
`

const chart = `
-- app/Chart.yaml
apiVersion: v2
name: web
version: 1.0.0
appVersion: "7.7"
-- app/templates/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
  labels:
    tier: front
spec:
  replicas: {{ .Values.replicaCount }}
  minReadySeconds: {{ .Values.ready | default 12 }}
  revisionHistoryLimit: {{ mul .Values.history 2 }}
  paused: {{ .Values.paused }}
  template:
    spec:
      containers:
      - name: web
        image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
        {{- with .Values.resources }}
        resources:
          {{- toYaml . | nindent 10 }}
        {{- end }}
-- app/templates/config.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  name: config
data:
  app.conf: |
    level = {{ .Values.level }}
    size = 9
-- app/values.yaml
replicaCount: 2
paused: false
history: 5
level: info
image:
  repository: example.com/web
  tag: ""
resources:
  limits:
    cpu: 100m
`

func TestFind(t *testing.T) {
	const replicas, image = "spec.replicas", "spec.template.spec.containers[name=web].image"
	inline := func(text string) *v1alpha1.HelmSettings {
		return &v1alpha1.HelmSettings{Inline: &apiextensionsv1.JSON{Raw: []byte(text)}}
	}
	for _, c := range []struct {
		why     string
		tree    string
		request render.Request
		kind    string // "": Deployment
		field   string
		live    any
		want    string // file:line says
	}{
		{"nothing lies over the base", deployment + "-- app/kustomization.yaml\nresources: [../base]\n",
			render.Request{Path: "app"}, "", replicas, 9, "base/deployment.yaml:6 spec.replicas"},
		{"replicas of the overlay win", deployment + "-- app/kustomization.yaml\nresources: [../base]\nreplicas:\n- name: web\n  count: 5\n",
			render.Request{Path: "app"}, "", replicas, 9, "app/kustomization.yaml:4 replicas[0].count"},
		{"the overlay says the same as the base: it is what counts", deployment + "-- app/kustomization.yaml\nresources: [../base]\nreplicas:\n- name: web\n  count: 2\n",
			render.Request{Path: "app"}, "", replicas, 9, "app/kustomization.yaml:4 replicas[0].count"},
		{"a patch in a file", deployment + "-- app/kustomization.yaml\nresources: [../base]\npatches:\n- path: more.yaml\n-- app/more.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 4\n",
			render.Request{Path: "app"}, "", replicas, 9, "app/more.yaml:6 spec.replicas"},
		{"a patch written in the kustomization", deployment + "-- app/kustomization.yaml\nresources: [../base]\npatches:\n- patch: |-\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: web}\n    spec:\n      replicas: 4\n",
			render.Request{Path: "app"}, "", replicas, 9, "app/kustomization.yaml:8 patches[0].patch.spec.replicas"},
		{"a JSON patch with a target", deployment + "-- app/kustomization.yaml\nresources: [../base]\npatches:\n- target: {kind: Deployment}\n  patch: |-\n    - op: replace\n      path: /spec/replicas\n      value: 4\n",
			render.Request{Path: "app"}, "", replicas, 9, "app/kustomization.yaml:7 patches[0].patch[0].value"},
		{"the tag of images differs", deployment + "-- app/kustomization.yaml\nresources: [../base]\nimages:\n- name: example.com/web\n  newTag: \"1.5\"\n",
			render.Request{Path: "app"}, "", image, "example.com/web:1.6", "app/kustomization.yaml:4 images[0].newTag"},
		{"the new name of images differs", deployment + "-- app/kustomization.yaml\nresources: [../base]\nimages:\n- name: example.com/web\n  newName: mirror.example/web\n  newTag: \"1.5\"\n",
			render.Request{Path: "app"}, "", image, "example.com/web:1.5", "app/kustomization.yaml:4 images[0].newName"},
		{"a value in a list with keys", deployment + "-- app/kustomization.yaml\nresources: [../base]\n",
			render.Request{Path: "app"}, "", "spec.template.spec.containers[name=web].env[name=MODE].value", "slow", "base/deployment.yaml:15 spec.template.spec.containers[0].env[0].value"},
		{"all resources were taken off: the first that Git says", deployment + "-- app/kustomization.yaml\nresources: [../base]\n",
			render.Request{Path: "app"}, "", "spec.template.spec.containers[name=web].resources", nil, "base/deployment.yaml:17 spec.template.spec.containers[0].resources.limits.cpu"},
		{"a label of the overlay", deployment + "-- app/kustomization.yaml\nresources: [../base]\nlabels:\n- pairs:\n    team: shop\n",
			render.Request{Path: "app"}, "", "metadata.labels.team", "other", "app/kustomization.yaml:4 labels[0].pairs.team"},
		{"a field that Git does not have: the file of what is around it", deployment + "-- app/kustomization.yaml\nresources: [../base]\n",
			render.Request{Path: "app"}, "", "spec.template.spec.containers[name=web].resources.requests", "x", "base/deployment.yaml"},
		{"a literal of a generator, though the name's hash changes", "-- app/kustomization.yaml\nconfigMapGenerator:\n- name: settings\n  literals:\n  - MODE=fast\n  - SIZE=3\n",
			render.Request{Path: "app"}, "ConfigMap", "data.MODE", "slow", "app/kustomization.yaml:4 configMapGenerator[0].literals[0]"},
		{"a file of a generator: the line that differs", "-- app/kustomization.yaml\nconfigMapGenerator:\n- name: settings\n  files: [app.conf]\n-- app/app.conf\nlevel = info\nsize = 3\n",
			render.Request{Path: "app"}, "ConfigMap", `data["app.conf"]`, "level = info\nsize = 4\n", "app/app.conf:2"},
		{"a text with quotes", "-- app/kustomization.yaml\nresources: [a.yaml]\n-- app/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  say: she said \"no\"\n",
			render.Request{Path: "app"}, "ConfigMap", "data.say", "yes", "app/a.yaml:5 data.say"},
		{"a file of variables", "-- app/kustomization.yaml\nconfigMapGenerator:\n- name: settings\n  envs: [app.env]\n-- app/app.env\nMODE=fast\nSIZE=3\n",
			render.Request{Path: "app"}, "ConfigMap", "data.SIZE", "4", "app/app.env:2"},
		{"Plumb's own parameters over a kustomization", deployment + "-- app/kustomization.yaml\nresources: [../base]\n-- app/plumb.yaml\nkustomize:\n  replicas:\n  - name: web\n    count: 6\n",
			render.Request{Path: "app", Kustomize: &v1alpha1.KustomizeSettings{Replicas: []v1alpha1.KustomizeReplicas{{Name: "web", Count: 6}}}},
			"", replicas, 9, "app/plumb.yaml:4 kustomize.replicas.count"},

		{"a chart's own value", chart, render.Request{Path: "app", Release: "web"}, "", replicas, 9, "app/values.yaml:1 replicaCount"},
		{"a values file over it", chart + "-- app/values-prod.yaml\nreplicaCount: 4\n",
			render.Request{Path: "app", Release: "web", Values: []render.File{{Path: "app/values-prod.yaml"}}}, "", replicas, 9, "app/values-prod.yaml:1 replicaCount"},
		{"a values file that says the same", chart + "-- app/values-prod.yaml\nreplicaCount: 2\n",
			render.Request{Path: "app", Release: "web", Values: []render.File{{Path: "app/values-prod.yaml"}}}, "", replicas, 9, "app/values-prod.yaml:1 replicaCount"},
		{"values of plumb.yaml", chart + "-- plumb.yaml\ndefaults:\n  helm:\n    inline:\n      replicaCount: 8\n",
			render.Request{Path: "app", Release: "web", Helm: inline(`{"replicaCount": 8}`)}, "", replicas, 9, "plumb.yaml:4 helm.inline.replicaCount"},
		{"single values of plumb.yaml", chart + "-- app/plumb.yaml\nhelm:\n  set:\n    image.tag: v3\n",
			render.Request{Path: "app", Release: "web", Helm: &v1alpha1.HelmSettings{Set: map[string]string{"image.tag": "v3"}}}, "", image, "example.com/web:v4", "app/plumb.yaml:3 helm.set.image.tag"},
		{"values of an App by hand lie in no file", chart,
			render.Request{Path: "app", Release: "web", Helm: inline(`{"replicaCount": 8}`)}, "", replicas, 9, " helm.inline.replicaCount"},
		{"a text of the template", chart, render.Request{Path: "app", Release: "web"}, "", "metadata.labels.tier", "back", "app/templates/deployment.yaml:6"},
		{"a default of the template", chart, render.Request{Path: "app", Release: "web"}, "", "spec.minReadySeconds", 1, "app/templates/deployment.yaml:9"},
		{"a value that is computed with is not told", chart, render.Request{Path: "app", Release: "web"}, "", "spec.revisionHistoryLimit", 1, ""},
		{"a truth", chart, render.Request{Path: "app", Release: "web"}, "", "spec.paused", true, "app/values.yaml:2 paused"},
		{"an image's tag that is the chart's", chart, render.Request{Path: "app", Release: "web"}, "", image, "example.com/web:8", "app/Chart.yaml:4 appVersion"},
		{"an image's repository", chart, render.Request{Path: "app", Release: "web"}, "", image, "other.example/web:7.7", "app/values.yaml:6 image.repository"},
		{"what toYaml writes", chart, render.Request{Path: "app", Release: "web"}, "", "spec.template.spec.containers[name=web].resources.limits.cpu", "1", "app/values.yaml:10 resources.limits.cpu"},
		{"a line of a text that a value is in", chart, render.Request{Path: "app", Release: "web"}, "ConfigMap", `data["app.conf"]`, "level = debug\nsize = 9\n", "app/values.yaml:4 level"},
		{"a line of a text that the template says", chart, render.Request{Path: "app", Release: "web"}, "ConfigMap", `data["app.conf"]`, "level = info\nsize = 8\n", "app/templates/config.yaml:8 data.app.conf"},
	} {
		t.Run(c.why, func(t *testing.T) {
			a, err := ask(files(c.tree), c.request)
			if err != nil {
				t.Fatal(err)
			}
			field, err := object.ParsePath(c.field)
			if err != nil {
				t.Fatal(err)
			}
			got := a.find(a.object(t, cmp.Or(c.kind, "Deployment")), c.live, field)[0]
			text := got.Place.File
			if got.Place.Line > 0 {
				text = fmt.Sprintf("%s:%d", got.Place.File, got.Place.Line)
			}
			if got.Says != "" {
				text += " " + got.Says
			}
			if text != c.want {
				t.Errorf("%s comes from %q, not %q (%d renders)", c.field, text, c.want, a.trials)
			}
		})
	}
}
