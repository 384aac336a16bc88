package report

import (
	"cmp"
	"slices"
	"time"
)

// Matrix is the state table: apps down, environments and clusters across.
type Matrix struct {
	Columns []Column
	Rows    []Row
}

// Column is one environment on one cluster; both empty for apps without environment on the local cluster.
type Column struct{ Env, Cluster string }

// Title gives "prod" or "prod@eu-1".
func (c Column) Title() string {
	title := cmp.Or(c.Env, "(none)")
	if c.Cluster != "" {
		title += "@" + c.Cluster
	}
	return title
}

// Row is one app. Cells has one element for each column; nil where the app is not.
type Row struct {
	Namespace string // of the App objects
	App       string
	Cells     []*Target
}

// Targets gives the cells that are there.
func (r Row) Targets() []Target {
	var out []Target
	for _, cell := range r.Cells {
		if cell != nil {
			out = append(out, *cell)
		}
	}
	return out
}

// Changed gives when a revision last reached any target of the row; zero if none did.
func (r Row) Changed() time.Time {
	var last time.Time
	for _, t := range r.Targets() {
		if h := t.App.Status.History; len(h) > 0 {
			if at := cmp.Or(exactOf(h[0].Applied), exactOf(h[0].Seen)); at.After(last) {
				last = at
			}
		}
	}
	return last
}

// MatrixOf lays targets out. Two App objects that claim the same cell get a row each: nothing is hidden.
func MatrixOf(targets []Target) Matrix {
	var m Matrix
	for _, t := range targets {
		if c := columnOf(t); !slices.Contains(m.Columns, c) {
			m.Columns = append(m.Columns, c)
		}
	}
	slices.SortFunc(m.Columns, func(a, b Column) int {
		return cmp.Or(compareEnvironments(a.Env, b.Env), cmp.Compare(a.Cluster, b.Cluster))
	})
	index := map[[2]string][]int{}
	for i := range targets {
		m.place(&targets[i], index)
	}
	slices.SortStableFunc(m.Rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.App, b.App), cmp.Compare(a.Namespace, b.Namespace))
	})
	return m
}

// place puts a target into the first row of its app whose cell is free. index holds the rows by namespace and app.
func (m *Matrix) place(t *Target, index map[[2]string][]int) {
	key := [2]string{t.App.Namespace, AppName(t.App)}
	column := slices.Index(m.Columns, columnOf(*t))
	for _, i := range index[key] {
		if m.Rows[i].Cells[column] == nil {
			m.Rows[i].Cells[column] = t
			return
		}
	}
	row := Row{Namespace: key[0], App: key[1], Cells: make([]*Target, len(m.Columns))}
	row.Cells[column] = t
	index[key] = append(index[key], len(m.Rows))
	m.Rows = append(m.Rows, row)
}

func columnOf(t Target) Column { return Column{Env: t.App.Spec.Env, Cluster: clusterOf(t.App)} }
