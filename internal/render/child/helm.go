package child

import (
	"bytes"
	"context"
	"errors"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	"helm.sh/helm/v4/pkg/strvals"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/render/wire"
)

// renderHelm renders a chart of the repository as `helm template --include-crds` would: values of the chart, of files,
// inline and set; dependencies from charts/; CRDs first, then in Helm's order of installation, then hooks with their
// annotations, which whoever plans judges. NOTES.txt and partials give nothing.
//
// It differs where upstream's answer would not be the same tomorrow: random and time functions come from a seed
// (helm_random.go), lists of a map's keys are sorted. And where upstream would look elsewhere: lookup finds nothing.
func renderHelm(s *session) (output, error) {
	out := output{done: wire.Done{Render: render.Helm, Tool: wire.HelmTool, Upgrade: true}}
	h, err := loadChart(s)
	if err != nil {
		return out, err
	}
	out.done.Chart = &wire.Chart{Name: h.chart.Name(), Version: h.chart.Metadata.Version, AppVersion: h.chart.AppVersion()}
	values, err := h.values()
	if err != nil {
		return out, err
	}
	files, err := h.execute(values)
	if err != nil {
		return out, err
	}
	if !s.req.SkipCRDs {
		crds := h.chart.CRDObjects() // of the subcharts that are enabled
		slices.SortStableFunc(crds, func(a, b chart.CRD) int { return strings.Compare(a.Filename, b.Filename) })
		for i, crd := range crds {
			if slices.ContainsFunc(crds[:i], func(before chart.CRD) bool { return bytes.Equal(before.File.Data, crd.File.Data) }) {
				continue // of a chart that is there twice, by an alias
			}
			objects, err := h.parse(crd.Filename, string(crd.File.Data))
			if err != nil {
				return out, err
			}
			out.objects = append(out.objects, objects...)
		}
	}
	objects, err := h.manifests(files)
	out.objects = append(out.objects, objects...)
	return out, err
}

// helm is one render of one chart.
type helm struct {
	s        *session
	chart    *chart.Chart
	names    map[string]bool   // of the chart's files, relative to its folder
	folders  map[string]string // of files of dependencies: where they lie in the repository
	archived map[string][]byte // files of the chart's archive
	secret   []string          // values that no message may repeat
}

// loadChart reads the chart and refuses what no values can mend.
func loadChart(s *session) (*helm, error) {
	if chartutil.ValidateReleaseName(s.req.Release) != nil {
		return nil, fault.New(fault.InvalidSettings, "the release name %q is not one that Helm accepts", s.req.Release).
			WithNext("write `helm: {release: …}`: lower case letters, digits and -, at most 53")
	}
	h := &helm{s: s, names: map[string]bool{}, folders: map[string]string{}, archived: map[string][]byte{}}
	files, err := h.files()
	if err != nil {
		return nil, err
	}
	if h.chart, err = loader.LoadFiles(files); err != nil {
		return nil, h.explainLoad(err)
	}
	inOrder(h.chart)
	if kind := h.chart.Metadata.Type; kind != "" && kind != "application" {
		return nil, fault.New(fault.RenderFailed, "this is a %s chart, which only other charts can use", kind).At(h.at(chartName))
	}
	if err := h.complete(); err != nil {
		return nil, err
	}
	if err := h.localSchemas(h.chart); err != nil {
		return nil, err
	}
	return h, nil
}

// inOrder puts the charts in charts/ into one order, the newest of a name first: upstream has them as a map gives them, and takes the
// first that fits a dependency where two versions do.
func inOrder(c *chart.Chart) {
	charts := slices.Clone(c.Dependencies())
	slices.SortStableFunc(charts, func(a, b *chart.Chart) int {
		if a.Name() != b.Name() {
			return strings.Compare(a.Name(), b.Name())
		}
		x, wrong := semver.NewVersion(a.Metadata.Version)
		y, err := semver.NewVersion(b.Metadata.Version)
		if wrong != nil || err != nil {
			return strings.Compare(b.Metadata.Version, a.Metadata.Version)
		}
		return y.Compare(x)
	})
	c.SetDependencies(charts...)
	for _, sub := range charts {
		inOrder(sub)
	}
}

// at gives the place of a file of the chart: in the repository, or in the archive by its name.
func (h *helm) at(name string) fault.Place {
	if f := h.folders[name]; f != "" {
		return fault.Place{File: f}
	}
	if c := h.s.req.Chart; c != nil {
		return fault.Place{File: path.Join(path.Base(c.Path), name)}
	}
	return fault.Place{File: path.Join(h.s.req.Path, name)}
}

// complete demands the dependencies that Chart.yaml names, as upstream does, whether they are enabled or not.
func (h *helm) complete() error {
	for _, wanted := range h.chart.Metadata.Dependencies {
		if slices.ContainsFunc(h.chart.Dependencies(), func(have *chart.Chart) bool { return have.Name() == wanted.Name }) {
			continue
		}
		place := h.at(chartName)
		place.Line = lineOf(h.data(chartName), wanted.Name)
		next := "run `helm dependency update` and commit charts/"
		if h.s.req.Chart != nil {
			next = "it was published without what it needs: ask whoever publishes it"
		}
		return fault.New(fault.Unsupported, "the chart depends on %s, which is not in charts/", wanted.Name).
			WithCode(render.CodeDependency).At(place).WithNext("%s", next)
	}
	return nil
}

func (h *helm) data(name string) []byte {
	if data, ok := h.archived[name]; ok {
		return data
	}
	return h.s.files[wire.File{Path: path.Join(h.s.req.Path, name)}].Data
}

// lineOf gives the first line that has a name as the value of a key "name", 0 if there is none.
func lineOf(data []byte, name string) int {
	for i, line := range bytes.Split(data, []byte("\n")) {
		key, value, ok := strings.Cut(string(line), ":")
		if ok && strings.Trim(key, " -\t") == "name" && strings.Trim(strings.TrimSpace(value), `"'`) == name {
			return i + 1
		}
	}
	return 0
}

// values merges what the user says on top of the chart's own: files, inline, set.
func (h *helm) values() (map[string]any, error) {
	values := map[string]any{}
	for _, f := range h.s.req.Values {
		data, err := h.valuesFile(f)
		if err != nil {
			return nil, err
		}
		current, err := loader.LoadValues(bytes.NewReader(data))
		if err != nil {
			return nil, yamlFault(f.Path, data)
		}
		values = loader.MergeMaps(values, current)
	}
	if len(h.s.req.Inline) > 0 {
		inline := map[string]any{}
		if err := yaml.Unmarshal(h.s.req.Inline, &inline); err != nil {
			return nil, fault.New(fault.InvalidSettings, "helm.inline is not a map of values")
		}
		values = loader.MergeMaps(values, inline)
	}
	for _, line := range h.s.req.Set {
		if err := strvals.ParseInto(line, values); err != nil {
			key, _, ok := strings.Cut(line, "=")
			if !ok { // what stands there may be a value
				return nil, fault.New(fault.InvalidSettings, "a value is set without a key").WithNext("write key=value, as for `helm --set`")
			}
			return nil, fault.New(fault.InvalidSettings, "the value that is set for %q cannot be read", key).WithNext("write it as for `helm --set`")
		}
	}
	for _, set := range h.s.req.SetFile {
		read := func([]rune) (any, error) {
			data, err := h.valuesFile(set.File)
			return string(data), err
		}
		if err := strvals.ParseIntoFile(set.Key+"=file", values, read); err != nil {
			var known *fault.Fault
			if errors.As(err, &known) {
				return nil, known
			}
			return nil, fault.New(fault.InvalidSettings, "the key %q of setFile cannot be read", set.Key).WithNext("write it as for `helm --set-file`")
		}
	}
	return values, nil
}

// valuesFile reads a values file.
func (h *helm) valuesFile(f wire.File) ([]byte, error) {
	switch {
	case isRemote(f.Path):
		return nil, fault.New(fault.RemoteRefused, "the values file %s is not in this repository", withoutUser(f.Path)).WithNext("commit it and name its path")
	case path.IsAbs(f.Path):
		return nil, fault.New(fault.PathEscape, "the values file %s lies outside of the repository", f.Path)
	}
	a, err := h.s.get(f)
	if err != nil {
		return nil, err
	}
	if a.Status == wire.ItIsFile {
		return a.Data, nil
	}
	missing := fault.New(fault.RenderFailed, "there is no values file %s", f.Path)
	entries, err := h.s.list(path.Dir(f.Path))
	if f.Source != "" || err != nil {
		return nil, missing
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	if near := nearest(path.Base(f.Path), names); near != "" {
		missing = missing.WithNext("did you mean %s?", near)
	}
	return nil, missing
}

// execute runs the templates.
func (h *helm) execute(values map[string]any) (map[string]string, error) {
	if err := chartutil.ProcessDependencies(h.chart, values); err != nil {
		return nil, h.explain(err)
	}
	if wanted := h.chart.Metadata.KubeVersion; wanted != "" {
		if version := h.kubeVersion().String(); !chartutil.IsCompatibleRange(wanted, version) {
			return nil, fault.New(fault.RenderFailed, "the chart is for Kubernetes %s, the cluster has %s", wanted, version).At(h.at(chartName))
		}
	}
	release := common.ReleaseOptions{
		Name: h.s.req.Release, Namespace: h.s.req.Namespace, Revision: 1, IsInstall: !h.s.req.Upgrade, IsUpgrade: h.s.req.Upgrade,
	}
	top, err := util.ToRenderValues(h.chart, values, release, common.DefaultCapabilities)
	h.keepSecret(top["Values"], false)
	if err != nil {
		return nil, h.explainSchema(err)
	}
	top["Capabilities"] = capabilities{h}
	e := engine.Engine{CustomTemplateFuncs: h.functions()}
	files, err := e.RenderWithContext(context.Background(), h.chart, top)
	if err != nil {
		return nil, h.explain(err)
	}
	return files, nil
}

// document is one rendered document.
type document struct {
	objects []object.Object
	kind    string
	hook    bool
}

// manifests parses what the templates gave, and sorts it as upstream does: by kind, in the order of files; hooks last.
func (h *helm) manifests(files map[string]string) ([]object.Object, error) {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	var documents []document
	for _, name := range names {
		if strings.HasSuffix(name, "NOTES.txt") || strings.HasPrefix(path.Base(name), "_") {
			continue
		}
		found, err := h.documents(name, files[name])
		if err != nil {
			return nil, err
		}
		documents = append(documents, found...)
	}
	slices.SortStableFunc(documents, byInstallation)
	var objects []object.Object
	for _, d := range documents {
		objects = append(objects, d.objects...)
	}
	return objects, nil
}

// documents parses what one template gave.
func (h *helm) documents(name, text string) ([]document, error) {
	parts := releaseutil.SplitManifests(text)
	keys := make([]string, 0, len(parts))
	for key := range parts {
		keys = append(keys, key)
	}
	sort.Sort(releaseutil.BySplitManifestsOrder(keys))
	var documents []document
	for _, key := range keys {
		objects, err := h.parse(name, parts[key])
		if err != nil {
			return nil, err
		}
		if len(objects) == 0 {
			continue
		}
		hooks, isHook := objects[0].Annotations()[hookAnnotation]
		if isHook && !knownHooks(hooks) {
			h.s.warn(render.WarnSkipped, "a hook of the unknown kind "+hooks+" is left out, as Helm does", objects[0].Place)
			continue
		}
		documents = append(documents, document{objects: objects, kind: objects[0].Kind(), hook: isHook})
	}
	return documents, nil
}

const hookAnnotation = "helm.sh/hook"

// hooks are the kinds of hook that Helm knows. https://helm.sh/docs/topics/charts_hooks/
var hooks = []string{
	"pre-install", "post-install", "pre-delete", "post-delete", "pre-upgrade", "post-upgrade", "pre-rollback", "post-rollback", "test", "test-success",
}

func knownHooks(list string) bool {
	for kind := range strings.SplitSeq(list, ",") {
		if !slices.Contains(hooks, strings.ToLower(strings.TrimSpace(kind))) {
			return false
		}
	}
	return true
}

// byInstallation orders documents by kind as Helm installs them; kinds that it does not know come last, by name.
func byInstallation(a, b document) int {
	if a.hook != b.hook {
		if b.hook {
			return -1
		}
		return 1
	}
	i, j := slices.Index(releaseutil.InstallOrder, a.kind), slices.Index(releaseutil.InstallOrder, b.kind)
	switch {
	case i < 0 && j < 0:
		return strings.Compare(a.kind, b.kind)
	case i < 0:
		return 1
	case j < 0:
		return -1
	}
	return i - j
}

// parse reads the objects of a rendered document. A key that stands twice is a warning here: Helm takes the last one, and
// charts are not always the user's own.
func (h *helm) parse(name, text string) ([]object.Object, error) {
	place := h.place(name)
	objects, warnings, err := object.Parse([]byte(text), place.File)
	if f := fault.Of(err, fault.InvalidObject); f != nil && f.Code == render.CodeDuplicateKey {
		h.s.warn(render.CodeDuplicateKey, f.Message+"; the last one counts", place)
		return h.parseLeniently(text, place)
	} else if f != nil {
		return nil, rendered(f, place)
	}
	for i := range objects {
		objects[i].Place = place
	}
	for _, w := range warnings {
		h.s.warn(w.Code, w.Message, place)
	}
	return objects, nil
}

// parseLeniently reads one document as Helm does.
func (h *helm) parseLeniently(text string, place fault.Place) ([]object.Object, error) {
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return nil, fault.New(fault.InvalidObject, "what the template gives is not YAML").At(place)
	}
	o := object.Object{Place: place}
	if err := json.Unmarshal(data, &o.Fields); err != nil {
		return nil, fault.New(fault.InvalidObject, "what the template gives is not an object").At(place)
	}
	return flatten(nil, o)
}

// rendered says that a fault's line is one of the rendered text, not of the template.
func rendered(f *fault.Fault, place fault.Place) error {
	out := *f
	if f.Place.Line > 0 {
		out.Message = "line " + strconv.Itoa(f.Place.Line) + " of what the template gives: " + f.Message
	}
	if strings.Contains(f.Next, "template text") {
		out.Next = ""
	}
	return out.At(place)
}

// place gives the file of a template by its name in Helm: chart, charts/ and names of subcharts, path.
func (h *helm) place(name string) fault.Place {
	_, below, _ := strings.Cut(name, "/")
	if h.names[below] {
		return h.at(below)
	}
	// A subchart has its name in the text and its folder or archive in the repository.
	return h.at(h.nearestFile(below))
}

// nearestFile gives the longest beginning of a path that is a file of the chart, or an archive in its charts/.
func (h *helm) nearestFile(below string) string {
	parts := strings.Split(below, "/")
	for i := 0; i+1 < len(parts); i++ {
		if parts[i] != "charts" {
			continue
		}
		prefix := strings.Join(parts[:i+2], "/") + "-"
		for name := range h.names {
			if strings.HasPrefix(name, prefix) && strings.HasSuffix(name, ".tgz") {
				return name
			}
		}
	}
	return below
}
