package cli

import (
	"time"

	"plumb.dev/plumb/internal/report"
)

// rollbackAnswer is what -o json prints of a rollback: what is taken back, what it would do, and what was done.
type rollbackAnswer struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	App        string `json:"app"`
	From       string `json:"from"` // commits, in full
	To         string `json:"to"`
	Base       string `json:"base"` // the branch that the app follows
	Branch     string `json:"branch"`
	Commit     string `json:"commit"` // of the revert
	// Files are the paths that are taken back; of Conflicts nothing is, and people have to mend them.
	Files     []string      `json:"files"`
	Conflicts []string      `json:"conflicts,omitempty"`
	Others    []string      `json:"others,omitempty"` // other apps that change with it
	Preview   *diffAnswer   `json:"preview,omitempty"`
	Held      *rollbackHold `json:"held,omitempty"`
	Pushed    bool          `json:"pushed"`            // by this call, or there already
	Existed   bool          `json:"existed,omitempty"` // the branch was there already, and is left as it is
	Pull      *rollbackPull `json:"pull,omitempty"`
	Open      string        `json:"open,omitempty"` // the address at which a person opens the pull request
}

type rollbackHold struct {
	At    string    `json:"at"`
	Until time.Time `json:"until"`
}

type rollbackPull struct {
	Number int    `json:"number"`
	URL    string `json:"url"`
}

// say prints lines for people.
func (r *rollback) say(lines ...string) {
	if r.format == "table" {
		r.out.lines(lines)
	}
}

// told prints the answer for programs, whatever came of it, and gives the error that there was.
func (r *rollback) told(err error) error {
	if r.format == "table" || r.made.Commit == "" {
		return err
	}
	a := &r.answer
	a.APIVersion, a.Kind, a.App, a.From, a.To = outputVersion, "Rollback", r.change.Address, r.change.Bad, r.change.Good
	a.Base, a.Branch, a.Commit = r.branch, r.change.Branch(), r.made.Commit
	a.Files, a.Conflicts, a.Others = r.made.Paths, r.made.Conflicts, r.others
	if failed := r.out.machine(r.format, a); failed != nil {
		return failed
	}
	return err
}

// previewed shows what the cluster would make of it.
func (r *rollback) previewed(c report.Comparison) {
	r.lines = report.Style{ASCII: true}.Compare(c)
	r.say(r.out.style.Compare(c)...)
	answer := diffAnswerOf(r.tip, c)
	r.answer.Preview = &answer
}
