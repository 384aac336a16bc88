package child

import (
	"runtime/debug"
	"testing"
	"testing/fstest"

	"helm.sh/helm/v4/pkg/chart/common"

	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/render/wire"
)

// TestToolsAreTheLibraries compares the versions that are told to people with those that are linked.
func TestToolsAreTheLibraries(t *testing.T) {
	info, ok := debug.ReadBuildInfo()
	if !ok || len(info.Deps) == 0 {
		t.Skip("skipped: this test binary does not know its modules")
	}
	linked := map[string]bool{}
	for _, module := range info.Deps {
		linked[module.Path+" "+module.Version] = true
	}
	for tool, module := range map[string]string{
		wire.KustomizeTool: "sigs.k8s.io/kustomize/api " + wire.KustomizeTool[len("kustomize "):],
		wire.HelmTool:      "helm.sh/helm/v4 " + wire.HelmTool[len("helm "):],
	} {
		if !linked[module] {
			t.Errorf("%s is not what is linked", tool)
		}
	}
}

// TestBuiltinCapabilities compares what a chart is told without a cluster with what `helm template` tells it.
func TestBuiltinCapabilities(t *testing.T) {
	req := render.Request{Sources: map[string]render.Source{"": {FS: fstest.MapFS{}}}}
	served := func(name, answer string) bool {
		rec := render.Recorded{Version: render.Version, Key: req.Key(), Manifest: render.Manifest{Questions: []render.Question{{Ask: "has " + name, Answer: answer}}}}
		return rec.Unchanged(req)
	}
	for _, name := range common.DefaultVersionSet {
		if !served(name, "true") {
			t.Errorf("%s is not served", name)
		}
	}
	if !served("apps/v9", "false") || !served("apps/v1/Deployment", "false") {
		t.Error("more is served than helm says")
	}
}
