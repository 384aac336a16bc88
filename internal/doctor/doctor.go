// Package doctor looks at everything that Plumb needs, on this machine and in a cluster, and says of what is wrong what to do.
//
// It reads as the person who asks, and changes nothing; what that person may not see is told as not seen, never as fine. It
// does not look at what apps deliver: that is `plumb status`.
//
// Start at Examine: the checks are functions in the order of that list.
package doctor

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"k8s.io/client-go/rest"

	"plumb.dev/plumb/internal/fault"
)

// Grade is how good a finding is.
type Grade string

// The grades.
const (
	Fine    Grade = "fine"
	Warning Grade = "warning" // it works, or will, but not as it might
	Wrong   Grade = "wrong"   // something does not work
	Unseen  Grade = "unseen"  // it could not be looked at
)

// Finding is what one check found.
type Finding struct {
	Check   string `json:"check"` // one word
	Grade   Grade  `json:"grade"`
	Message string `json:"message"`        // one sentence without a full stop
	Next    string `json:"next,omitempty"` // what to do now; set where the grade is Warning or Wrong
}

// Options say what to look at.
type Options struct {
	Config   *rest.Config // of the person; nil if no cluster is configured, which Trouble explains
	Trouble  error
	CacheDir string // of an agent on this machine
	// Sandbox starts a render child and tells what its sandbox lacks on this machine, "" for nothing.
	Sandbox func(context.Context) (weakness string, err error)
	Now     func() time.Time
}

// examination is one run.
type examination struct {
	Options
	api      *api
	findings []Finding
	fleet    fleet
	silent   bool // no agent is heard from
}

// Examine runs all checks. Those that need a cluster are left out where none answers.
func Examine(ctx context.Context, o Options) []Finding {
	e := &examination{Options: o}
	for _, check := range []func(context.Context){e.git, e.renders, e.disk} {
		check(ctx)
	}
	if !e.reach(ctx) {
		return e.findings
	}
	for _, check := range []func(context.Context){
		e.rights, e.definitions, e.policies, e.agent, e.accounts, e.endings, e.repositories, e.webhooks, e.services,
	} {
		check(ctx)
	}
	return e.findings
}

func (e *examination) fine(check, format string, args ...any) {
	e.findings = append(e.findings, Finding{Check: check, Grade: Fine, Message: fmt.Sprintf(format, args...)})
}

func (e *examination) warn(check, next, format string, args ...any) {
	e.findings = append(e.findings, Finding{Check: check, Grade: Warning, Message: fmt.Sprintf(format, args...), Next: next})
}

func (e *examination) wrong(check, next, format string, args ...any) {
	e.findings = append(e.findings, Finding{Check: check, Grade: Wrong, Message: fmt.Sprintf(format, args...), Next: next})
}

// unseen tells of what could not be looked at.
func (e *examination) unseen(check string, err error) {
	f := Finding{Check: check, Grade: Unseen, Message: "it cannot be looked at: " + err.Error()}
	if isForbidden(err) {
		f.Message = "you may not look at it"
		f.Next = "ask an administrator to run plumb doctor"
	}
	e.findings = append(e.findings, f)
}

// fault tells of an error that knows its next step.
func (e *examination) fault(check string, err error, next string) {
	f := fault.Of(err, fault.Unreachable)
	e.wrong(check, cmp.Or(f.Next, next), "%s", f.Message)
}

// Any tells whether a finding is of a grade.
func Any(findings []Finding, grade Grade) bool {
	for _, f := range findings {
		if f.Grade == grade {
			return true
		}
	}
	return false
}
