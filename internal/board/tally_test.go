package board

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"plumb.dev/plumb/api/v1alpha1"
)

// What is counted as rows change is what counting everything anew gives, whatever happened, for whoever sees whatever.
func TestTalliesAreWhatCountingAnewGives(t *testing.T) {
	sights := []Sight{all, {Namespaces: map[string]bool{"a": true}}, {Namespaces: map[string]bool{"a": true, "c": true}}, {}}
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 1))
		b := New("life")
		if seed%3 == 0 { // commits are forgotten on the way
			for n := range maxCommits - 20 {
				b.Put(went("old", "filler/dev", v1alpha1.StateOK, v1alpha1.HistoryRow{Revision: fmt.Sprintf("f%d", n), Seen: at2(-1000), Result: "ok"}))
			}
		}
		for step := range 150 {
			happen(r, b)
			if step%10 != 0 {
				continue
			}
			isPast(t, b)
			for _, sight := range sights {
				for _, order := range []string{"", ByTrouble} {
					page, err := b.Changes(sight, ChangeQuery{Sort: order, Limit: MaxLimit})
					if err != nil {
						t.Fatal(err)
					}
					want, total, states, envs := anew(b, sight, order)
					if !reflect.DeepEqual(page.Items, want[:len(page.Items)]) || page.Total != total || !reflect.DeepEqual(counted(page.Facets.State).told(), states) || !reflect.DeepEqual(counted(page.Facets.Env).told(), envs) {
						t.Fatalf("seed %d, step %d, sight %v, order %q: %d of %d, states %v, want %d, states %v\n%+v\n%+v", seed, step, sight, order, len(page.Items), page.Total, page.Facets.State, total, states, page.Items, want)
					}
				}
			}
		}
	}
}

// isPast tells whether figures know of each app what commits say of it, in order.
func isPast(t *testing.T, b *Board) {
	t.Helper()
	type way struct {
		id     string
		commit uint64
	}
	may := map[way][]deploy{} // a commit of two Repos counts once in an app
	for _, c := range b.history.commits {
		for id, s := range c.steps {
			if s.seen != 0 {
				d := deployOf(c, s)
				may[way{id, d.commit}] = append(may[way{id, d.commit}], d)
			}
		}
	}
	size := 0
	for _, a := range b.history.past.apps {
		size += len(a.deploys)
		if !slices.IsSortedFunc(a.deploys, func(x, y deploy) int { return cmp.Compare(x.seen, y.seen) }) {
			t.Fatalf("what %s went through is not in order", a.id)
		}
		for _, d := range a.deploys {
			key := way{a.id, d.commit}
			if ways := may[key]; len(ways) == 1 && ways[0] != d {
				t.Fatalf("%s: %+v is kept, %+v is known", a.id, d, ways[0])
			}
			delete(may, key)
		}
	}
	if len(may) > 0 || size != len(b.history.past.known) {
		t.Fatalf("%d deploys, %d counted; not kept: %+v", size, len(b.history.past.known), may)
	}
}

func TestPercentileIsThatOfSortedValues(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		values := make([]float64, 1+r.IntN(200))
		for i := range values {
			values[i] = float64(r.IntN(1 + r.IntN(300)))
		}
		sorted := slices.Sorted(slices.Values(values))
		for _, p := range []int{50, 95, 100} {
			if got, want := *percentile(values, p), sorted[(len(sorted)*p+99)/100-1]; got != want {
				t.Fatalf("%d of 100 of %v: %v, want %v", p, sorted, got, want)
			}
		}
	}
}

func (c counted) told() map[string]int {
	out := map[string]int{}
	for _, f := range c {
		out[f.Value] = f.Count
	}
	return out
}

// happen has something happen to the fleet: apps come, change their state, commit, environment or Repo, and go.
func happen(r *rand.Rand, b *Board) {
	namespace, app := []string{"a", "b", "c"}[r.IntN(3)], fmt.Sprintf("app%d/dev", r.IntN(4))
	switch r.IntN(8) {
	case 0:
		b.Drop(namespace, fmt.Sprintf("app%d-dev", r.IntN(4)))
	case 1:
		b.PutCommit("", v1alpha1.CommitLine{ID: fmt.Sprintf("c%d", r.IntN(40)), Author: "dana", Subject: "one", Time: at3(-r.IntN(90))})
	case 2:
		e := entryOf("dana", "two", []v1alpha1.Result{"", v1alpha1.ResultOK, v1alpha1.ResultFailed}[r.IntN(3)])
		e.Namespace, e.App, e.Revision.Commit.ID, e.Revision.Seen = namespace, fmt.Sprintf("app%d-dev", r.IntN(4)), fmt.Sprintf("c%d", r.IntN(40)), at2(-r.IntN(100))
		b.takeEntry([]string{"", namespace + "/fleet"}[r.IntN(2)], e, r.IntN(2) == 0)
	default:
		var rows []v1alpha1.HistoryRow
		for range 1 + r.IntN(3) {
			row := v1alpha1.HistoryRow{Revision: fmt.Sprintf("c%d", r.IntN(40)), Seen: at2(-r.IntN(100)), Result: []string{"", "ok", "failed", "superseded"}[r.IntN(4)]}
			if r.IntN(2) == 0 {
				row.Healthy = at2(0)
			}
			rows = append(rows, row)
		}
		o := went(namespace, app, v1alpha1.States[r.IntN(len(v1alpha1.States))], rows...)
		if r.IntN(3) == 0 { // by hand: such commits are shared by namespaces
			o.Labels, o.OwnerReferences = nil, nil
		}
		o.Spec.Env = []string{"dev", "prod"}[r.IntN(2)]
		b.Put(o)
	}
}

// anew works out the list of changes from every step of every commit.
func anew(b *Board, sight Sight, order string) (items []Change, total int, states, envs map[string]int) {
	items, states, envs = []Change{}, map[string]int{}, map[string]int{}
	var commits []*commit
	for _, c := range b.history.commits {
		commits = append(commits, c)
	}
	slices.SortFunc(commits, func(x, y *commit) int {
		return cmp.Or(cmp.Compare(y.seen, x.seen), cmp.Compare(x.id, y.id), cmp.Compare(x.repo, y.repo))
	})
	for _, c := range commits {
		change, _ := b.change(sight, c, len(c.steps))
		results, in := map[string]int{}, map[string]bool{}
		worst := len(resultOrder) - 1
		for _, target := range change.Targets {
			results[target.State]++
			in[target.Env] = true
			worst = min(worst, resultRank(target.State))
		}
		if len(change.Targets) == 0 {
			continue
		}
		change.State, change.Counts = resultOrder[worst], facet(results)
		states[change.State]++
		for env := range in {
			envs[env]++
		}
		items = append(items, change)
	}
	if order == ByTrouble {
		slices.SortStableFunc(items, func(x, y Change) int { return resultRank(x.State) - resultRank(y.State) })
	}
	return items, len(items), states, envs
}

// Of a commit that changed more than is told, the first are told, in the order of promotion.
func TestTheFirstTargetsAreTold(t *testing.T) {
	b := New("life")
	r := rand.New(rand.NewPCG(1, 2))
	for _, i := range r.Perm(3 * maxTargets) {
		b.Put(went("a", fmt.Sprintf("app-%03d/%s", i/3, []string{"prod", "dev", "staging"}[i%3]), v1alpha1.StateOK, v1alpha1.HistoryRow{Revision: "c1", Seen: at2(-20), Result: "ok"}))
	}
	whole, _ := b.Change(all, "", "c1")
	page, err := b.Changes(all, ChangeQuery{})
	if err != nil || len(whole.Targets) != 3*maxTargets || !reflect.DeepEqual(page.Items[0].Targets, whole.Targets[:maxTargets]) {
		t.Errorf("%v: %d targets, of which are told %+v", err, len(whole.Targets), page.Items[0].Targets)
	}
	if first := whole.Targets[0]; first.App != "app-000" || first.Env != "dev" || whole.Targets[1].Env != "staging" {
		t.Errorf("they are not in order: %+v", whole.Targets[:3])
	}
}
