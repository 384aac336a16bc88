package plan

import (
	"cmp"
	"slices"
	"strings"

	"plumb.dev/plumb/internal/object"
)

// The phases of a revision, in their order (resources.md §7.2). SyncFail has its turn when something of the others failed.
const (
	PreSync  = "PreSync"
	Sync     = "Sync"
	PostSync = "PostSync"
	SyncFail = "SyncFail"
	// Around the end of the app: before the first of its objects is deleted, and after the last.
	PreDelete  = "PreDelete"
	PostDelete = "PostDelete"
)

var phases = []string{PreSync, Sync, PostSync, SyncFail, PreDelete, PostDelete}

// phaseIndex gives the place of a phase in the order; "" is Sync.
func phaseIndex(phase string) int {
	if phase == "" {
		phase = Sync
	}
	return slices.Index(phases, phase)
}

// RunState is how far the run of a hook came.
type RunState string

// The states of a run, in their order.
const (
	RunStarting  RunState = "Starting" // decided and recorded: its object may be there or not
	RunStarted   RunState = "Started"  // its object was made
	RunSucceeded RunState = "Succeeded"
	RunFailed    RunState = "Failed"
)

// Run is one run of a hook in a phase of a revision.
type Run struct {
	State RunState `json:"state"`
	// Attempt names the request (plumb sync) that it was run again for, after it had failed; "" is the first run.
	Attempt string `json:"attempt,omitempty"`
	// Revision is that which the hook is of, if it is not that of the plan: around the end of the app.
	Revision string `json:"revision,omitempty"`
}

// record is what an Inventory entry says of a hook: how far each of its phases came in one revision. It is what makes a
// hook run once per revision, through restarts and kills: a run is recorded before its object is made, and its end before
// anything is done that follows from it.
type record struct {
	revision string
	runs     map[string]Run
}

// parseRecord reads the form "<revision> PreSync=Succeeded PostSync=Started/1f2e3d4c". What is not of it is no record.
func parseRecord(text string) record {
	words := strings.Fields(text)
	r := record{runs: map[string]Run{}}
	for i, word := range words {
		phase, state, ok := strings.Cut(word, "=")
		switch {
		case i == 0:
			r.revision = word
		case ok && slices.Contains(phases, phase):
			state, attempt, _ := strings.Cut(state, "/")
			r.runs[phase] = Run{State: RunState(state), Attempt: attempt}
		}
	}
	return r
}

// at gives the run of a phase in a revision; the zero Run if there is none.
func (r record) at(revision, phase string) Run {
	if r.revision != revision {
		return Run{}
	}
	return r.runs[phase]
}

// under tells whether a run of whatever revision has begun, and its end was not seen.
func (r record) under() bool {
	for _, run := range r.runs {
		if run.State == RunStarted || run.State == RunStarting {
			return true
		}
	}
	return false
}

// noted gives the record with one more run in it. That of another revision goes.
func noted(text, revision, phase string, run Run) string {
	revision = cmp.Or(run.Revision, revision)
	r := parseRecord(text)
	if r.revision != revision {
		r = record{revision: revision, runs: map[string]Run{}}
	}
	r.runs[phase] = run
	words := []string{revision}
	for _, phase := range phases {
		if run, ok := r.runs[phase]; ok {
			word := phase + "=" + string(run.State)
			if run.Attempt != "" {
				word += "/" + run.Attempt
			}
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

// HookName is the name of a hook that has only a prefix in Git: the prefix, cut so that the name fits a label, and 8
// hexadecimal digits of the app, the revision and the phase (resources.md §7.2).
func HookName(prefix string, app App, revision, phase string) string {
	const digits, longest = 8, 63
	sum := object.DigestBytes([]byte(app.Namespace + "/" + app.Name + "\n" + revision + "\n" + phase))
	return prefix[:min(len(prefix), longest-digits)] + strings.TrimPrefix(sum, "sha256:")[:digits]
}

// generated tells whether a name may have been made from a prefix by HookName.
func generated(name, prefix string) bool {
	rest, ok := strings.CutPrefix(name, prefix[:min(len(prefix), 55)])
	return ok && len(rest) == 8 && strings.Trim(rest, "0123456789abcdef") == ""
}
