package board

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/report"
)

// Orders of a list.
const (
	ByTrouble = "trouble" // what needs a person first, then what changed last
	ByName    = "name"    // app, environment in the order of promotion, cluster
	ByChange  = "changed" // what changed last first
)

// Rank is the place of a state in the order of trouble: what needs a person comes before what goes on by itself.
func Rank(s v1alpha1.State) int {
	return slices.Index([]v1alpha1.State{
		v1alpha1.StateFailed, v1alpha1.StateDrifted, v1alpha1.StatePaused,
		v1alpha1.StateWaiting, v1alpha1.StateUnknown, v1alpha1.StateRolling, v1alpha1.StateOK,
	}, s)
}

// rowOf makes a row of an App.
func rowOf(a *v1alpha1.App) Row {
	st := &a.Status
	r := Row{
		ID: a.Namespace + "/" + a.Name, Namespace: a.Namespace, Name: a.Name,
		App: report.AppName(*a), Env: a.Spec.Env, Cluster: cmp.Or(a.Spec.Cluster, "local"), Path: a.Spec.Path,
		State: cmp.Or(st.State, v1alpha1.StateUnknown), Since: timeOf(st.AsOf), Summary: report.Clean(st.Summary),
		Revision: st.Revision, Target: st.Target, Health: st.Health, Objects: st.Objects, WaitingFor: st.WaitingFor,
		Pause: a.Spec.Pause, Blocking: st.Blocking, Held: max(st.HeldCount, len(st.HeldDeletions)), Changed: changedAt(st),
	}
	if repo := RepoOf(a); repo != "" {
		r.Repo = a.Namespace + "/" + repo
	}
	t := report.Target{App: *a, State: r.State}
	if r.State != v1alpha1.StateOK {
		r.Reason, r.Next = string(t.Reason()), t.Next()
	}
	return r
}

// RepoOf names the Repo that made an App, in its namespace; "" for an App by hand.
func RepoOf(a *v1alpha1.App) string {
	if owner := metav1.GetControllerOf(a); owner != nil && owner.Kind == "Repo" && owner.Name == a.Labels[v1alpha1.LabelRepo] {
		return owner.Name
	}
	return ""
}

func timeOf(t *metav1.Time) *time.Time {
	if t == nil || t.IsZero() {
		return nil
	}
	at := t.UTC()
	return &at
}

// changedAt is when the newest revision reached the app, or was seen.
func changedAt(s *v1alpha1.AppStatus) *time.Time {
	if len(s.History) == 0 {
		return nil
	}
	at := cmp.Or(s.History[0].Applied, s.History[0].Seen)
	if at == nil || at.IsZero() {
		return nil
	}
	t := at.UTC().Truncate(time.Second)
	return &t
}

// newestOf is the commit of the newest change.
func newestOf(a *v1alpha1.App) string {
	if len(a.Status.History) > 0 {
		return a.Status.History[0].Revision
	}
	return cmp.Or(a.Status.Target, a.Status.Revision)
}

// textOf is what a search looks through, besides the values that rows are chosen by: those are found by their numbers.
func textOf(r *Row) string {
	parts := []string{r.Name}
	if !strings.Contains(r.Name, r.App) {
		parts = append(parts, r.App)
	}
	parts = append(parts, short(r.Revision))
	if r.Target != r.Revision {
		parts = append(parts, short(r.Target))
	}
	if r.State != v1alpha1.StateOK {
		parts = append(parts, r.Summary)
	}
	if r.Change != nil {
		parts = append(parts, r.Change.Author, r.Change.Subject)
	}
	return strings.ToLower(strings.Join(parts, "\n"))
}

// short gives the first seven characters that people know a commit by.
func short(id string) string { return id[:min(len(id), 7)] }

// same tells whether nothing that a reader sees differs.
func same(a, b *Row) bool { return reflect.DeepEqual(a, b) }

// place is where a row stands in the orders; cursors hold one.
type place struct {
	rank      int
	changed   int64 // Unix seconds
	app       string
	envRank   int
	env       string
	cluster   string
	namespace string
	name      string
}

func placeOf(r *Row) place {
	p := place{
		rank: Rank(r.State), app: r.App, envRank: report.EnvironmentRank(r.Env), env: r.Env, cluster: r.Cluster,
		namespace: r.Namespace, name: r.Name,
	}
	if r.Changed != nil {
		p.changed = r.Changed.Unix()
	}
	return p
}

// orders are the ways in which rows may be sorted. Each ends with the object's name, so that no two rows have one place.
var orders = map[string]func(a, b *place) int{ByTrouble: byTrouble, ByName: byName, ByChange: byChange}

func byTrouble(a, b *place) int {
	return cmp.Or(cmp.Compare(a.rank, b.rank), byChange(a, b))
}

func byChange(a, b *place) int {
	return cmp.Or(cmp.Compare(b.changed, a.changed), byName(a, b))
}

func byName(a, b *place) int {
	return cmp.Or(
		cmp.Compare(a.app, b.app), cmp.Compare(a.envRank, b.envRank), cmp.Compare(a.env, b.env),
		compareClusters(a.cluster, b.cluster), cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
}

// compareClusters has the local one first.
func compareClusters(a, b string) int {
	if a == b {
		return 0
	}
	if a == "local" || a == "" {
		return -1
	}
	if b == "local" || b == "" {
		return 1
	}
	return cmp.Compare(a, b)
}
