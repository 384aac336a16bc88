package board

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
)

// DriftPage is what differs from Git now, and what was undone last, by who did it.
type DriftPage struct {
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
	Items   []DriftItem `json:"items" doc:"At most 200, what differs now first, then the newest"`
}

// DriftItem is one field of one object.
type DriftItem struct {
	App         string     `json:"app" doc:"<namespace>/<name> of the App object"`
	Address     string     `json:"address" doc:"The name that people use"`
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

// Drift gives what differs from Git, and what was undone, of the Apps that a person may see.
func (b *Board) Drift(sight Sight) DriftPage {
	b.mu.RLock()
	defer b.mu.RUnlock()
	page := DriftPage{Groups: []DriftGroup{}}
	groups := map[string]*DriftGroup{}
	apps := map[string]map[string]bool{}
	for id := range b.drifted {
		e := b.rows[id]
		if e == nil || !sight.Sees(e.Namespace) {
			continue
		}
		for _, d := range e.drift {
			g := groups[d.Manager]
			if g == nil {
				g, apps[d.Manager] = &DriftGroup{Manager: d.Manager}, map[string]bool{}
				groups[d.Manager] = g
			}
			apps[d.Manager][id] = true
			g.add(itemOf(e, d))
		}
	}
	for manager, g := range groups {
		g.Apps = len(apps[manager])
		g.settle()
		page.Open, page.Healed = page.Open+g.Open, page.Healed+g.Fields-g.Open
		page.Groups = append(page.Groups, *g)
	}
	slices.SortFunc(page.Groups, func(x, y DriftGroup) int {
		return cmp.Or(cmp.Compare(y.Open, x.Open), cmp.Compare(y.Fields, x.Fields), cmp.Compare(x.Manager, y.Manager))
	})
	return page
}

func itemOf(e *entry, d v1alpha1.Drift) DriftItem {
	return DriftItem{
		App: e.ID, Address: addressOf(&e.Row), Object: d.Object, Field: d.Field, Kind: d.Kind, Git: d.Git, Live: d.Live,
		Operation: d.Operation, Subresource: d.Subresource, Time: timeOf(d.Time), Seen: timeOf(d.Seen), Healed: timeOf(d.Healed),
	}
}

func (g *DriftGroup) add(item DriftItem) {
	g.Fields++
	if item.Healed == nil {
		g.Open++
	}
	g.Items = append(g.Items, item)
}

// settle puts what differs now first, and keeps the first of many.
func (g *DriftGroup) settle() {
	slices.SortFunc(g.Items, func(x, y DriftItem) int {
		if open := boolRank(x.Healed != nil) - boolRank(y.Healed != nil); open != 0 {
			return open
		}
		return cmp.Or(laterFirst(x, y), strings.Compare(x.App, y.App), strings.Compare(x.Object, y.Object), strings.Compare(x.Field, y.Field))
	})
	g.Items = g.Items[:min(len(g.Items), maxItems)]
}

func laterFirst(x, y DriftItem) int {
	return at(cmp.Or(y.Healed, y.Seen)).Compare(at(cmp.Or(x.Healed, x.Seen)))
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
