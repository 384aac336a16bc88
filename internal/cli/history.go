package cli

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/record"
	"plumb.dev/plumb/internal/report"
)

const historyHelp = `Show what an app went through, newest first: revisions with who wrote them, how long they took and what they
changed, and the drift that was undone between them. With a commit or the name of an Entry it shows that one in full:
objects, fields, from whom something was taken.

APPLIED is the time from when the commit was seen, HEALTHY from when it was applied.
CHANGED counts objects:  + created   ~ changed   - deleted or held   > taken over or released   ! replaced or failed   = kept

The record is in the cluster (kind Entry), the last 200 of an app; Git has the commits for ever.`

// historyAnswer is what history -o json prints.
type historyAnswer struct {
	APIVersion string        `json:"apiVersion"`
	Kind       string        `json:"kind"`
	Address    string        `json:"address"`
	Namespace  string        `json:"namespace"` // of the App object
	Name       string        `json:"name"`      // of the App object
	Entries    []historyLine `json:"entries"`
}

// historyLine is an Entry without its metadata.
type historyLine struct {
	Name        string                  `json:"name"`
	Result      v1alpha1.Result         `json:"result"`
	Summary     string                  `json:"summary,omitempty"`
	Revision    *v1alpha1.RevisionEntry `json:"revision,omitempty"`
	Corrections []v1alpha1.Correction   `json:"corrections,omitempty"`
	LeftOut     *v1alpha1.LeftOut       `json:"leftOut,omitempty"`
}

type historyOptions struct {
	kubeFlags
	drift, revisions bool
	limit            int
	format           string
}

func newHistoryCommand(env Env) *cobra.Command {
	var o historyOptions
	cmd := &cobra.Command{
		Use:     "history app[/env] [COMMIT|ENTRY]",
		Short:   "Show what an app went through: revisions, results, and drift that was undone",
		Long:    historyHelp,
		GroupID: groupSee,
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runHistory(cmd.Context(), env, screenOf(env, cmd), o, args)
		},
	}
	o.add(cmd.Flags())
	cmd.Flags().BoolVar(&o.drift, "drift", false, "show only drift that was undone")
	cmd.Flags().BoolVar(&o.revisions, "revisions", false, "show only revisions")
	cmd.Flags().IntVar(&o.limit, "limit", 20, "how many to show; 0 is all")
	outputFlag(cmd, &o.format, "table", "json", "yaml")
	cmd.ValidArgsFunction = completeNames(env, &o.kubeFlags)
	return cmd
}

func runHistory(ctx context.Context, env Env, out screen, o historyOptions, args []string) error {
	if o.limit < 0 {
		return usagef("--limit 0 shows all", "--limit %d is less than none", o.limit)
	}
	if o.drift && o.revisions {
		return usagef("leave both away to see both", "--drift and --revisions exclude each other")
	}
	k, err := o.connect(env)
	if err != nil {
		return err
	}
	answer, entries, err := k.history(ctx, env, args[0])
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(e v1alpha1.Entry) bool {
		return o.drift && e.Revision != nil || o.revisions && e.Revision == nil
	})
	if len(args) == 2 {
		if entries = record.Find(entries, args[1]); len(entries) == 0 {
			return fault.New(fault.RevisionNotFound, "nothing of %s is recorded of %s", args[1], args[0]).
				WithNext("plumb history %s lists what is; a commit that changed nothing of the app is not among it", args[0])
		}
	}
	more := 0
	if o.limit > 0 && len(entries) > o.limit {
		more, entries = len(entries)-o.limit, entries[:o.limit]
	}
	if o.format != "table" {
		for _, e := range entries {
			answer.Entries = append(answer.Entries, historyLine{Name: e.Name, Result: e.Result, Summary: e.Summary, Revision: e.Revision, Corrections: e.Corrections, LeftOut: e.LeftOut})
		}
		return out.machine(o.format, answer)
	}
	out.history(entries, env.Now(), len(args) == 2)
	if more > 0 {
		fmt.Fprintf(out.out, "%d more (--limit 0)\n", more)
	}
	return nil
}

func (s screen) history(entries []v1alpha1.Entry, now time.Time, full bool) {
	if !full {
		s.lines(s.style.History(entries, now))
		return
	}
	for _, e := range entries {
		s.lines(s.style.HistoryEntry(e, now))
	}
}

// history gives an app's record. Of an app that is gone from Git, the last Entry is left.
func (k *kube) history(ctx context.Context, env Env, name string) (historyAnswer, []v1alpha1.Entry, error) {
	answer := historyAnswer{APIVersion: outputVersion, Kind: "History", Entries: []historyLine{}}
	f, err := k.fleet(ctx, env.Now)
	if err != nil {
		return answer, nil, err
	}
	t, err := selectOne(f.Targets(), name)
	if fault.Is(err, fault.PathNotFound) {
		gone, listed := k.entries(ctx, k.selected, v1alpha1.LabelRemoval+"=true")
		gone = slices.DeleteFunc(gone, func(e v1alpha1.Entry) bool { return e.Address != name && e.App != name })
		if listed != nil || len(gone) == 0 {
			return answer, nil, err
		}
		slices.SortFunc(gone, func(a, b v1alpha1.Entry) int { return record.Older(b.Name, a.Name) })
		answer.Address, answer.Namespace, answer.Name = gone[0].Address, gone[0].Namespace, gone[0].App
		fmt.Fprintf(env.Stderr, "%s is gone from Git and from the cluster; this is how it ended.\n", report.Clean(name))
		return answer, gone, nil
	}
	if err != nil {
		return answer, nil, err
	}
	answer.Address, answer.Namespace, answer.Name = t.Address(), t.App.Namespace, t.App.Name
	entries, err := k.entries(ctx, t.App.Namespace, v1alpha1.LabelAppUID+"="+string(t.App.UID))
	if err != nil {
		fmt.Fprintf(env.Stderr, "The record cannot be read, so this is what the status says: %s\n", report.Clean(err.Error()))
	}
	return answer, record.History(t.App, entries), nil
}

// entries lists the Entries that a label selector chooses.
func (k *kube) entries(ctx context.Context, namespace, selector string) ([]v1alpha1.Entry, error) {
	var list v1alpha1.EntryList
	err := k.plumb.Get().Namespace(namespace).Resource("entries").Param("labelSelector", selector).Do(ctx).Into(&list)
	return list.Items, err
}
