package report

import (
	"fmt"
	"strings"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/plan"
)

// Adoption is what it means that one app takes its objects over from other delivery tools.
type Adoption struct {
	Address  string
	Commit   string // that was looked at
	Tools    []OtherTool
	Releases []HelmRelease // that Helm still knows
	Objects  []AdoptedObject
	Others   int // objects of the app that are nobody else's
	Notes    []string
	Fault    *fault.Fault // it cannot be told
	Done     bool
}

// OtherTool is a tool that tracks objects, and whether it lets go of them.
type OtherTool struct {
	Name     string          `json:"name"`
	Resource string          `json:"resource"`
	Seen     bool            `json:"seen"`            // its own object was looked at
	Why      string          `json:"why,omitempty"`   // it was not
	Holds    []plan.ToolHold `json:"holds,omitempty"` // what would undo it
	Gone     string          `json:"gone,omitempty"`  // takes its own object away, afterwards
}

// HelmRelease is a release that would delete objects if it were uninstalled.
type HelmRelease struct {
	Name   string `json:"name"`
	Forget string `json:"forget"` // the command by which Helm forgets it
}

// AdoptedObject is one object, whose it was, and what changes.
type AdoptedObject struct {
	ObjectDiff
	From     string `json:"from,omitempty"`
	Restarts bool   `json:"restarts,omitempty"` // pods would be replaced
}

// Adopts counts the objects that change hands.
func (a Adoption) Adopts() int { return a.count(func(o AdoptedObject) bool { return o.From != "" }) }

// Restarts counts the objects whose pods would be replaced.
func (a Adoption) Restarts() int { return a.count(func(o AdoptedObject) bool { return o.Restarts }) }

// Changes counts the objects of which more would change than whose they are.
func (a Adoption) Changes() int {
	return a.count(func(o AdoptedObject) bool { return o.From != "" && len(o.Fields) > 0 })
}

// Refused counts the objects that cannot be had.
func (a Adoption) Refused() int {
	return a.count(func(o AdoptedObject) bool { return o.Change == ObjectRefused })
}

func (a Adoption) count(is func(AdoptedObject) bool) int {
	n := 0
	for _, o := range a.Objects {
		if is(o) {
			n++
		}
	}
	return n
}

// Held tells whether another tool would not let go.
func (a Adoption) Held() bool {
	for _, t := range a.Tools {
		if len(t.Holds) > 0 {
			return true
		}
	}
	return false
}

// Adoption lays out what would happen: objects by whose they are, what would change on each, and what comes first.
func (s Style) Adoption(a Adoption, all bool) []string {
	if a.Fault != nil {
		return append([]string{s.bold(Clean(a.Address))}, strings.Split(s.Trouble(a.Fault), "\n")...)
	}
	lines := []string{s.bold(Clean(a.Address)) + fmt.Sprintf("  %s to take over, as of %s", plural(a.Adopts(), "object"), short(a.Commit))}
	for _, tool := range a.Tools {
		lines = append(lines, "  "+Clean(tool.Name))
		var objects []ObjectDiff
		same := 0
		for _, o := range a.Objects {
			switch {
			case o.From != tool.Name:
			case len(o.Fields) == 0 && len(o.Notes) == 0 && !all:
				same++
			default:
				objects = append(objects, o.ObjectDiff)
			}
		}
		lines = append(lines, s.objectDiffs(objects, all)...)
		if same > 0 {
			lines = append(lines, fmt.Sprintf("    > %s of which nothing changes but whose they are", plural(same, "object")))
		}
	}
	for _, o := range a.Objects {
		if o.From == "" {
			lines = append(lines, s.objectDiff(o.ObjectDiff)...)
		}
	}
	for _, note := range a.Notes {
		lines = append(lines, "  "+Clean(note))
	}
	lines = append(lines, s.firstSteps(a)...)
	for _, r := range a.Releases {
		lines = append(lines, fmt.Sprintf("  ! Helm still knows the release %s: helm uninstall would delete its objects. Let Helm forget it afterwards:", Clean(r.Name)), "      "+Clean(r.Forget))
	}
	return append(lines, s.adoptionSummary(a))
}

// firstSteps tells what has to happen before.
func (s Style) firstSteps(a Adoption) []string {
	var lines []string
	for _, tool := range a.Tools {
		if !tool.Seen {
			lines = append(lines, fmt.Sprintf("  ! whether %s lets go is not known: %s. Where it lives, let it neither sync nor delete (docs: cli.md, import)", Clean(tool.Name), Clean(tool.Why)))
		}
		for _, hold := range tool.Holds {
			lines = append(lines, "  "+s.paint(v1alpha1.StateFailed, s.Glyph(v1alpha1.StateFailed))+" "+Clean(tool.Name)+" does not let go: "+Clean(hold.Message))
			if hold.Command != "" {
				lines = append(lines, "      "+Clean(hold.Command))
			}
		}
	}
	return lines
}

func (s Style) adoptionSummary(a Adoption) string {
	if a.Adopts() == 0 {
		return fmt.Sprintf("Nothing to take over: no object of %s is another tool's.", Clean(a.Address))
	}
	line := fmt.Sprintf("Summary: %d taken over, %d of them changed, %d with a restart of pods, 0 deleted", a.Adopts(), a.Changes(), a.Restarts())
	if n := a.Refused(); n > 0 {
		line += fmt.Sprintf(", %d refused", n)
	}
	return line + "."
}
