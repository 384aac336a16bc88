package board

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
)

// DriftPage is what differs from Git now, and what was undone last: field by field, and by who did it.
type DriftPage struct {
	Part[DriftItem]
	Groups []DriftGroup `json:"groups" doc:"What differs now first, then the largest"`
	Open   int          `json:"open" doc:"Fields that differ now"`
	Healed int          `json:"healed" doc:"Corrections that are remembered: the last of each app"`
}

// DriftGroup is what one field manager did.
type DriftGroup struct {
	Manager string      `json:"manager" doc:"The field manager; empty if the API server names none"`
	Fields  int         `json:"fields"`
	Apps    int         `json:"apps"`
	Open    int         `json:"open" doc:"Of them, those that differ now"`
	Items   []DriftItem `json:"items" doc:"At most 200, in the order that is asked for"`
}

// DriftItem is one field of one object.
type DriftItem struct {
	App         string     `json:"app" doc:"<namespace>/<name> of the App object"`
	Address     string     `json:"address" doc:"The name that people use"`
	Manager     string     `json:"manager,omitempty" doc:"The field manager that did it; absent if the API server names none"`
	Object      string     `json:"object"`
	Field       string     `json:"field,omitempty"`
	Kind        string     `json:"kind,omitempty" doc:"changed, removed, added, missing or label"`
	Git         string     `json:"git,omitempty"`
	Live        string     `json:"live,omitempty"`
	Operation   string     `json:"operation,omitempty"`
	Subresource string     `json:"subresource,omitempty"`
	Time        *time.Time `json:"time,omitempty" doc:"When the manager wrote it"`
	Seen        *time.Time `json:"seen,omitempty"`
	Healed      *time.Time `json:"healed,omitempty" doc:"When it was undone; absent while it differs"`
}

// maxItems is how many fields a group of drift tells.
const maxItems = 200

// driftListing orders fields: what differs now first, then the newest; or by app.
var driftListing = Listing[DriftItem]{
	ID: func(i *DriftItem) string { return strings.Join([]string{i.App, i.Object, i.Field, i.Manager}, "\n") },
	Text: func(i *DriftItem) string {
		return strings.Join([]string{i.App, i.Address, i.Object, i.Field, i.Manager}, "\n")
	},
	Columns: map[string]func(*DriftItem) string{
		"state": func(i *DriftItem) string { return [...]string{"open", "healed"}[boolRank(i.Healed != nil)] }, "manager": func(i *DriftItem) string { return i.Manager },
		"kind": func(i *DriftItem) string { return i.Kind }, "namespace": func(i *DriftItem) string { return namespaceOf(i.App) },
	},
	Orders: []Order[DriftItem]{
		{"newest", func(i *DriftItem) string {
			return fmt.Sprintf("%d %020d", boolRank(i.Healed != nil), math.MaxInt64-max(0, at(cmp.Or(i.Healed, i.Seen)).Unix()))
		}},
		{"app", func(*DriftItem) string { return "" }},
	},
}

// Drift gives what differs from Git, and what was undone, of the Apps that a person may see, as far as a query chooses it.
//
// Errors: InvalidQuery for an order or a cursor that is none.
func (b *Board) Drift(sight Sight, q ListQuery) (DriftPage, error) {
	page, chosen, err := driftListing.Of(b.driftSeen(sight), q)
	if err != nil {
		return DriftPage{}, err
	}
	out := DriftPage{Part: page, Groups: []DriftGroup{}}
	groups := map[string]*DriftGroup{}
	apps := map[string]map[string]bool{}
	for _, item := range chosen {
		g := groups[item.Manager]
		if g == nil {
			g, apps[item.Manager] = &DriftGroup{Manager: item.Manager}, map[string]bool{}
			groups[item.Manager] = g
		}
		apps[item.Manager][item.App] = true
		g.add(item)
	}
	for manager, g := range groups {
		g.Apps = len(apps[manager])
		out.Open, out.Healed = out.Open+g.Open, out.Healed+g.Fields-g.Open
		out.Groups = append(out.Groups, *g)
	}
	slices.SortFunc(out.Groups, func(x, y DriftGroup) int {
		return cmp.Or(cmp.Compare(y.Open, x.Open), cmp.Compare(y.Fields, x.Fields), cmp.Compare(x.Manager, y.Manager))
	})
	return out, nil
}

func (b *Board) driftSeen(sight Sight) []DriftItem {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var all []DriftItem
	for id := range b.drifted {
		e := b.rows[id]
		if e == nil || !sight.Sees(e.Namespace) {
			continue
		}
		for _, d := range e.drift {
			all = append(all, itemOf(e, d))
		}
	}
	return all
}

func itemOf(e *entry, d v1alpha1.Drift) DriftItem {
	return DriftItem{
		App: e.ID, Address: addressOf(&e.Row), Manager: d.Manager, Object: d.Object, Field: d.Field, Kind: d.Kind, Git: d.Git, Live: d.Live,
		Operation: d.Operation, Subresource: d.Subresource, Time: timeOf(d.Time), Seen: timeOf(d.Seen), Healed: timeOf(d.Healed),
	}
}

func (g *DriftGroup) add(item DriftItem) {
	g.Fields++
	if item.Healed == nil {
		g.Open++
	}
	if len(g.Items) < maxItems {
		g.Items = append(g.Items, item)
	}
}

func at(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func boolRank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// addressOf gives the name that people use: app, app/env or app/env@cluster.
func addressOf(r *Row) string {
	s := r.App
	if r.Env != "" {
		s += "/" + r.Env
	}
	if r.Cluster != "local" {
		s += "@" + r.Cluster
	}
	return s
}
