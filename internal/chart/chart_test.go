package chart_test

import (
	"archive/tar"
	"context"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"plumb.dev/plumb/internal/chart"
	"plumb.dev/plumb/internal/chart/charttest"
	"plumb.dev/plumb/internal/fault"
)

func open(t *testing.T, options chart.Options) *chart.Store {
	t.Helper()
	s, err := chart.Open(t.TempDir(), options)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// listed lets every chart of a server be fetched.
func listed(url string, ca []byte) []chart.Access { return []chart.Access{{URL: url, CA: ca}} }

func fetch(t *testing.T, s *chart.Store, want chart.Want) *chart.Chart {
	t.Helper()
	c, err := s.Fetch(context.Background(), want)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// refuses tells why a fetch was refused; the test fails if it was not.
func refuses(t *testing.T, s *chart.Store, want chart.Want, reason fault.Reason, says string) {
	t.Helper()
	c, err := s.Fetch(context.Background(), want)
	if err == nil {
		t.Fatalf("fetched %s, want %s", c.Version, reason)
	}
	f := fault.Of(err, "")
	if f.Reason != reason || !regexp.MustCompile(says).MatchString(f.Error()+" "+f.Code) {
		t.Errorf("want %s, %q; got %s %s: %v (next: %s)", reason, says, f.Reason, f.Code, f, f.Next)
	}
	if strings.Contains(f.Error()+f.Next, "hunter22") {
		t.Errorf("a password got out: %v", f)
	}
}

// side is a repository or a registry, to publish to and to ask.
type side struct {
	name     string
	repo     string
	access   []chart.Access
	publish  func(version string, archive []byte)
	shutDown func()
}

// sides gives both kinds, each with TLS by an authority of its own and a password.
func sides(t *testing.T) []side {
	options := charttest.Options{TLS: true, User: "me", Password: "hunter22"}
	r, o := charttest.NewRepository(t, options), charttest.NewRegistry(t, options)
	down := func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }
	return []side{
		{
			name: "repository", repo: r.URL, access: []chart.Access{{URL: r.URL, Username: "me", Password: "hunter22", CA: r.CA}},
			publish:  func(version string, archive []byte) { r.Publish("podinfo", version, archive) },
			shutDown: func() { r.Break(http.HandlerFunc(down)) },
		},
		{
			name: "registry", repo: o.URL + "/charts", access: []chart.Access{{URL: o.URL + "/charts", Username: "me", Password: "hunter22", CA: o.CA}},
			publish:  func(version string, archive []byte) { o.Publish(t, "charts", "podinfo", version, archive) },
			shutDown: func() { o.Break(down) },
		},
	}
}

func TestVersions(t *testing.T) {
	for _, side := range sides(t) {
		for _, v := range []string{"6.0.0", "6.1.2", "6.1.10", "7.0.0-rc.1", "5.9.0+build.7"} {
			side.publish(v, charttest.Archive(t, "podinfo", v, nil))
		}
		for _, row := range []struct{ version, want, reason string }{
			{"6.1.2", "6.1.2", "exact"},
			{"v6.1.2", "6.1.2", "a v before it makes no difference to a repository; a registry's tag is what it is"},
			{"6.x", "6.1.10", "numbers, not texts, are compared"},
			{">=6.0 <6.1.5", "6.1.2", "a range"},
			{"*", "6.1.10", "no pre-release unless it is asked for"},
			{">=6-0", "7.0.0-rc.1", "a range with a pre-release takes them"},
			{"5.9.0+build.7", "5.9.0+build.7", "build metadata: a tag cannot hold the plus"},
		} {
			if side.name == "registry" && strings.HasPrefix(row.version, "v") {
				continue
			}
			s := open(t, chart.Options{})
			c := fetch(t, s, chart.Want{Ref: chart.Ref{Repo: side.repo, Name: "podinfo", Version: row.version}, Access: side.access})
			if c.Version != row.want {
				t.Errorf("%s: %s gives %s, want %s: %s", side.name, row.version, c.Version, row.want, row.reason)
			}
			data, err := fs.ReadFile(c.FS(), c.File())
			if err != nil || len(data) == 0 {
				t.Errorf("%s: %v", side.name, err)
			}
		}
		s := open(t, chart.Options{})
		refuses(t, s, chart.Want{Ref: chart.Ref{Repo: side.repo, Name: "podinfo", Version: "8.x"}, Access: side.access}, fault.RevisionNotFound, `no version 8.x of podinfo`)
		refuses(t, s, chart.Want{Ref: chart.Ref{Repo: side.repo, Name: "other", Version: "1.0.0"}, Access: side.access}, fault.RevisionNotFound, `there is no chart other`)
	}
}

// An exact version is asked for once; a range follows what is published, and is served from the store while nobody answers.
func TestExactOnceRangesMove(t *testing.T) {
	for _, side := range sides(t) {
		t.Run(side.name, func(t *testing.T) {
			s := open(t, chart.Options{})
			side.publish("6.0.0", charttest.Archive(t, "podinfo", "6.0.0", nil))
			exact := chart.Want{Ref: chart.Ref{Repo: side.repo, Name: "podinfo", Version: "6.0.0"}, Access: side.access}
			wide := chart.Want{Ref: chart.Ref{Repo: side.repo, Name: "podinfo", Version: "6.x"}, Access: side.access}
			first := fetch(t, s, exact)
			if c := fetch(t, s, wide); c.Version != "6.0.0" || c.Digest != first.Digest {
				t.Errorf("6.x is %s", c.Version)
			}
			side.publish("6.1.0", charttest.Archive(t, "podinfo", "6.1.0", nil))
			if c := fetch(t, s, wide); c.Version != "6.1.0" {
				t.Errorf("after 6.1.0 was published 6.x is %s", c.Version)
			}
			side.shutDown()
			if c := fetch(t, s, exact); c.Digest != first.Digest {
				t.Error("the exact version is another one")
			}
			refuses(t, s, wide, fault.FetchFailed, "does not answer")
			known, ok := s.Known("", wide.Ref)
			if !ok || known.Version != "6.1.0" {
				t.Error("what 6.x was last is not in the store")
			}
			if _, ok := s.Known("another scope", exact.Ref); ok {
				t.Error("who has other credentials was given the archive")
			}
		})
	}
}

// Nothing moved, nothing is transferred: the index is asked for by its ETag.
func TestUnchangedIndexIsNotTransferred(t *testing.T) {
	r := charttest.NewRepository(t, charttest.Options{})
	r.Publish("podinfo", "6.0.0", charttest.Archive(t, "podinfo", "6.0.0", nil))
	s := open(t, chart.Options{})
	want := chart.Want{Ref: chart.Ref{Repo: r.URL, Name: "podinfo", Version: "6.x"}, Access: listed(r.URL, nil)}
	fetch(t, s, want)
	r.Requests()
	fetch(t, s, want)
	if got := r.Requests(); !slices.Equal(got, []string{"/index.yaml"}) {
		t.Errorf("asked for %v", got)
	}
}

func TestCredentialsAreBound(t *testing.T) {
	for _, side := range sides(t) {
		side.publish("6.0.0", charttest.Archive(t, "podinfo", "6.0.0", nil))
		ref := chart.Ref{Repo: side.repo, Name: "podinfo", Version: "6.0.0"}
		s := open(t, chart.Options{})
		wrong := slices.Clone(side.access)
		wrong[0].Password = "hunter222"
		refuses(t, s, chart.Want{Ref: ref, Access: wrong}, fault.CredentialsRefused, "wants another credential")
		bare := slices.Clone(side.access)
		bare[0].Username, bare[0].Password = "", ""
		refuses(t, s, chart.Want{Ref: ref, Access: bare}, fault.CredentialsRefused, "wants another credential")
		elsewhere := slices.Clone(side.access)
		elsewhere[0].URL += "/other"
		refuses(t, s, chart.Want{Ref: ref, Access: elsewhere}, fault.UnsafeURL, "private network")
		untrusted := slices.Clone(side.access)
		untrusted[0].CA = nil
		if side.name == "repository" {
			refuses(t, s, chart.Want{Ref: ref, Access: untrusted}, fault.FetchFailed, "certificate")
		}
	}
}

// An index or a redirect may lead elsewhere; the credential does not follow.
func TestCredentialsStayHome(t *testing.T) {
	home := charttest.NewRepository(t, charttest.Options{User: "me", Password: "hunter22"})
	away := charttest.NewRepository(t, charttest.Options{})
	archive := charttest.Archive(t, "podinfo", "6.0.0", nil)
	home.Publish("podinfo", "6.0.0", archive)
	away.Publish("podinfo", "6.0.0", archive)
	access := []chart.Access{{URL: home.URL, Username: "me", Password: "hunter22"}, {URL: away.URL}}
	want := chart.Want{Ref: chart.Ref{Repo: home.URL, Name: "podinfo", Version: "6.0.0"}, Access: access}
	home.Point("podinfo", away.URL+"/charts/podinfo-6.0.0.tgz")
	fetch(t, open(t, chart.Options{}), want)
	if got := away.Requests(); !slices.Equal(got, []string{"/charts/podinfo-6.0.0.tgz"}) {
		t.Errorf("by the index: asked for %v", got)
	}
	home.Point("podinfo", "charts/podinfo-6.0.0.tgz")
	home.Break(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, away.URL+r.URL.Path, http.StatusFound)
	}))
	if _, err := open(t, chart.Options{}).Fetch(context.Background(), want); err != nil {
		t.Error(err)
	}
	for _, asked := range away.Requests() {
		if strings.Contains(asked, "+auth") {
			t.Errorf("by a redirect: %s", asked)
		}
	}
	want.Access = access[:1]
	refuses(t, open(t, chart.Options{}), want, fault.UnsafeURL, "private network")
}

func TestPrivateNetworksAreClosed(t *testing.T) {
	r := charttest.NewRepository(t, charttest.Options{TLS: true})
	r.Publish("podinfo", "6.0.0", charttest.Archive(t, "podinfo", "6.0.0", nil))
	ref := chart.Ref{Repo: r.URL, Name: "podinfo", Version: "6.0.0"}
	refuses(t, open(t, chart.Options{}), chart.Want{Ref: ref}, fault.UnsafeURL, "private network.*list its address")
	if got := r.Requests(); len(got) > 0 {
		t.Errorf("it was asked all the same: %v", got)
	}
	// A name that leads there is no way in either: the address is looked at after it was looked up.
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(r.URL, "https://"))
	ref.Repo = "https://localhost:" + port
	refuses(t, open(t, chart.Options{}), chart.Want{Ref: ref}, fault.UnsafeURL, "private network")
	ref.Repo = "oci://localhost:" + port
	refuses(t, open(t, chart.Options{}), chart.Want{Ref: ref}, fault.UnsafeURL, "private network")
}

func TestDigests(t *testing.T) {
	r, o := charttest.NewRepository(t, charttest.Options{}), charttest.NewRegistry(t, charttest.Options{})
	archive := charttest.Archive(t, "podinfo", "6.0.0", nil)
	other := charttest.Archive(t, "podinfo", "6.0.0", map[string]string{"templates/a.yaml": "x"})
	access := append(listed(r.URL, nil), listed(o.URL, nil)...)
	want := func(ref chart.Ref) chart.Want { return chart.Want{Ref: ref, Access: access} }

	r.PublishAs("podinfo", "6.0.0", strings.Repeat("ab", 32), archive)
	refuses(t, open(t, chart.Options{}), want(chart.Ref{Repo: r.URL, Name: "podinfo", Version: "6.0.0"}), fault.FetchFailed, "CHART_DIGEST")
	r.PublishAs("nodigest", "6.0.0", "", charttest.Archive(t, "nodigest", "6.0.0", nil))
	fetch(t, open(t, chart.Options{}), want(chart.Ref{Repo: r.URL, Name: "nodigest", Version: "6.0.0"}))

	manifest := o.Publish(t, "charts", "podinfo", "6.0.0", archive)
	pinned := chart.Ref{Repo: o.URL + "/charts", Name: "podinfo", Version: "6.0.0", Digest: manifest}
	layer := fetch(t, open(t, chart.Options{}), want(pinned)).Digest
	pinned.Digest = "sha256:" + layer
	fetch(t, open(t, chart.Options{}), want(pinned))
	o.Publish(t, "charts", "podinfo", "6.0.0", other)
	refuses(t, open(t, chart.Options{}), want(pinned), fault.FetchFailed, "CHART_DIGEST")

	s, dir := reopened(t)
	pinned.Digest = ""
	c := fetch(t, s, want(pinned))
	if err := os.Remove(filepath.Join(dir, "archives", c.Digest)); err != nil {
		t.Fatal(err)
	}
	o.Publish(t, "charts", "podinfo", "6.0.0", archive)
	refuses(t, s, want(pinned), fault.FetchFailed, "CHART_DIGEST") // what was thrown away must come back as it was
	o.Publish(t, "charts", "podinfo", "6.0.0", other)
	if again := fetch(t, s, want(pinned)); again.Digest != c.Digest {
		t.Error("another archive came back")
	}
	if err := os.WriteFile(filepath.Join(dir, "archives", c.Digest), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := fs.ReadFile(c.FS(), c.File()); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("damaged bytes were given: %v", err)
	}
	if _, known := s.Known("", pinned); known {
		t.Error("damaged bytes are still kept")
	}
}

func reopened(t *testing.T) (*chart.Store, string) {
	dir := t.TempDir()
	s, err := chart.Open(dir, chart.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func TestWhatIsNoChart(t *testing.T) {
	o := charttest.NewRegistry(t, charttest.Options{})
	o.PublishAs(t, "images/web", "1.0.0", "application/vnd.oci.image.config.v1+json", []byte("layer"))
	access := listed(o.URL, nil)
	refuses(t, open(t, chart.Options{}), chart.Want{Ref: chart.Ref{Repo: o.URL + "/images", Name: "web", Version: "1.0.0"}, Access: access}, fault.FetchFailed, "not a Helm chart")
	o.Publish(t, "charts", "podinfo", "1.0.0", charttest.Archive(t, "podinfo", "1.0.0", nil))
	refuses(t, open(t, chart.Options{}), chart.Want{Ref: chart.Ref{Repo: o.URL + "/charts/podinfo", Name: "podinfo", Version: "1.0.0"}, Access: access}, fault.RevisionNotFound, "")
	r := charttest.NewRepository(t, charttest.Options{})
	for body, says := range map[string]string{"<html>": "not the index", strings.Repeat("x", 9<<20): "CHART_TOO_LARGE"} {
		r.Break(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
		_, err := open(t, chart.Options{}).Fetch(context.Background(), chart.Want{Ref: chart.Ref{Repo: r.URL, Name: "podinfo", Version: "1.0.0"}, Access: listed(r.URL, nil)})
		if f := fault.Of(err, ""); err == nil || !strings.Contains(f.Error()+f.Code, says) {
			t.Errorf("want %q, got %v", says, err)
		}
	}
}

// TestHostileArchives publishes what must never reach a renderer.
func TestHostileArchives(t *testing.T) {
	meta := tar.Header{Name: "podinfo/Chart.yaml", Typeflag: tar.TypeReg}
	const chartYAML = "apiVersion: v2\nname: podinfo\nversion: 1.0.0\n"
	meta.Size = int64(len(chartYAML))
	with := func(heads ...tar.Header) []byte {
		contents := []string{chartYAML}
		for _, h := range heads {
			contents = append(contents, strings.Repeat("\x00", int(h.Size)))
		}
		return charttest.Pack(t, append([]tar.Header{meta}, heads...), contents)
	}
	nested := charttest.Archive(t, "sub", "1.0.0", map[string]string{"a": "b"})
	for range 12 {
		nested = charttest.Archive(t, "sub", "1.0.0", map[string]string{"charts/sub-1.0.0.tgz": string(nested)})
	}
	many := make([]tar.Header, 10_001)
	for i := range many {
		many[i] = tar.Header{Name: "podinfo/" + strings.Repeat("a", i%200+1) + "/" + string(rune('a'+i%26)) + strings.Repeat("b", i/200), Typeflag: tar.TypeReg}
	}
	for _, row := range []struct {
		reason  string
		archive []byte
		says    string
	}{
		{"a path out of the chart", with(tar.Header{Name: "podinfo/../../etc/passwd", Typeflag: tar.TypeReg}), "leads out"},
		{"with Windows' separators", with(tar.Header{Name: `podinfo\..\..\etc`, Typeflag: tar.TypeReg}), "leads out"},
		{"an absolute path", with(tar.Header{Name: "/etc/passwd", Typeflag: tar.TypeReg}), "absolute"},
		{"a drive", with(tar.Header{Name: "c:/windows", Typeflag: tar.TypeReg}), "absolute"},
		{"a symlink", with(tar.Header{Name: "podinfo/values.yaml", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}), "link"},
		{"a hard link", with(tar.Header{Name: "podinfo/values.yaml", Typeflag: tar.TypeLink, Linkname: "podinfo/Chart.yaml"}), "link"},
		{"a device", with(tar.Header{Name: "podinfo/dev", Typeflag: tar.TypeChar}), "device"},
		{"a file twice: readers differ in which counts", with(meta), "twice"},
		{"a file beside the chart", with(tar.Header{Name: "Chart.yaml", Typeflag: tar.TypeReg}), "beside"},
		{"a bomb", with(tar.Header{Name: "podinfo/big", Typeflag: tar.TypeReg, Size: 101 << 20}), "larger than 100 MiB"},
		{"too many files", with(many...), "10,000"},
		{"folders too deep", with(tar.Header{Name: "podinfo/" + strings.Repeat("a/", 70) + "x", Typeflag: tar.TypeReg}), "deep"},
		{"archives too deep in each other", charttest.Archive(t, "podinfo", "1.0.0", map[string]string{"charts/sub-1.0.0.tgz": string(nested)}), "deep"},
		{"hostile inside of an archive in it", charttest.Archive(t, "podinfo", "1.0.0", map[string]string{"charts/x.tgz": string(with(tar.Header{Name: "podinfo/l", Typeflag: tar.TypeSymlink, Linkname: "/"}))}), "link"},
		{"another chart", charttest.Archive(t, "other", "1.0.0", nil), "holds the chart other"},
		{"another version", charttest.Archive(t, "podinfo", "1.0.1", nil), "holds version 1.0.1"},
		{"no chart", charttest.Pack(t, []tar.Header{{Name: "podinfo/a", Typeflag: tar.TypeReg}}, []string{""}), "no Chart.yaml"},
		{"not an archive", []byte("hello"), "not a gzipped"},
		{"a cut archive", with()[:60], "damaged"},
	} {
		r := charttest.NewRepository(t, charttest.Options{})
		r.Publish("podinfo", "1.0.0", row.archive)
		t.Log(row.reason)
		s, dir := reopened(t)
		refuses(t, s, chart.Want{Ref: chart.Ref{Repo: r.URL, Name: "podinfo", Version: "1.0.0"}, Access: listed(r.URL, nil)}, fault.FetchFailed, row.says)
		if kept, _ := os.ReadDir(filepath.Join(dir, "archives")); len(kept) > 0 {
			t.Errorf("%s: it was kept", row.reason)
		}
	}
	large := charttest.NewRepository(t, charttest.Options{})
	large.Publish("podinfo", "1.0.0", make([]byte, 10<<20+1))
	refuses(t, open(t, chart.Options{}), chart.Want{Ref: chart.Ref{Repo: large.URL, Name: "podinfo", Version: "1.0.0"}, Access: listed(large.URL, nil)}, fault.RenderLimit, "10 MiB")
}

func TestRefs(t *testing.T) {
	for _, row := range []struct {
		ref    chart.Ref
		reason fault.Reason
		says   string
	}{
		{chart.Ref{Repo: "https://me:hunter22@charts.example.com", Name: "a", Version: "1"}, fault.UnsafeURL, "user name"},
		{chart.Ref{Repo: "http://charts.example.com", Name: "a", Version: "1"}, fault.UnsafeURL, "loopback only"},
		{chart.Ref{Repo: "file:///etc", Name: "a", Version: "1"}, fault.UnsafeURL, "no host"},
		{chart.Ref{Repo: "ftp://charts.example.com", Name: "a", Version: "1"}, fault.UnsafeURL, "scheme"},
		{chart.Ref{Repo: "https://charts.example.com/a/../b", Name: "a", Version: "1"}, fault.UnsafeURL, "path"},
		{chart.Ref{Repo: "https://charts.example.com?token=hunter22", Name: "a", Version: "1"}, fault.UnsafeURL, "query"},
		{chart.Ref{Repo: "https://charts.example.com", Name: "../a", Version: "1"}, fault.InvalidSettings, "name"},
		{chart.Ref{Repo: "https://charts.example.com", Name: "a", Version: ""}, fault.InvalidSettings, "no version"},
		{chart.Ref{Repo: "https://charts.example.com", Name: "a", Version: "latest"}, fault.InvalidSettings, "neither a version nor a range"},
		{chart.Ref{Repo: "https://charts.example.com", Name: "a", Version: "1", Digest: "md5:1"}, fault.InvalidSettings, "digest"},
	} {
		refuses(t, open(t, chart.Options{}), chart.Want{Ref: row.ref}, row.reason, row.says)
	}
}

// A credential is bound to whole segments of a path; the longest address wins.
func TestFor(t *testing.T) {
	list := []chart.Access{{URL: "https://charts.example.com/a"}, {URL: "https://charts.example.com/a/b/"}, {URL: "oci://r.example.com"}}
	for address, want := range map[string]int{
		"https://charts.example.com/a":           0,
		"https://CHARTS.example.com:443/a/x.tgz": 0,
		"https://charts.example.com/a/b/c":       1,
		"https://charts.example.com/ab":          -1,
		"https://charts.example.com/":            -1,
		"https://charts.example.com:8443/a":      -1,
		"https://charts.example.com/a/../b":      -1,
		"https://charts.example.com.evil/a":      -1,
		"oci://r.example.com/team/podinfo":       2,
		"https://r.example.com/team/podinfo":     -1,
	} {
		if got := chart.For(list, address); got != want {
			t.Errorf("For(%s) = %d, want %d", address, got, want)
		}
	}
}

func TestOffline(t *testing.T) {
	refuses(t, open(t, chart.Options{Offline: true}), chart.Want{Ref: chart.Ref{Repo: "https://charts.example.com", Name: "a", Version: "1.x"}}, fault.Unreachable, "not on this machine")
}
