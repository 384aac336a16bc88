package state

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/health"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// heldShown is how many held deletions a status lists, and heldNamed how many its sentence names.
const (
	heldShown = 20
	heldNamed = 3
)

// waitSteps lists the steps of the last plan that wait for something outside of the app, those that apply first.
func (f Facts) waitSteps() []plan.Step {
	if f.Plan == nil {
		return nil
	}
	var steps []plan.Step
	for _, s := range f.Plan.Steps {
		if s.Action == plan.Wait && !s.Gated() {
			steps = append(steps, s)
		}
	}
	return steps
}

// gated gives the first step of the last plan that waits by the order of its app, and counts the objects that wait so.
func (f Facts) gated() (first plan.Step, n int) {
	if f.Plan == nil {
		return first, 0
	}
	for _, s := range f.Plan.Steps {
		if !s.Gated() {
			continue
		}
		if n == 0 {
			first = s
		}
		n++
	}
	return first, n
}

// inTurn tells of an app that goes through its phases and waves: what it is at, how that is, and how much comes after it.
func (f Facts) inTurn(step plan.Step, n int) judgement {
	j := judgement{state: v1alpha1.StateRolling, reason: fault.Rolling}
	id, message, kind := step.ID, step.ID.String()+" "+step.Why, ""
	for _, other := range step.After { // the first of which more is known than when it was planned
		if v, known := f.verdict(other); known && v.Health != v1alpha1.Healthy && v.Message != "" {
			id, message = other, tell(other, v.Message, "")
			break
		}
	}
	if step.ID == id && step.Run != nil {
		kind = step.Phase + " hook "
		n--
	}
	j.summary = name(f.Target) + " is rolling out: " + kind + message
	if n > 0 {
		j.summary += "; " + count(n, "object", "comes after it", "come after it")
	}
	j.blocking = blocking(id, limit(strings.TrimPrefix(message, id.String()+": "), messageLimit))
	return j
}

func (f Facts) verdict(id object.ID) (health.Verdict, bool) {
	if v, ok := f.Hooks[id]; ok {
		return v, true
	}
	v, ok := f.Verdicts[id]
	return v, ok
}

// due gives the health of the objects and of the hooks that run, without objects that are missing because it is not their
// turn yet.
func (f Facts) due() map[object.ID]health.Verdict {
	if _, n := f.gated(); f.Plan == nil || n == 0 && len(f.Hooks) == 0 {
		return f.Verdicts
	}
	rest := maps.Clone(f.Verdicts)
	if rest == nil {
		rest = map[object.ID]health.Verdict{}
	}
	for _, s := range f.Plan.Steps {
		if s.Gated() && rest[s.ID].Health == v1alpha1.Missing {
			delete(rest, s.ID)
		}
	}
	maps.Copy(rest, f.Hooks)
	return rest
}

// withoutWaiting leaves out the objects that are missing because they wait, or the whole app does.
func (f Facts) withoutWaiting() map[object.ID]health.Verdict {
	steps, all := f.waitSteps(), f.withheld()
	if len(steps) == 0 && !all {
		return f.Verdicts
	}
	waits := make(map[object.ID]bool, len(steps))
	for _, s := range steps {
		waits[s.ID] = true
	}
	rest := make(map[object.ID]health.Verdict, len(f.Verdicts))
	for id, v := range f.Verdicts {
		if !waits[id] && !all || v.Health != v1alpha1.Missing {
			rest[id] = v
		}
	}
	return rest
}

// held lists the deletions that do not go ahead, at most 20, and counts them all.
func (f Facts) held() ([]v1alpha1.HeldDeletion, int) {
	if f.Plan == nil {
		return nil, 0
	}
	var held []v1alpha1.HeldDeletion
	for _, s := range f.Plan.Steps {
		if s.Action == plan.Hold {
			held = append(held, v1alpha1.HeldDeletion{Object: s.ID.String(), Reason: string(s.Hold)})
		}
	}
	slices.SortFunc(held, func(a, b v1alpha1.HeldDeletion) int { return strings.Compare(a.Object, b.Object) })
	return held[:min(len(held), heldShown)], len(held)
}

// heldSentence gives "2 deletions wait for consent: Namespace/old, ConfigMap/web-dev/a".
func (f Facts) heldSentence(held []v1alpha1.HeldDeletion, n int) string {
	what := "for consent"
	if len(plan.AllowLines(*f.Plan)) == 0 {
		what = "for a person"
	}
	if failing := f.failing(); len(failing) > 0 {
		what = fmt.Sprintf("for consent, or until %s can be rendered", strings.Join(failing, ", "))
	}
	names := make([]string, 0, heldNamed)
	for _, h := range held[:min(len(held), heldNamed)] {
		names = append(names, h.Object)
	}
	s := fmt.Sprintf("%s %s: %s", count(n, "deletion", "waits", "wait"), what, strings.Join(names, ", "))
	if more := n - len(names); more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	if n == 1 {
		s += " (" + f.firstHold().Why + ")"
	}
	return s
}

func (f Facts) firstHold() plan.Step {
	i := slices.IndexFunc(f.Plan.Steps, func(s plan.Step) bool { return s.Action == plan.Hold })
	return f.Plan.Steps[i]
}

// allowNext gives the lines that let the held deletions go, or what to do where no line does.
func (f Facts) allowNext() string {
	lines := plan.AllowLines(*f.Plan)
	switch {
	case len(lines) == 0:
		return f.firstHold().Why
	case len(lines) > heldNamed:
		return "plumb diff prints the lines that allow them in a commit message"
	}
	next := "allow it in a commit message: " + strings.Join(lines, "; ")
	if failing := f.failing(); len(failing) > 0 {
		next = "mend " + strings.Join(failing, ", ") + ", or " + next
	}
	return next
}

// failing names the apps that cannot be rendered and may want what is held.
func (f Facts) failing() []string {
	var names []string
	for _, s := range f.Plan.Steps {
		if s.HeldFor() {
			names = append(names, s.Failing...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// waitingFor names what must happen first: other Apps, then consent.
func (f Facts) waitingFor() []v1alpha1.WaitingFor {
	var out []v1alpha1.WaitingFor
	for _, p := range f.After {
		out = append(out, v1alpha1.WaitingFor{Kind: "App", Name: p.App})
	}
	for _, s := range f.waitSteps() {
		if s.To != "" {
			_, app, _ := strings.Cut(s.To, "/")
			out = append(out, v1alpha1.WaitingFor{Kind: "App", Name: app})
		}
	}
	if f.Plan != nil {
		for _, name := range f.failing() {
			out = append(out, v1alpha1.WaitingFor{Kind: "App", Name: name[strings.LastIndex(name, "/")+1:]})
		}
	}
	slices.SortFunc(out, func(a, b v1alpha1.WaitingFor) int { return strings.Compare(a.Name, b.Name) })
	out = slices.Compact(out)
	if held, n := f.held(); n > 0 {
		name := held[0].Object
		if n > 1 {
			name += fmt.Sprintf(" and %d more", n-1)
		}
		out = append(out, v1alpha1.WaitingFor{Kind: "Consent", Name: name})
	}
	return out
}
