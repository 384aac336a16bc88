package plan

import (
	"fmt"
	"slices"
	"strings"
)

// Counts counts the steps of a plan by what they mean for a reader. The parts add up to Total.
type Counts struct {
	Create    int `json:"create"`
	Change    int `json:"change"`
	Replace   int `json:"replace"`
	Delete    int `json:"delete"`
	Held      int `json:"held"`
	Kept      int `json:"kept"`
	Released  int `json:"released"`
	Returned  int `json:"returned,omitempty"`
	Forgotten int `json:"forgotten"`
	Refused   int `json:"refused"`
	Waiting   int `json:"waiting"`
	Left      int `json:"left"`
	Unchanged int `json:"unchanged"`
	Total     int `json:"total"`
}

// Summary counts the steps of a plan.
func Summary(p Plan) Counts {
	c := Counts{Total: len(p.Steps)}
	fields := map[Action]*int{
		Apply: &c.Change, Replace: &c.Replace, Delete: &c.Delete, Hold: &c.Held, Keep: &c.Kept, Release: &c.Released, Return: &c.Returned,
		Forget: &c.Forgotten, Refuse: &c.Refused, Wait: &c.Waiting, Leave: &c.Left, Unchanged: &c.Unchanged,
	}
	for _, s := range p.Steps {
		if s.Action == Apply && s.UID == "" {
			c.Create++
			continue
		}
		*fields[s.Action]++
	}
	return c
}

// String gives "1 to create, 2 to change, 9 unchanged": the parts that are not zero, "nothing to do" if there are none.
func (c Counts) String() string {
	var parts []string
	for _, part := range []struct {
		n    int
		word string
	}{
		{c.Create, "to create"}, {c.Change, "to change"}, {c.Replace, "to replace"}, {c.Delete, "to delete"},
		{c.Held, "held"}, {c.Kept, "kept"}, {c.Released, "handed over"}, {c.Returned, "given back"}, {c.Forgotten, "gone already"},
		{c.Refused, "refused"}, {c.Waiting, "waiting"}, {c.Left, "left alone"}, {c.Unchanged, "unchanged"},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.word))
		}
	}
	if len(parts) == 0 {
		return "nothing to do"
	}
	return strings.Join(parts, ", ")
}

// Outline gives the plan without the objects: what is worth keeping of a plan that was carried out.
func (p Plan) Outline() *Plan {
	p.Steps = slices.Clone(p.Steps)
	for i := range p.Steps {
		p.Steps[i].Object = nil
	}
	return &p
}

// Quiet tells whether the plan sends nothing to the cluster.
func (p Plan) Quiet() bool {
	for _, s := range p.Steps {
		switch s.Action {
		case Apply, Replace, Delete, Release, Return:
			return false
		}
	}
	return true
}

// Settled tells whether nothing is held that consent could let go, and nothing is undecided that may turn out to be so.
// If it is settled and its Deletes are done, its revision is the new base from whose children on consents count
// (status.consentBase). A hold that no consent lifts does not keep old consents alive.
func (p Plan) Settled() bool {
	if p.Fault != nil {
		return false
	}
	for _, s := range p.Steps {
		open := s.Action == Wait && s.Removes() && s.To == "" && !s.goes()
		if open || s.Action == Hold && s.Hold.Lifted() {
			return false
		}
	}
	return true
}

// signs are the first characters of a line of Explain, as in a diff.
var signs = map[Action]string{
	Apply: "~", Replace: "!", Delete: "-", Hold: "‖", Keep: "=", Release: ">", Return: "<", Forget: "·", Refuse: "✕", Wait: "◷", Leave: "=",
}

// Explain gives one line per step that is not Unchanged, in the order of the plan: "+ ConfigMap/web/a: not in the cluster".
// A plan with a Fault is that one line.
func Explain(p Plan) []string {
	if p.Fault != nil {
		return []string{"✕ " + p.Fault.Error()}
	}
	var lines []string
	for _, s := range p.Steps {
		if s.Action != Unchanged {
			lines = append(lines, explainStep(s))
		}
	}
	return lines
}

func explainStep(s Step) string {
	sign := signs[s.Action]
	if s.Action == Apply && s.UID == "" {
		sign = "+"
	}
	line := fmt.Sprintf("%s %s: %s", sign, s.ID, s.Why)
	if len(s.Takes) > 0 {
		line += ", with the fields of " + list(s.Takes)
	}
	if s.Fault != nil && s.Fault.Next != "" {
		line += "; " + s.Fault.Next
	}
	return line
}
