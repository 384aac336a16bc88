package cli

import (
	"fmt"
	"os"

	"github.com/rogpeppe/go-internal/testscript"

	"plumb.dev/plumb/internal/chart/charttest"
)

// chartServers are the repository and the registry of one script.
type chartServers struct {
	t          scriptT
	repository *charttest.Repository
	registry   *charttest.Registry
}

type chartsKey struct{}

// scriptT is a script as a test.
type scriptT struct{ script *testscript.TestScript }

func (scriptT) Helper()             {}
func (t scriptT) Fatal(args ...any) { t.script.Fatalf("%s", fmt.Sprint(args...)) }
func (t scriptT) Cleanup(f func())  { t.script.Defer(f) }

// serve-charts [USER PASSWORD] starts an HTTP chart repository, whose address is in $CHARTS, and a registry, in $REGISTRY.
func cmdServeCharts(ts *testscript.TestScript, _ bool, args []string) {
	t := scriptT{ts}
	var options charttest.Options
	if len(args) == 2 {
		options.User, options.Password = args[0], args[1]
	}
	s := &chartServers{t: t, repository: charttest.NewRepository(t, options), registry: charttest.NewRegistry(t, options)}
	ts.Setenv("CHARTS", s.repository.URL)
	ts.Setenv("REGISTRY", s.registry.URL)
	*ts.Value(chartsKey{}).(*chartServers) = *s
}

// publish NAME VERSION FILE: a chart with that template, in both.
func cmdPublish(ts *testscript.TestScript, _ bool, args []string) {
	s := ts.Value(chartsKey{}).(*chartServers)
	archive := charttest.Archive(s.t, args[0], args[1], map[string]string{"templates/a.yaml": ts.ReadFile(args[2]), "values.yaml": "color: blue\n"})
	s.repository.Publish(args[0], args[1], archive)
	s.registry.Publish(s.t, "charts", args[0], args[1], archive)
}

// expand FILE…: put the variables of the script into files.
func cmdExpand(ts *testscript.TestScript, _ bool, files []string) {
	for _, file := range files {
		text := os.Expand(ts.ReadFile(file), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o600))
	}
}
