package report

import (
	"cmp"
	"slices"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
)

// Silence is how old the renewTime of the agent's Lease may be while its word still holds (resources.md §2, asOf).
const Silence = 2 * time.Minute

// Agent is when the agent was last heard from.
type Agent struct {
	Heard time.Time // renewTime of its Lease; zero if there is none
	Why   string    // why the Lease could not be read; "" if it could
	// ReadOnly: it compares and shows, and writes no object of a user.
	ReadOnly bool
	// SecretsEvery is set where the agent may not list Secrets: how often it looks at those of each app.
	SecretsEvery string
}

// ReadOnlyText says what a read-only agent does and does not.
const ReadOnlyText = "The agent is read-only: it shows what it would do, and writes no object of yours."

// Fresh tells whether what the agent wrote holds until now.
func (a Agent) Fresh(now time.Time) bool { return !a.Heard.IsZero() && now.Sub(a.Heard) <= Silence }

// Silent says since when nothing was heard, in one clause; "" while the agent is fresh.
func (a Agent) Silent(now time.Time) string {
	switch {
	case a.Fresh(now):
		return ""
	case a.Why != "":
		return "the agent's Lease cannot be read: " + Clean(a.Why)
	case a.Heard.IsZero():
		return "agent not heard from: it has no Lease here"
	}
	return "agent not heard from since " + Clock(a.Heard, now) + " (" + ago(a.Heard, now) + ")"
}

// Fleet is what one look at the API server gave.
type Fleet struct {
	Repos []v1alpha1.Repo
	Apps  []v1alpha1.App
	Agent Agent
	Now   time.Time
}

// Target is one App object and the state that may be said of it now.
type Target struct {
	App   v1alpha1.App
	State v1alpha1.State
}

// Address gives the name that people use: app, app/env or app/env@cluster.
func (t Target) Address() string { return Address(t.App) }

// Summary gives the App's sentence on one line.
func (t Target) Summary() string { return Clean(t.App.Status.Summary) }

// Targets gives all App objects in the order of their addresses, each with the state that may be said of it: unknown, if
// the agent is not heard from or has said nothing yet.
func (f Fleet) Targets() []Target {
	out := make([]Target, 0, len(f.Apps))
	fresh := f.Agent.Fresh(f.Now)
	for _, app := range f.Apps {
		state := app.Status.State
		if !fresh || state == "" {
			state = v1alpha1.StateUnknown
		}
		out = append(out, Target{App: app, State: state})
	}
	slices.SortFunc(out, compareTargets)
	return out
}

func compareTargets(a, b Target) int {
	return cmp.Or(
		cmp.Compare(AppName(a.App), AppName(b.App)),
		compareEnvironments(a.App.Spec.Env, b.App.Spec.Env),
		cmp.Compare(clusterOf(a.App), clusterOf(b.App)),
		cmp.Compare(a.App.Namespace, b.App.Namespace),
		cmp.Compare(a.App.Name, b.App.Name))
}

// AppName gives the app's name in the fleet: spec.app, else the object's name.
func AppName(app v1alpha1.App) string { return cmp.Or(app.Spec.App, app.Name) }

// Address gives the name that people use for an App: app, app/env or app/env@cluster.
func Address(app v1alpha1.App) string {
	s := AppName(app)
	if app.Spec.Env != "" {
		s += "/" + app.Spec.Env
	}
	if cluster := clusterOf(app); cluster != "" {
		s += "@" + cluster
	}
	return s
}

// clusterOf gives the cluster's name, "" for local, which nobody needs to name.
func clusterOf(app v1alpha1.App) string {
	if app.Spec.Cluster == "local" {
		return ""
	}
	return app.Spec.Cluster
}

// compareEnvironments orders none first, then dev < test < staging < prod < production, others after them by name.
func compareEnvironments(a, b string) int {
	return cmp.Or(cmp.Compare(EnvironmentRank(a), EnvironmentRank(b)), cmp.Compare(a, b))
}

// EnvironmentRank is the place of an environment in the order of promotion: none, dev, test, staging, prod, then all others alike.
func EnvironmentRank(env string) int {
	known := []string{"", "dev", "test", "staging", "prod", "production"}
	if i := slices.Index(known, env); i >= 0 {
		return i
	}
	return len(known)
}

// Count counts targets by state. The parts add up to Total.
func Count(targets []Target) v1alpha1.AppCounts {
	c := v1alpha1.AppCounts{Total: len(targets)}
	for _, t := range targets {
		*c.Of(t.State)++
	}
	return c
}

// Worst gives the worst state of the targets: the first of the precedence of resources.md §8, where unknown is worse than
// all, because nobody vouches for anything. No target at all is ok.
func Worst(targets []Target) v1alpha1.State {
	worst := v1alpha1.StateOK
	for _, t := range targets {
		if severity(t.State) < severity(worst) {
			worst = t.State
		}
	}
	return worst
}

// severity is 0 for unknown, then the precedence of the states; small is worse.
func severity(s v1alpha1.State) int {
	if s == v1alpha1.StateUnknown {
		return 0
	}
	return 1 + slices.Index(v1alpha1.States, s)
}
