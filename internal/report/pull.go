package report

import (
	"fmt"
	"slices"
	"strings"

	"plumb.dev/plumb/internal/fault"
)

// PullPlan is what a pull request would do, for the comment and the status on it (PullComment, PullStatus).
type PullPlan struct {
	Repo      string `json:"repo"` // the Repo
	Number    int    `json:"number"`
	Title     string `json:"title,omitempty"`     // as its author wrote it
	Author    string `json:"author,omitempty"`    // login name at the forge
	Link      string `json:"link,omitempty"`      // to the pull request at its forge
	Branch    string `json:"branch"`              // that it is to be merged into
	Head      string `json:"head"`                // commits, in full
	Tip       string `json:"tip"`                 // of the branch
	MergeBase string `json:"mergeBase,omitempty"` // where it left the branch
	URL       string `json:"url,omitempty"`       // of the whole plan; "": there is none

	// Pending says why there is no plan yet, in one sentence: it is being made, or a fork waits for somebody's word.
	Pending string `json:"pending,omitempty"`
	// Consent is the comment that has the head of a fork rendered, of whoever may push; "" if nobody's word is waited for.
	Consent string `json:"consent,omitempty"`
	// Lenient: what could not be asked does not keep the status pending.
	Lenient bool `json:"lenient,omitempty"`

	Fault      *fault.Fault  `json:"fault,omitempty"`     // of the repository as a whole: no app can be told
	Conflicts  []string      `json:"conflicts,omitempty"` // files that cannot be merged
	Apps       []PullApp     `json:"apps,omitempty"`      // that it affects, or that cannot be told
	Unaffected int           `json:"unaffected,omitempty"`
	Findings   []PullFinding `json:"findings,omitempty"` // of policy
	// Notes are risks of the change as a whole: that it changes the rules themselves, for example.
	Notes []string `json:"notes,omitempty"`
}

// PullApp is what a pull request does to one app on one cluster.
type PullApp struct {
	Address     string `json:"address"`
	Environment string `json:"environment,omitempty"`
	Cluster     string `json:"cluster,omitempty"`

	Change []PublicObject `json:"change,omitempty"` // of its own: its head against where it left the branch
	// What merging it now does, if that is something else (Differs): the tip of the branch with it against the tip.
	Merged  []PublicObject `json:"merged,omitempty"`
	Differs bool           `json:"differs,omitempty"`
	Waiting []PublicObject `json:"waiting,omitempty"` // on the branch already, and not applied yet
	Drift   []PublicObject `json:"drift,omitempty"`   // in the cluster, against what was applied

	Images []ImageChange `json:"images,omitempty"`
	Allow  []string      `json:"allow,omitempty"` // lines of a commit message that let held deletions go
	Notes  []string      `json:"notes,omitempty"`
	Fault  *fault.Fault  `json:"fault,omitempty"`  // it cannot be rendered with the change
	Before *fault.Fault  `json:"before,omitempty"` // nor could it before
	// NotAsked says why the cluster could not be asked: the objects are compared as they were rendered.
	NotAsked string `json:"notAsked,omitempty"`
	// Digest is of the pull request's own changes (diff.Digest), to be compared with what is applied after the merge.
	Digest string `json:"digest,omitempty"`
}

// ImageChange is an image that other containers use, or that is used instead of another; one of both may be "".
type ImageChange struct {
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// Levels of a PullFinding.
const (
	FindingDeny    = "deny"
	FindingApprove = "approve" // it needs the approval of a group
	FindingWarn    = "warn"
)

// PullFinding is what a rule says against the change.
type PullFinding struct {
	Level   string   `json:"level"`
	Rule    string   `json:"rule"`
	App     string   `json:"app,omitempty"`    // address
	Object  string   `json:"object,omitempty"` // as object.ID.String
	Place   string   `json:"place,omitempty"`  // file:line of the object, or of the rule
	Message string   `json:"message"`
	Groups  []string `json:"groups,omitempty"` // of which one has to approve
	// Excused says why the finding does not count: an exception with its reason and end, or who approved.
	Excused string `json:"excused,omitempty"`
}

// States of PullStatus; package forge has the same words.
const (
	PullPending = "pending"
	PullSuccess = "success"
	PullFailure = "failure"
)

// maxStatus is how many bytes a status line has: GitHub takes 140 characters, the others more.
const maxStatus = 140

// PullStatus gives the state and the one line of the required status.
func PullStatus(p PullPlan) (state, line string) {
	state, line = p.status()
	return state, cut(Clean(line), maxStatus)
}

func (p PullPlan) status() (state, line string) {
	unasked := p.unasked()
	denied, asks := p.findings(FindingDeny), p.findings(FindingApprove)
	switch app, f := p.broken(); {
	case p.Pending != "":
		return PullPending, p.Pending
	case len(p.Conflicts) > 0:
		return PullFailure, fmt.Sprintf("conflicts with %s in %s: %s", p.Branch, plural(len(p.Conflicts), "file"), p.Conflicts[0])
	case p.Fault != nil:
		return PullFailure, placed(p.Fault)
	case f != nil:
		return PullFailure, app + " cannot be rendered: " + placed(f)
	case len(denied) > 0:
		return PullFailure, fmt.Sprintf("denied by %s: %s", denied[0].Rule, denied[0].Message)
	case p.Counts().Refused > 0:
		return PullFailure, fmt.Sprintf("%s of %s would be refused: %s", plural(p.Counts().Refused, "object"), plural(len(p.Apps), "app"), p.firstRefused())
	case len(unasked) > 0 && !p.Lenient:
		return PullPending, fmt.Sprintf("%s: %s", unasked[0].Address, unasked[0].NotAsked)
	case len(asks) > 0:
		return PullPending, fmt.Sprintf("%s asks for an approval by %s", asks[0].Rule, strings.Join(asks[0].Groups, " or "))
	case len(p.Apps) == 0:
		return PullSuccess, "no deployment affected"
	}
	line = p.verdict()
	if len(unasked) > 0 {
		line += fmt.Sprintf("; %s could not be asked", plural(len(unasked), "cluster"))
	}
	return PullSuccess, line
}

// Counts counts the objects that merging changes, over all apps.
func (p PullPlan) Counts() DiffCounts {
	var n DiffCounts
	for _, app := range p.Apps {
		if app.Fault != nil {
			n.Failed++
		}
		for _, o := range app.effect() {
			*n.of(o.told.Change)++
		}
		n.Waiting += len(app.Waiting)
		n.Drifted += len(app.Drift)
	}
	return n
}

// effect gives what merging does.
func (a PullApp) effect() []PublicObject {
	if a.Differs {
		return a.Merged
	}
	return a.Change
}

// verdict says in a few words what changes and what is worst about it.
func (p PullPlan) verdict() string {
	n := p.Counts()
	line := plural(len(p.Apps), "app") + ": " + countsLine(n)
	if worst := p.worst(); worst != "" {
		line = worst + "; " + line
	}
	return line
}

func countsLine(n DiffCounts) string {
	var parts []string
	for _, part := range []struct {
		n    int
		word string
	}{
		{n.Added, "added"}, {n.Changed, "changed"}, {n.Deleted, "deleted"}, {n.Recreated, "recreated"}, {n.Moved, "moved"},
		{n.Held, "held"}, {n.Kept, "kept"}, {n.Refused, "refused"}, {n.Runs, "hooks run"},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.word))
		}
	}
	if len(parts) == 0 {
		return "nothing changes"
	}
	return strings.Join(parts, ", ")
}

// worst gives the gravest risk in words and where it is; "" if there is none that is worth a word.
func (p PullPlan) worst() string {
	worst := len(gravest)
	var where []string
	for _, app := range p.Apps {
		switch g := app.gravity(); {
		case g < worst:
			worst, where = g, []string{app.Address}
		case g == worst:
			where = append(where, app.Address)
		}
	}
	switch {
	case worst == len(gravest) || gravest[worst].risk == RiskUnchecked: // the apps say so; nothing is known to be wrong
		return ""
	case len(where) == 1:
		return gravest[worst].text + " in " + where[0]
	}
	return gravest[worst].text + " in " + plural(len(where), "app")
}

func (a PullApp) gravity() int {
	worst := len(gravest)
	for _, o := range a.effect() {
		worst = min(worst, gravity(o.told.Risks))
	}
	return worst
}

// broken gives the first app that cannot be rendered because of the change, else the first that could not be before either.
func (p PullPlan) broken() (address string, f *fault.Fault) {
	for _, app := range p.Apps {
		if app.Fault != nil && app.Before == nil {
			return app.Address, app.Fault
		}
	}
	for _, app := range p.Apps {
		if app.Fault != nil {
			return app.Address, app.Fault
		}
	}
	return "", nil
}

func (p PullPlan) firstRefused() string {
	for _, app := range p.Apps {
		for _, o := range app.effect() {
			if o.told.Change == ObjectRefused {
				return o.told.Object.String() + " " + strings.Join(o.told.Notes, "; ")
			}
		}
	}
	return ""
}

// unasked gives the apps whose cluster could not be asked.
func (p PullPlan) unasked() []PullApp {
	return slices.DeleteFunc(slices.Clone(p.Apps), func(a PullApp) bool { return a.NotAsked == "" })
}

// findings gives those of a level that count.
func (p PullPlan) findings(level string) []PullFinding {
	return slices.DeleteFunc(slices.Clone(p.Findings), func(f PullFinding) bool { return f.Level != level || f.Excused != "" })
}

func placed(f *fault.Fault) string {
	if place := f.Place.String(); place != "" {
		return place + ": " + f.Message
	}
	return f.Message
}

// cut bounds a text to n bytes, at a letter, and says so.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const more = "…"
	end := n - len(more)
	for end > 0 && s[end]&0xC0 == 0x80 {
		end--
	}
	return s[:end] + more
}
