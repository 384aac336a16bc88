package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/report"
)

// givingBack is what import --give-back -o json prints of one app.
type givingBack struct {
	Address string            `json:"address"`
	Objects []givenBackObject `json:"objects"`
	Made    int               `json:"made"` // objects that Plumb made since: they stay, and are nobody's
	Done    bool              `json:"done"`
}

type givenBackObject struct {
	Object string `json:"object"`
	To     string `json:"to"`
}

type givingBackAnswer struct {
	APIVersion string       `json:"apiVersion"`
	Kind       string       `json:"kind"`
	Apps       []givingBack `json:"apps"`
}

// giveBackApps shows what goes back to whom, asks, and has the agent do it.
func (o importing) giveBackApps(ctx context.Context, name string) error {
	k, targets, err := o.find(ctx, o.env, name)
	if err != nil {
		return err
	}
	var answers []givingBack
	for _, t := range targets {
		answer, err := k.givingBack(ctx, t)
		if err != nil {
			return err
		}
		answers = append(answers, answer)
	}
	if o.format == "table" {
		for _, a := range answers {
			o.out.lines(a.lines(o.all))
		}
	}
	do, err := o.mayGiveBack(o.env, answers, name)
	if err == nil && do {
		err = o.giveBackNow(ctx, k, targets, answers)
	}
	if o.format != "table" {
		if failed := o.out.machine(o.format, givingBackAnswer{outputVersion, "GiveBack", answers}); failed != nil {
			return failed
		}
	}
	return err
}

// givingBack reads from the Inventory what was taken over from whom.
func (k *kube) givingBack(ctx context.Context, t report.Target) (givingBack, error) {
	var inventories v1alpha1.InventoryList
	if err := k.plumb.Get().Namespace(t.App.Namespace).Resource("inventories").Do(ctx).Into(&inventories); err != nil {
		return givingBack{}, err
	}
	out := givingBack{Address: t.Address(), Objects: []givenBackObject{}}
	for _, inventory := range inventories.Items {
		if inventory.AppUID != string(t.App.UID) {
			continue
		}
		for _, e := range inventory.Objects {
			if e.From == nil {
				out.Made++
				continue
			}
			out.Objects = append(out.Objects, givenBackObject{plan.EntryID(e).String(), cmp.Or(e.From.Tool, "Helm release "+e.From.Release)})
		}
	}
	slices.SortFunc(out.Objects, func(a, b givenBackObject) int {
		return cmp.Or(strings.Compare(a.To, b.To), strings.Compare(a.Object, b.Object))
	})
	return out, nil
}

func (g givingBack) lines(all bool) []string {
	if len(g.Objects) == 0 {
		return []string{"Nothing to give back: no object of " + report.Clean(g.Address) + " was taken over from another tool."}
	}
	lines := []string{fmt.Sprintf("%s  %s to give back", report.Clean(g.Address), counted(len(g.Objects), "object", "objects"))}
	for i := 0; i < len(g.Objects); {
		to := g.Objects[i].To
		end := i + slices.IndexFunc(append(slices.Clone(g.Objects[i:]), givenBackObject{}), func(o givenBackObject) bool { return o.To != to })
		lines = append(lines, fmt.Sprintf("  %s: %s its marks and its field manager again", report.Clean(to), counted(end-i, "object gets", "objects get")))
		for ; i < end; i++ {
			if all {
				lines = append(lines, "    < "+report.Clean(g.Objects[i].Object))
			}
		}
	}
	if g.Made > 0 {
		lines = append(lines, "  "+counted(g.Made, "object that was nobody's before stays in the cluster, and is nobody's again", "objects that were nobody's before stay in the cluster, and are nobody's again"))
	}
	return append(lines, "  The app is paused. Nothing is deleted, no field of a spec is changed, no pod is restarted.")
}

// others names those to whom objects go back.
func (g givingBack) others() string {
	var names []string
	for _, o := range g.Objects {
		names = append(names, o.To)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

func (o importOptions) mayGiveBack(env Env, answers []givingBack, name string) (bool, error) {
	n := 0
	for _, a := range answers {
		n += len(a.Objects)
	}
	switch {
	case n == 0:
		return false, nil
	case o.yes:
		return true, nil
	case !env.Interactive || o.format != "table":
		fmt.Fprintln(env.Stderr, "nothing was written; to give them back: plumb import --give-back "+name+" --yes")
		return false, nil
	case !ask(env, fmt.Sprintf("Give %s back?", counted(n, "object", "objects"))):
		fmt.Fprintln(env.Stderr, "nothing was written")
		return false, answerNo()
	}
	return true, nil
}

// giveBackNow asks the agent for each app: the pause and the request are one write, so that nothing is taken again in between.
func (o importing) giveBackNow(ctx context.Context, k *kube, targets []report.Target, answers []givingBack) error {
	me, err := k.me(ctx)
	if err != nil {
		return err
	}
	for i, t := range targets {
		a := &answers[i]
		if len(a.Objects) == 0 {
			continue
		}
		_, token := syncRequest(o.env.Now())
		fields := annotation(v1alpha1.AnnotationReturn, token)
		reason := "given back to " + a.others()
		fields["spec"] = map[string]any{"pause": map[string]any{"reason": reason[:min(len(reason), 1024)], "by": me, "until": nil}}
		if err := k.patchApp(ctx, t.App, fields); err != nil {
			return err
		}
		fmt.Fprintln(o.env.Stderr, "asked the agent to give back:", a.Address)
		app, err := o.handled(ctx, k, t, func(h v1alpha1.AppHandled) bool { return h.GiveBack == token })
		if err != nil {
			return err
		}
		if left := len(app.Status.Inventory); app.Status.State == v1alpha1.StateFailed && left > 0 {
			return failed(fault.New(fault.ApplyFailed, "%s is not given back completely: %s", a.Address, app.Status.Summary).WithNext("plumb why %s", a.Address))
		}
		a.Done = true
		if o.format == "table" {
			o.out.lines([]string{
				fmt.Sprintf("%s has given %s back to %s; nothing was deleted. It stays paused.", report.Clean(a.Address), counted(len(a.Objects), "object", "objects"), report.Clean(a.others())),
				"Let the other tool sync again, or resume it there. Then take the app out of Plumb: its folder out of Git, or the App object by kubectl delete.",
			})
		}
	}
	return nil
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
