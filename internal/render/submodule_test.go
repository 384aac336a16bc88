package render_test

import (
	"net/http"
	"testing"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/source"
	"plumb.dev/plumb/internal/source/sourcetest"
)

// TestSubmoduleIsAnInput: what is read of a submodule is recorded, so that nothing is rendered nor asked while the pin stays;
// a submodule that cannot be fetched is no property of the inputs.
func TestSubmoduleIsAnInput(t *testing.T) {
	lib, fleet := sourcetest.NewRepo(t), sourcetest.NewRepo(t)
	first := lib.Commit("main", "one", sourcetest.File("base/kustomization.yaml", "resources: [a.yaml]\n"), sourcetest.File("base/a.yaml", configMap))
	second := lib.Commit("main", "two", sourcetest.File("other", "x"))
	server := sourcetest.Serve(t, lib, sourcetest.ServerOptions{})
	fleet.Commit("main", "one", sourcetest.File(".gitmodules", "[submodule \"lib\"]\n\tpath = lib\n\turl = "+server.URL+"\n"),
		sourcetest.Submodule("lib", first), sourcetest.File("app/kustomization.yaml", "resources: [../lib/base]\n"))
	m, err := source.Open(t.TempDir(), source.Remote{URL: sourcetest.Serve(t, fleet, sourcetest.ServerOptions{}).URL}, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	at := func() render.Request {
		t.Helper()
		head, err := m.Resolve(t.Context(), "main")
		if err == nil {
			err = m.Fetch(t.Context(), head)
		}
		if err != nil {
			t.Fatal(err)
		}
		tree, err := m.Snapshot(t.Context(), head.Commit)
		if err != nil {
			t.Fatal(err)
		}
		return render.Request{Sources: map[string]render.Source{"": {FS: tree}}, Path: "app", Release: "r", Namespace: "ns"}
	}
	r := newRenderer(t, render.Options{})
	good, err := r.Render(t.Context(), at())
	if err != nil || len(good.Objects) != 1 {
		t.Fatalf("%d objects, %v", len(good.Objects), err)
	}
	recorded := render.Record(at(), good)
	fleet.Commit("main", "two", sourcetest.File("elsewhere", "x"))
	before := server.Requests()
	if !recorded.Unchanged(at()) || server.Requests() != before {
		t.Errorf("unchanged inputs: %v, %d requests", recorded.Unchanged(at()), server.Requests()-before)
	}
	fleet.Commit("main", "three", sourcetest.Submodule("lib", second))
	server.Break(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	req := at()
	if recorded.Unchanged(req) {
		t.Error("a pin that moved to what nobody could read is unchanged")
	}
	manifest, err := r.Render(t.Context(), req)
	if f := fault.Of(err, ""); f == nil || f.Reason != fault.FetchFailed || f.Code != source.CodeSubmodule || render.RecordFailure(req, manifest, err) != nil {
		t.Errorf("an unreachable submodule gives %#v, recorded as %v", f, render.RecordFailure(req, manifest, err))
	}
}
