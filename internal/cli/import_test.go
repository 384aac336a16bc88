package cli

import (
	"bytes"
	"strings"
	"testing"

	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/report"
)

// TestMayAdopt: what was shown is gone ahead with only if nothing stands against it, and somebody says yes.
func TestMayAdopt(t *testing.T) {
	object := report.AdoptedObject{From: "Argo CD application shop"}
	restarts := report.AdoptedObject{From: "Argo CD application shop", Restarts: true}
	refused := report.AdoptedObject{ObjectDiff: report.ObjectDiff{Change: report.ObjectRefused}}
	held := []report.OtherTool{{Holds: []plan.ToolHold{{Message: "it syncs by itself"}}}}
	for _, row := range []struct {
		reason string
		answer report.Adoption
		o      importOptions
		stdin  string // of somebody who can be asked
		do     bool
		code   int
		says   string
	}{
		{"nothing to take over", report.Adoption{Others: 3}, importOptions{yes: true}, "", false, exitDone, ""},
		{"nobody was asked", report.Adoption{Objects: []report.AdoptedObject{object}}, importOptions{}, "", false, exitDone, "nothing was written; to take them over: plumb import --adopt web --yes"},
		{"a yes", report.Adoption{Objects: []report.AdoptedObject{object}}, importOptions{yes: true}, "", true, exitDone, ""},
		{"another tool does not let go, whoever says yes", report.Adoption{Objects: []report.AdoptedObject{object}, Tools: held}, importOptions{yes: true}, "", false, exitFailed, "does not let go"},
		{"one object cannot be had", report.Adoption{Objects: []report.AdoptedObject{object, refused}}, importOptions{yes: true}, "", false, exitFailed, "not every object"},
		{"a yes is none to a restart", report.Adoption{Objects: []report.AdoptedObject{object, restarts}}, importOptions{yes: true}, "", false, exitFailed, "--allow-restart"},
		{"unless that is allowed", report.Adoption{Objects: []report.AdoptedObject{object, restarts}}, importOptions{yes: true, allowRestart: true}, "", true, exitDone, ""},
		{"somebody is asked, and says yes", report.Adoption{Objects: []report.AdoptedObject{object, restarts}}, importOptions{}, "y\n", true, exitDone, "Take 2 objects over, and restart the pods of 1?"},
		{"or nothing", report.Adoption{Objects: []report.AdoptedObject{object}}, importOptions{}, "\n", false, exitNo, "Take 1 object over?"},
		{"or what is no yes", report.Adoption{Objects: []report.AdoptedObject{object}}, importOptions{}, "yesterday\n", false, exitNo, "nothing was written"},
		{"a machine is not asked", report.Adoption{Objects: []report.AdoptedObject{object}}, importOptions{format: "json"}, "y\n", false, exitDone, "nothing was written"},
	} {
		t.Run(row.reason, func(t *testing.T) {
			var said bytes.Buffer
			env := Env{Stdin: strings.NewReader(row.stdin), Stderr: &said, Interactive: row.stdin != ""}
			if row.o.format == "" {
				row.o.format = "table"
			}
			do, err := row.o.mayAdopt(env, []report.Adoption{row.answer}, "web")
			text := said.String()
			if err != nil {
				text += asFault(err).Message + asFault(err).Next
			}
			if do != row.do || exitCode(err) != row.code || !strings.Contains(text, row.says) {
				t.Errorf("%v with %d: %s", do, exitCode(err), text)
			}
		})
	}
}
