package fleet

import (
	"path"
	"regexp"
	"strings"

	"github.com/Masterminds/semver/v3"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
)

// chart gives what a level says of a chart from elsewhere; nil if nothing.
func (l level) chart() *v1alpha1.ChartRef {
	if l.settings.Helm == nil {
		return nil
	}
	return l.settings.Helm.Chart
}

// makesChart tells whether the folder's own plumb.yaml, or spec.settings of an App by hand, says that it is rendered as a chart from
// elsewhere. What stands above it only gives such a folder a part of the words.
func makesChart(l listing, levels []level) bool {
	for _, v := range levels {
		own := v.file == "" || v.file == path.Join(l.dir, SettingsFile)
		if own && v.chart() != nil {
			return true
		}
	}
	return false
}

// hasChart tells whether any of the levels says something of a chart from elsewhere.
func hasChart(levels []level) bool {
	for _, v := range levels {
		if v.chart() != nil {
			return true
		}
	}
	return false
}

// named tells whether a folder's plumb.yaml names a chart from elsewhere: for those who look at folders without their levels.
func (r *reader) named(l listing) (bool, error) {
	if l.dir == "." || !l.hasFile(SettingsFile) {
		return false, nil
	}
	data, err := r.read(path.Join(l.dir, SettingsFile))
	if tooLarge(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	found, _ := parseLevel(SettingsFile, data)
	return found.chart() != nil && found.chart().Name != "", nil
}

// rendersAs is fits, and Helm for a folder whose plumb.yaml names a chart.
func (r *reader) rendersAs(l listing) ([]string, error) {
	fits, err := r.fits(l)
	if err != nil || len(fits) > 0 {
		return fits, err
	}
	named, err := r.named(l)
	if named {
		fits = []string{Helm}
	}
	return fits, err
}

// wordOf says as what a target renders, for people.
func (x *examiner) wordOf(kind string, l listing, levels []level) string {
	if kind != Helm || l.marked(chartFile) {
		return kindWords[kind]
	}
	settings := x.root.level.settings
	for _, v := range levels {
		settings = Merge(settings, v.settings)
	}
	if settings.Helm == nil || settings.Helm.Chart == nil {
		return kindWords[kind]
	}
	c := settings.Helm.Chart
	words := strings.Fields("Helm chart " + clip(c.Name) + " " + clip(c.Version))
	if c.Repo != "" {
		words = append(words, "of", clip(c.Repo))
	}
	return strings.Join(words, " ")
}

// completeChart demands what a chart from elsewhere needs, once all levels have spoken.
func (a *App) completeChart() {
	if a.Fault != nil || a.Kind != Helm || a.Settings.Helm == nil || a.Settings.Helm.Chart == nil {
		return
	}
	c := a.Settings.Helm.Chart
	for _, field := range []struct{ name, value, example string }{
		{"repo", c.Repo, "https://charts.example.com or oci://registry.example.com/charts"},
		{"name", c.Name, "podinfo"},
		{"version", c.Version, `6.9.2 or 6.x; "*" is any`},
	} {
		if field.value == "" {
			a.Fault = fault.New(fault.InvalidSettings, "helm.chart has no %s", field.name).At(a.Places["helm"]).WithNext("for example %s", field.example)
			return
		}
	}
}

var (
	chartName   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)
	chartDigest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

// checkChart looks at the words about a chart. An address is never repeated: it may hold a password.
func checkChart(c *v1alpha1.ChartRef, at string) []finding {
	if c == nil {
		return nil
	}
	var found []finding
	scheme, rest, _ := strings.Cut(c.Repo, "://")
	host, _, _ := strings.Cut(rest, "/")
	switch {
	case c.Repo == "":
	case scheme != "https" && scheme != "oci" && scheme != "http" || host == "":
		found = append(found, invalid(at+".repo", "is not the address of a chart repository", "write https://host/path or oci://host/path; a chart of this repository needs no helm.chart"))
	case strings.Contains(host, "@"):
		found = append(found, invalid(at+".repo", "holds a user name or a password", "put them into a Secret, and name it in charts of the Repo or App"))
	}
	if c.Name != "" && (!chartName.MatchString(c.Name) || strings.Contains(c.Name, "..")) {
		found = append(found, invalid(at+".name", "is not the name of a chart", ""))
	}
	if c.Version != "" {
		if _, err := semver.NewConstraint(c.Version); err != nil {
			found = append(found, invalid(at+".version", "is "+quoted(clip(c.Version))+", which is neither a version nor a range of versions", "write for example 6.9.2, 6.x or >=6.1 <7"))
		}
	}
	if c.Digest != "" && !chartDigest.MatchString(c.Digest) {
		found = append(found, invalid(at+".digest", "is not a digest", "write sha256: and 64 hexadecimal digits"))
	}
	return found
}
