package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"plumb.dev/plumb/internal/expression"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/redact"
)

// maxBudget is what all evaluations of one Evaluate may cost, in units of an expression.
const maxBudget = 50_000_000

// MaxFindings is how many findings Evaluate gives; the gravest are kept, and one more tells how many were left out.
const MaxFindings = 1000

// Evaluate judges changes by a set: which rules they do not keep, and which API versions will not be there in the next minor
// version of Kubernetes. now decides which exceptions have ended. Findings come the gravest first, then by app, object and
// rule: the same for the same input in any order. The values of Secrets are redacted before a rule sees them.
//
// It fails closed: a rule that errs on an object is a finding of the rule's level, and what is left to judge when the budget is
// used up is denied.
func Evaluate(set *Set, changes []Change, now time.Time) []Finding {
	return evaluate(set, changes, now, maxBudget)
}

func evaluate(set *Set, changes []Change, now time.Time, budget int) []Finding {
	e := evaluation{set: set, budget: budget}
	for _, c := range changes {
		e.change(c)
	}
	if e.unjudged > 0 {
		e.add(Finding{Rule: RuleLimit, Level: Deny, Message: fmt.Sprintf("the rules cost more than %d units: %d objects were not judged", budget, e.unjudged)})
	}
	for i := range e.found {
		set.except(&e.found[i], now)
	}
	slices.SortStableFunc(e.found, order)
	return bounded(slices.CompactFunc(e.found, repeats), e.dropped)
}

// bounded keeps the first MaxFindings of sorted findings, and says how many there are besides. If one of those stands in the way,
// so does that.
func bounded(found []Finding, dropped int) []Finding {
	if len(found) <= MaxFindings && dropped == 0 {
		return found
	}
	rest, level := dropped, Warn
	if dropped > 0 {
		level = Deny
	}
	if len(found) > MaxFindings {
		rest += len(found) - MaxFindings
		if Blocking(found[MaxFindings:]) {
			level = Deny
		}
		found = slices.Clone(found[:MaxFindings])
	}
	return append(found, Finding{Rule: RuleLimit, Level: level, Message: fmt.Sprintf("%d more findings are not shown", rest)})
}

// repeats tells whether two findings say the same of the same object.
func repeats(a, b Finding) bool {
	return a.Rule == b.Rule && a.App == b.App && a.Object == b.Object && a.Message == b.Message && a.Level == b.Level
}

// maxGathered bounds what is gathered before it is sorted.
const maxGathered = 20_000

// evaluation is one Evaluate under way.
type evaluation struct {
	set      *Set
	budget   int
	found    []Finding
	dropped  int // findings that had no room
	unjudged int // objects that had no budget
}

func (e *evaluation) add(f Finding) {
	if len(e.found) == maxGathered {
		e.dropped++
		return
	}
	e.found = append(e.found, f)
}

func (e *evaluation) change(c Change) {
	if c.Object == nil && c.Before == nil {
		return
	}
	if f, outdated := deprecated(c); outdated {
		e.add(f)
	}
	if e.set.Empty() {
		return
	}
	var variables map[string]any // made when a rule fits
	for _, r := range e.set.rules {
		if !r.match.fits(c) {
			continue
		}
		if e.budget <= 0 {
			e.unjudged++
			return
		}
		if variables == nil {
			variables = variablesOf(c)
		}
		if message, broken := e.judge(r, variables); broken {
			e.add(Finding{
				Rule: r.name, Level: r.level, App: c.App.Address(), Object: c.subject().ID(), Place: c.subject().Place,
				Message: message, Link: r.text.Link, Groups: r.groups,
			})
		}
	}
}

// judge asks one rule, and gives what is said if it does not hold.
func (e *evaluation) judge(r *rule, variables map[string]any) (message string, broken bool) {
	answer, err := e.ask(r.must, variables)
	if err != nil {
		return oneLine("the rule cannot be judged: " + err.Error()), true
	}
	if answer == true {
		return "", false
	}
	if r.says == nil {
		return r.fallback, true
	}
	said, err := e.ask(r.says, variables)
	if text, _ := said.(string); err == nil && strings.TrimSpace(text) != "" {
		return oneLine(text), true
	}
	return r.fallback, true
}

func (e *evaluation) ask(x *expression.Expression, variables map[string]any) (any, error) {
	answer, cost, err := x.Eval(variables)
	e.budget -= cost
	return answer, err
}

// variablesOf gives what expressions see. What is not there is null.
func variablesOf(c Change) map[string]any {
	shown := func(o *object.Object) any {
		if o == nil {
			return nil
		}
		return redact.Object(*o).Fields
	}
	return map[string]any{
		"object": shown(c.Object), "before": shown(c.Before),
		"app": map[string]string{"name": c.App.Name, "env": c.App.Env, "cluster": c.App.Cluster, "namespace": c.App.Namespace},
	}
}

// except finds the exception for a finding. The one that lasts longest counts; of one that has ended only the day is told.
func (s *Set) except(f *Finding, now time.Time) {
	if s == nil || f.App == "" {
		return
	}
	var best *exception
	for i := range s.exceptions {
		x := &s.exceptions[i]
		if x.Rule == f.Rule && x.covers(*f) && (best == nil || x.until.After(best.until)) {
			best = x
		}
	}
	switch {
	case best == nil:
	case now.Before(best.until):
		f.Exception, f.Expires = oneLine(best.Reason+" ("+best.By+")"), best.Expires
	default:
		f.Expires = best.Expires
		f.Message = oneLine(f.Message + "; the exception ended on " + best.Expires)
	}
}

func (x *exception) covers(f Finding) bool {
	if x.App != "" {
		name, cluster, _ := strings.Cut(f.App, "@")
		name, env, _ := strings.Cut(name, "/")
		if !covers(x.app, App{Name: name, Env: env, Cluster: cluster}) {
			return false
		}
	}
	if x.Object == "" {
		return true
	}
	return x.Object == f.Object.String() || x.Object == f.Object.Kind+"/"+f.Object.Name
}
