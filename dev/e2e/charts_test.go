package e2e

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"plumb.dev/plumb/dev/charthost"
)

// newChartHost starts a chart repository and a registry that live as long as the test. The arguments may ask for a user and a password.
func newChartHost(t *testing.T, arguments ...string) chartHost {
	return chartHost{charthost.Start(t, arguments...)}
}

type chartHost struct{ charthost.Host }

// publish publishes a chart with one ConfigMap, named as the release, that holds its version and a color.
func (h chartHost) publish(t *testing.T, name, version string) {
	t.Helper()
	h.Publish(t, name, version, fstest.MapFS{
		"Chart.yaml":       {Data: fmt.Appendf(nil, "apiVersion: v2\nname: %s\nversion: %s\n", name, version)},
		"values.yaml":      {Data: []byte("color: blue\n")},
		"templates/a.yaml": {Data: []byte(configMap("{{ .Release.Name }}-{{ .Chart.Name }}", "version", "{{ .Chart.Version }}") + "  color: {{ .Values.color }}\n")},
	})
}

// chartOf writes a plumb.yaml.
func chartOf(repo, name, version string) string {
	return fmt.Sprintf("helm:\n  chart: {repo: %q, name: %s, version: %q}\n", repo, name, version)
}

// Charts of a repository and of a registry are delivered, with the values that lie in the folder; so are those that a chart in
// the tree depends on. A newer version of a range is delivered when it is published, and an exact version is not left.
func TestChartsFromElsewhere(t *testing.T) {
	t.Parallel()
	h := newChartHost(t, "-user", "me", "-password", "hunter22")
	s := newScenario(t, shared(t), "charted")
	s.make("apiVersion: v1\nkind: Secret\nmetadata: {name: charted, namespace: plumb-system}\nstringData: {username: me, password: hunter22}\n")
	s.spec["poll"] = "10s"
	s.spec["charts"] = []any{map[string]any{"url": h.Repository, "secret": "charted"}, map[string]any{"url": h.Registry + "/charts", "secret": "charted"}}
	h.publish(t, "podinfo", "6.0.0")
	h.publish(t, "redis", "1.4.0")
	commit := s.commit("charts", files{
		"apps/charted-range/plumb.yaml":  chartOf(h.Repository, "podinfo", "6.x"),
		"apps/charted-range/values.yaml": "color: green\n",
		"apps/charted-exact/plumb.yaml":  chartOf(h.Repository, "podinfo", "6.0.0"),
		"apps/charted-oci/plumb.yaml":    chartOf(h.Registry+"/charts", "podinfo", ">=6 <7"),
		"apps/charted-needs/Chart.yaml":  "apiVersion: v2\nname: needs\nversion: 1.0.0\ndependencies:\n- {name: redis, version: 1.x, repository: " + h.Repository + "}\n",
	})
	for _, app := range []string{"charted-range", "charted-exact", "charted-oci", "charted-needs"} {
		s.ok(app, commit)
	}
	s.has("ConfigMap/charted-range/charted-range-podinfo", "data.color", "green")
	s.has("ConfigMap/charted-exact/charted-exact-podinfo", "data.color", "blue")
	s.has("ConfigMap/charted-needs/charted-needs-redis", "data.version", "1.4.0")
	s.has("App/plumb-system/charted-oci", "status.charts.0.version", "6.0.0")

	h.publish(t, "podinfo", "6.1.0")
	s.has("ConfigMap/charted-range/charted-range-podinfo", "data.version", "6.1.0")
	s.has("ConfigMap/charted-oci/charted-oci-podinfo", "data.version", "6.1.0")
	s.has("App/plumb-system/charted-oci", "status.charts.0.version", "6.1.0")
	s.has("ConfigMap/charted-exact/charted-exact-podinfo", "data.version", "6.0.0")
	s.ok("charted-range", commit)

	// While nobody answers, what was fetched is served, and it is said since when.
	h.Break(t)
	s.until("charted-range", func(a appStatus) error {
		if a.State != "ok" || len(a.Warnings) != 1 || !strings.Contains(a.Warnings[0], "whether podinfo 6.x is still 6.1.0 is not known since") {
			return errNotYet("%s, warnings %v", a, a.Warnings)
		}
		return nil
	})
	next := s.commit("another color", files{"apps/charted-range/values.yaml": "color: red\n", "apps/charted-exact/values.yaml": "color: red\n"})
	s.ok("charted-range", next)
	s.ok("charted-exact", next)
	s.has("ConfigMap/charted-range/charted-range-podinfo", "data.color", "red")
	h.Mend(t)
	s.until("charted-range", func(a appStatus) error {
		if a.State != "ok" || len(a.Warnings) > 0 {
			return errNotYet("%s, warnings %v", a, a.Warnings)
		}
		return nil
	})
	if said := s.said("hunter22", 5); said != "" {
		t.Errorf("the password got into the log: %s", said)
	}
}

// A chart that cannot be had fails its app with the way out; what runs stays, and other apps go on.
func TestChartThatCannotBeHad(t *testing.T) {
	t.Parallel()
	h := newChartHost(t)
	s := newScenario(t, shared(t), "chartless")
	s.spec["charts"] = []any{map[string]any{"url": h.Repository}}
	h.publish(t, "podinfo", "6.0.0")
	first := s.commit("a chart", files{
		"apps/chartless/plumb.yaml":        chartOf(h.Repository, "podinfo", "6.0.0"),
		"apps/chartless-other/a.yaml":      configMap("settings", "a", "1"),
		"apps/chartless-closed/plumb.yaml": chartOf(h.Registry+"/charts", "podinfo", "6.0.0"),
	})
	s.ok("chartless", first)
	before := s.live("ConfigMap/chartless/chartless-podinfo")
	_, message := s.is("chartless-closed", "failed", "UnsafeURL").ready()
	s.says(message, "private network", "list its address in charts of the Repo")

	second := s.commit("a version that is not there", files{
		"apps/chartless/plumb.yaml":   chartOf(h.Repository, "podinfo", "9.9.9"),
		"apps/chartless-other/a.yaml": configMap("settings", "a", "2"),
	})
	s.ok("chartless-other", second)
	_, message = s.is("chartless", "failed", "RevisionNotFound").ready()
	s.says(message, "apps/chartless/plumb.yaml", "has no version 9.9.9 of podinfo", "is 6.0.0")
	s.same(before)
	h.publish(t, "podinfo", "9.9.9")
	s.ok("chartless", second) // it is asked for again without a commit
	s.has("ConfigMap/chartless/chartless-podinfo", "data.version", "9.9.9")
}

// Values from a second repository, at a revision of its own: a commit there is delivered as one of the app's own repository is, and
// the status says whose commit it was. What does not concern the app writes nothing.
func TestValuesFromAnotherRepository(t *testing.T) {
	t.Parallel()
	h := newChartHost(t)
	h.publish(t, "podinfo", "6.0.0")
	values := newScenario(t, shared(t), "valued-values")
	values.made = true // no Repo for it: App valued reads it by its address
	values.write(files{"envs/prod/podinfo.yaml": "color: green\n"})
	values.git("commit", "-q", "-m", "values")
	values.git("push", "-q", "origin", "HEAD:main")

	s := newScenario(t, shared(t), "valued")
	s.made = true
	s.write(files{"podinfo/plumb.yaml": chartOf(h.Repository, "podinfo", "6.0.0") + "  values: [values.yaml, $config/envs/prod/podinfo.yaml]\n", "podinfo/values.yaml": "color: yellow\n"})
	s.git("commit", "-q", "-m", "a chart")
	s.git("push", "-q", "origin", "HEAD:main")
	for _, repo := range []*scenario{s, values} {
		repo.spec["poll"], repo.spec["apps"] = "10s", []any{map[string]any{"path": "none/{app}"}}
		repo.makeRepo()
	}
	s.make(fmt.Sprintf(`
apiVersion: plumb.dev/v1alpha1
kind: App
metadata: {name: valued, namespace: plumb-system}
spec:
  repo: valued
  path: podinfo
  sources: [{name: config, repo: valued-values}]
  charts: [{url: %q}]
`, h.Repository))
	commit := s.git("rev-parse", "HEAD")
	s.ok("valued", commit)
	s.has("ConfigMap/valued/valued-podinfo", "data.color", "green")
	s.has("App/plumb-system/valued", "status.sources.0.revision", values.git("rev-parse", "HEAD"))

	newer := values.commit("blue", files{"envs/prod/podinfo.yaml": "color: blue\n"})
	s.has("ConfigMap/valued/valued-podinfo", "data.color", "blue")
	s.has("App/plumb-system/valued", "status.changedBy.0", "config@"+newer)
	s.has("App/plumb-system/valued", "status.sources.0.revision", newer)
	s.ok("valued", commit)

	written := s.live("App/plumb-system/valued").GetResourceVersion()
	other := values.commit("of somebody else", files{"envs/prod/other.yaml": "color: blue\n"})
	s.has("Repo/plumb-system/valued-values", "status.observed.revision", other)
	if s.live("App/plumb-system/valued").GetResourceVersion() != written {
		t.Error("a commit that does not concern the app was written down")
	}
	s.ok("valued", s.commit("another chart's values", files{"podinfo/values.yaml": "color: none\n"}))

	// A Hold holds what comes from elsewhere too. It ends when the branch renders the same with that, and the newest values are applied.
	const configMapOfIt = "ConfigMap/valued/valued-podinfo"
	wanted := chartOf(h.Repository, "podinfo", "6.0.0") + "  values: [values.yaml, $config/envs/prod/podinfo.yaml]\n"
	held := s.commit("a remark", files{"podinfo/plumb.yaml": wanted + "# as it should be\n"})
	s.commit("the other way round", files{"podinfo/plumb.yaml": chartOf(h.Repository, "podinfo", "6.0.0") + "  values: [$config/envs/prod/podinfo.yaml, values.yaml]\n"})
	s.has(configMapOfIt, "data.color", "none")
	s.holdAt("valued", held, time.Now().Add(time.Hour))
	s.heldAt("valued", held)
	s.has(configMapOfIt, "data.color", "blue")
	was, _ := field(s.live("App/plumb-system/valued"), "status.sources.0.revision").(string)
	loud := values.commit("red", files{"envs/prod/podinfo.yaml": "color: red\n"})
	s.has("Repo/plumb-system/valued-values", "status.observed.revision", loud)
	s.edit(configMapOfIt, "kubectl", `{"data": {"color": "by hand"}}`)
	s.has(configMapOfIt, "data.color", "blue") // healed, after the newer values were seen
	s.has("App/plumb-system/valued", "status.sources.0.revision", was)
	s.commit("as it was", files{"podinfo/plumb.yaml": wanted})
	s.has(configMapOfIt, "data.color", "red")
	s.plumbs(0, "resume", "valued")
	again := values.commit("blue again", files{"envs/prod/podinfo.yaml": "color: blue\n"})
	s.has(configMapOfIt, "data.color", "blue")
	s.has("App/plumb-system/valued", "status.sources.0.revision", again) // what plumb diff reads the source at is written after the apply

	// plumb diff reads the source as the agent does; a clone of it shows what its working tree would change, before it is pushed.
	s.says(s.diff(0, "valued"), "No changes: 1 app compared.")
	s.write(files{"podinfo/plumb.yaml": chartOf(h.Repository, "podinfo", "6.0.0") + "  values: [$config/envs/prod/podinfo.yaml, values.yaml]\n"})
	s.says(s.diff(0, "valued"), "~ ConfigMap/valued/valued-podinfo", "- blue", "+ none")
	s.git("reset", "-q", "--hard")
	values.write(files{"envs/prod/podinfo.yaml": "color: violet\n"})
	s.says(s.diff(0, "--source", "config="+values.repo.clone, "valued"), "~ ConfigMap/valued/valued-podinfo", "- blue", "+ violet")
	s.says(s.diff(2, "--source", "conifg="+values.repo.clone, "valued"), "no app of this repository has a source conifg")

	// A source that is not there is told by its name.
	s.commit("a typo", files{"podinfo/plumb.yaml": chartOf(h.Repository, "podinfo", "6.0.0") + "  values: [$conifg/envs/prod/podinfo.yaml]\n"})
	_, message := s.is("valued", "failed", "InvalidSettings").ready()
	s.says(message, `there is no source "$conifg"`, "spec.sources")
}
