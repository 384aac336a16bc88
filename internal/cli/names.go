package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/report"
)

// completionLimit is how long a press of the tab key may ask the API server.
const completionLimit = 300 * time.Millisecond

// selectTargets gives the targets that a name means: an app (all its environments and clusters), app/env, app/env@cluster, or
// the name of an App object.
func selectTargets(targets []report.Target, name string) ([]report.Target, error) {
	want, err := fleet.ParseAddress(name)
	if err != nil {
		return nil, usage(fault.Of(err, fault.NameInvalid).WithNext("an app is named app, app/env or app/env@cluster; plumb apps lists them"))
	}
	var found []report.Target
	for _, t := range targets {
		if names(want, t) || t.App.Name == name {
			found = append(found, t)
		}
	}
	if len(found) == 0 {
		return nil, fault.New(fault.PathNotFound, "there is no app %s%s", name, nearest(targets, name)).WithNext("plumb apps lists what there is")
	}
	return found, nil
}

// names tells whether an address, whose empty parts are open, covers a target.
func names(want fleet.Address, t report.Target) bool {
	cluster := t.App.Spec.Cluster
	if cluster == "" {
		cluster = fleet.Local
	}
	return want.App == report.AppName(t.App) && (want.Env == "" || want.Env == t.App.Spec.Env) && (want.Cluster == "" || want.Cluster == cluster)
}

// selectOne is selectTargets for verbs that are about exactly one.
func selectOne(targets []report.Target, name string) (report.Target, error) {
	found, err := selectTargets(targets, name)
	if err != nil || len(found) == 1 {
		return append(found, report.Target{})[0], err
	}
	list := make([]string, len(found))
	for i, t := range found {
		list[i] = t.Address()
		if i > 0 && list[i] == list[i-1] {
			return report.Target{}, usagef("name the namespace of the App object: -n NAMESPACE", "%s is in more than one namespace", list[i])
		}
	}
	return report.Target{}, usagef("name one of them", "%s means %d: %s", name, len(found), strings.Join(list, ", "))
}

// nearest gives ` (did you mean "cart/prod"?)` where a name is close to one that exists.
func nearest(targets []report.Target, name string) string {
	best, distance := "", 3
	for _, t := range targets {
		for _, candidate := range []string{t.Address(), report.AppName(t.App)} {
			if d := editDistance(name, candidate); d < distance {
				best, distance = candidate, d
			}
		}
	}
	if best == "" {
		return ""
	}
	return ` (did you mean "` + best + `"?)`
}

// editDistance counts the insertions, deletions and replacements that make a of b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// completeNames offers the names of apps, if the API server gives them in time.
func completeNames(env Env, flags *kubeFlags) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionLimit)
		defer cancel()
		k, err := flags.connect(env)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		f, err := k.fleet(ctx, env.Now)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var out []cobra.Completion
		for _, t := range f.Targets() {
			if address := t.Address(); strings.HasPrefix(address, prefix) {
				out = append(out, cobra.CompletionWithDesc(address, report.Word(t.State)))
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}
