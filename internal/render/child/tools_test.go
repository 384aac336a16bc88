package child

import (
	"testing"
	"testing/fstest"

	"helm.sh/helm/v4/pkg/chart/common"

	"plumb.dev/plumb/internal/render"
)

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
