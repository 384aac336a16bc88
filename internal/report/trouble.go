package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/state"
)

// Trouble is one thing that is not as it should be: who, what, and the command that goes on from here.
type Trouble struct {
	State v1alpha1.State
	Who   string
	Text  string
	Next  string
	// The App object that it is about; empty where it is about the agent or a Repo.
	Namespace, Name string
}

// Troubles lists what is not ok, in the order in which people want to know: the agent's silence, repositories, then the
// targets by state. While the agent is silent only that is told: of everything else nobody knows.
func (f Fleet) Troubles() []Trouble {
	if silent := f.Agent.Silent(f.Now); silent != "" {
		if len(f.Apps)+len(f.Repos) == 0 {
			return nil
		}
		out := []Trouble{{State: v1alpha1.StateUnknown, Who: "agent", Text: silent + "; every state is unknown", Next: nextOfSilence}}
		for _, t := range f.Targets() {
			if t.Ending() {
				out = append(out, Trouble{State: v1alpha1.StateUnknown, Who: t.Address(), Text: endsWithout, Next: nextOfEnd(t.App), Namespace: t.App.Namespace, Name: t.App.Name})
			}
		}
		return out
	}
	var out []Trouble
	for _, r := range f.Repos {
		if t := troubleOfRepo(r, f.Now); t != nil {
			out = append(out, *t)
		}
	}
	targets := f.Targets()
	slices.SortStableFunc(targets, func(a, b Target) int { return cmp.Compare(troubleOrder(a.State), troubleOrder(b.State)) })
	for _, t := range targets {
		if t.State != v1alpha1.StateOK {
			out = append(out, troubleOfTarget(t, f.Now))
		}
	}
	return out
}

const nothingSaid = "the agent has said nothing yet"

const endsWithout = "deleted, and kept until an agent has taken its objects away"

// Ending tells whether the App was deleted, and is kept until its objects are gone.
func (t Target) Ending() bool {
	return t.App.DeletionTimestamp != nil && slices.Contains(t.App.Finalizers, v1alpha1.FinalizerPrune)
}

// nextOfEnd lets an App go that no agent takes care of.
func nextOfEnd(app v1alpha1.App) string {
	return fmt.Sprintf("start the agent; or let it go and leave its objects: kubectl -n %s patch app %s --type=merge -p '{\"metadata\":{\"finalizers\":null}}'", app.Namespace, app.Name)
}

const nextOfSilence = "kubectl -n plumb-system get lease plumb-agent"

// troubleOrder puts what needs a person before what goes on by itself.
func troubleOrder(s v1alpha1.State) int {
	return slices.Index([]v1alpha1.State{
		v1alpha1.StateFailed, v1alpha1.StateDrifted, v1alpha1.StatePaused,
		v1alpha1.StateWaiting, v1alpha1.StateUnknown, v1alpha1.StateRolling, v1alpha1.StateOK,
	}, s)
}

func troubleOfRepo(r v1alpha1.Repo, now time.Time) *Trouble {
	ready := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionReady)
	text := ""
	if stale := timeOf(r.Status.StaleSince); !stale.IsZero() {
		text = "not readable since " + Clock(stale, now) + " (" + ago(stale, now) + "), the last good state stays"
	}
	if refused := ready != nil && ready.Status == metav1.ConditionFalse && OfRepo(ready.Reason); refused {
		text = strings.TrimPrefix(text+"; "+Clean(ready.Reason+": "+ready.Message), "; ")
	}
	next := "plumb sync"
	if forge := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionForgeReady); forge != nil && forge.Status == metav1.ConditionFalse {
		if text == "" {
			next = "plumb doctor"
		}
		text = strings.TrimPrefix(text+"; "+Clean("forge: "+forge.Message), "; ")
	}
	if stray := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionFoldersRead); stray != nil && stray.Status == metav1.ConditionFalse {
		if text == "" {
			next = "plumb apps --explain"
		}
		text = strings.TrimPrefix(text+"; "+Clean(stray.Message), "; ")
	}
	if text == "" {
		return nil
	}
	return &Trouble{State: v1alpha1.StateFailed, Who: "repo " + repoName(r), Text: text, Next: next}
}

// OfRepo tells the reasons that speak of the repository itself from those that only count its apps, which have lines
// of their own.
func OfRepo(reason string) bool {
	for _, s := range v1alpha1.States {
		if strings.EqualFold(reason, string(s)) {
			return false
		}
	}
	return !slices.Contains([]string{"HealthDegraded", "HealthTimeout", "Drifted", "Fight", "DeletionHeld", "Paused", "Progressing"}, reason)
}

func repoName(r v1alpha1.Repo) string {
	if r.Namespace == v1alpha1.Namespace {
		return r.Name
	}
	return r.Namespace + "/" + r.Name
}

func troubleOfTarget(t Target, now time.Time) Trouble {
	out := Trouble{
		State: t.State, Who: t.Address(), Text: t.Summary(), Next: "plumb why " + t.Address(),
		Namespace: t.App.Namespace, Name: t.App.Name,
	}
	status := t.App.Status
	switch t.State {
	case v1alpha1.StateFailed:
		if b := status.Blocking; b != nil {
			out.Text = blockingText(b)
		}
	case v1alpha1.StateDrifted:
		if len(status.Drift) > 0 {
			out.Text = driftText(status.Drift[0])
		}
	case v1alpha1.StatePaused:
		if p := t.pause(now); p != nil {
			out.Text, out.Next = pauseText(p, now), "plumb resume "+t.Address()
			if p.At != "" {
				out.Text = "held at " + short(p.At) + ", " + out.Text
			}
		}
	case v1alpha1.StateWaiting:
		if t.Reason() != fault.WaitingForApp { // whose sentence says more
			out.Text = cmp.Or(waitText(status), out.Text)
		}
	case v1alpha1.StateRolling:
		out.Next = "plumb wait " + t.Address()
	case v1alpha1.StateUnknown:
		out.Text = cmp.Or(out.Text, nothingSaid)
	}
	return out
}

// blockingText gives "Deployment/api: ImagePullBackOff …".
func blockingText(b *v1alpha1.Blocking) string {
	return Clean(b.Kind + "/" + b.Name + ": " + cmp.Or(b.Message, b.LastEvent, "not healthy"))
}

// driftText gives "spec.replicas 3 in Git, 9 live, by kubectl (Deployment/shop/ui)".
func driftText(d v1alpha1.Drift) string {
	text := driftedField(d)
	if d.Field != "" {
		text += " (" + d.Object + ")"
	}
	return Clean(text)
}

// DriftOf says in one line how an object differs from Git: "spec.replicas 3 in Git, 9 live, by kubectl, and 2 more fields". The rows are
// about that object; "" without any.
func DriftOf(rows []v1alpha1.Drift) string {
	if len(rows) == 0 {
		return ""
	}
	text := driftedField(rows[0])
	switch more := len(rows) - 1; {
	case more == 1:
		text += ", and 1 more field"
	case more > 1:
		text += fmt.Sprintf(", and %d more fields", more)
	}
	return Clean(text)
}

func driftedField(d v1alpha1.Drift) string {
	text := cmp.Or(d.Field, d.Object)
	switch d.Kind {
	case "missing":
		text += " deleted"
	case "added":
		text += " added, not in Git"
	case "removed":
		text += " removed"
	case "label":
		text += ": our label taken off"
	default:
		if d.Git != "" || d.Live != "" {
			text += " " + cmp.Or(d.Git, "nothing") + " in Git, " + cmp.Or(d.Live, "nothing") + " live"
		}
	}
	if d.Manager != "" {
		text += ", by " + d.Manager
	}
	return text
}

// pause gives the pause or Hold that is in force.
func (t Target) pause(now time.Time) *v1alpha1.Pause {
	return state.InForce(t.App.Spec.Pause, t.App.Status.Handled.Hold, now)
}

// pauseText gives `"black friday" by lena, 2d left`; without a now nothing of the time that is left.
func pauseText(p *v1alpha1.Pause, now time.Time) string {
	text := fmt.Sprintf("%q by %s", Clean(p.Reason), Clean(p.By))
	if until := timeOf(p.Until); !until.IsZero() && !now.IsZero() {
		text += ", " + Age(until.Sub(now)) + " left"
	}
	return text
}

func waitText(status v1alpha1.AppStatus) string {
	if n := heldCount(status); n > 0 {
		return plural(n, "deletion") + " held until a commit consents"
	}
	var names []string
	for _, w := range status.WaitingFor {
		names = append(names, Clean(w.Kind+" "+w.Name))
	}
	if len(names) == 0 {
		return ""
	}
	return "waits for " + strings.Join(names, ", ")
}

func heldCount(status v1alpha1.AppStatus) int {
	return max(status.HeldCount, len(status.HeldDeletions))
}
