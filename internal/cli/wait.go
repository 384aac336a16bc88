package cli

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/report"
)

const waitHelp = `Wait until a commit is healthy everywhere it changed something, or until an app is ok.

    plumb wait COMMIT         until the commit, or a later one, was decided for every app of its repository, and every app
                              that it changed is ok. Apps that it did not touch need nothing.
    plumb wait app[/env]      until the app is ok; with --for healthy@REV, ok at REV or later.

It fails at once (3) when one of these apps has failed, and (5) when the agent is not heard from: then nobody knows. COMMIT
is a commit id, HEAD or a branch of the clone that plumb is called in. Whether a commit comes before another is answered by
that clone, or by the agent (--url, or PLUMB_URL and PLUMB_TOKEN); it is never guessed. After --timeout the exit code is 8.`

type waitOptions struct {
	kubeFlags
	until, repo, url string
	timeout          time.Duration
}

func newWaitCommand(env Env) *cobra.Command {
	var o waitOptions
	cmd := &cobra.Command{
		Use:     "wait COMMIT | app[/env]",
		Short:   "Wait until a commit is healthy everywhere, or an app is ok",
		Long:    waitHelp,
		GroupID: groupAsk,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runWait(cmd.Context(), env, screenOf(env, cmd), o, args[0])
		},
	}
	o.add(cmd.Flags())
	cmd.Flags().StringVar(&o.until, "for", "healthy", "for an app: healthy, or healthy@REV")
	cmd.Flags().StringVar(&o.repo, "repo", "", "for a commit: the Repo that it is in, where there are several")
	cmd.Flags().StringVar(&o.url, "url", "", "address of the agent's page, as plumb up prints it (default: PLUMB_URL)")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 10*time.Minute, "how long to wait; 0 is for ever")
	cmd.ValidArgsFunction = completeNames(env, &o.kubeFlags)
	return cmd
}

// waiting is a wait under way. It holds on one look at the fleet after the other.
type waiting struct {
	env      Env
	out      screen
	ancestry *ancestry
	name     string // app[/env]; "" for a commit
	commit   string // full id; "" for an app that just has to be ok
	repo     string // namespace/name, of a commit
	told     string // progress that was told last
}

func runWait(ctx context.Context, env Env, out screen, o waitOptions, what string) error {
	revision, err := revisionOf(o.until)
	if err != nil {
		return err
	}
	k, err := o.connect(env)
	if err != nil {
		return err
	}
	f, err := k.fleet(ctx, env.Now)
	if err != nil {
		return err
	}
	w := waiting{env: env, out: out, ancestry: &ancestry{known: map[[2]string]bool{}}}
	if w.ancestry.agent, err = newAgentAPI(env, o.url); err != nil {
		return err
	}
	if w.ancestry.clone, err = openClone(env, env.Dir); err == nil {
		defer w.ancestry.clone.Close()
	} else {
		w.ancestry.clone = nil // then the agent must know
	}
	if isApp(f, what) {
		w.name = what
		if _, err := selectTargets(f.Targets(), what); err != nil {
			return err
		}
	} else {
		revision = what
	}
	if revision != "" {
		if w.commit, err = w.fullCommit(ctx, f, revision); err != nil {
			return err
		}
	}
	if w.name == "" {
		if w.repo, err = w.chooseRepo(f, o.repo); err != nil {
			return err
		}
	}
	return w.run(ctx, k, o.timeout)
}

// revisionOf reads --for.
func revisionOf(until string) (string, error) {
	state, revision, at := strings.Cut(until, "@")
	if state != "healthy" || at && revision == "" {
		return "", usagef("--for healthy, or --for healthy@REV", "%q is nothing that can be waited for", until)
	}
	return revision, nil
}

// isApp tells apps from commits: what has a slash or an at sign, and what an app is called, is an app.
func isApp(f report.Fleet, what string) bool {
	return strings.ContainsAny(what, "/@") || slices.ContainsFunc(f.Apps, func(a v1alpha1.App) bool {
		return report.AppName(a) == what || a.Name == what
	})
}

var (
	fullID  = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
	shortID = regexp.MustCompile(`^[0-9a-f]{4,63}$`)
)

// fullCommit gives the full id of what a person wrote: an id, its beginning, or a name in the clone.
func (w *waiting) fullCommit(ctx context.Context, f report.Fleet, written string) (string, error) {
	if fullID.MatchString(written) {
		return written, nil
	}
	if shortID.MatchString(written) {
		id, err := expandAmong(written, knownCommits(f))
		if err != nil && w.ancestry.clone != nil {
			id, err = w.ancestry.clone.expand(ctx, written)
		}
		if err == nil {
			return id, nil
		}
	}
	if w.ancestry.clone == nil {
		return "", usagef("give the full commit id, or call plumb in a clone of the repository; plumb apps lists the apps", "%q is neither an app nor a commit that is known here", written)
	}
	head, err := w.ancestry.clone.resolve(ctx, written)
	if err != nil {
		return "", usage(fault.Of(err, fault.RevisionNotFound).WithNext("give a commit of this clone, or an app; plumb apps lists them"))
	}
	return head.Commit, nil
}

// knownCommits lists the ids that the cluster speaks of.
func knownCommits(f report.Fleet) []string {
	var ids []string
	for _, r := range f.Repos {
		ids = append(ids, r.Status.Revision)
		if r.Status.Observed != nil {
			ids = append(ids, r.Status.Observed.Revision)
		}
	}
	for _, a := range f.Apps {
		ids = append(ids, a.Status.Revision, a.Status.Target)
		ids = append(ids, slices.DeleteFunc(slices.Clone(a.Status.ChangedBy), ofSource)...)
		for _, h := range a.Status.History {
			ids = append(ids, h.Revision)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// chooseRepo finds the Repo that a commit is in: the one that is named, the only one, or the one that this is a clone of.
func (w *waiting) chooseRepo(f report.Fleet, named string) (string, error) {
	var all, fit []string
	for _, r := range f.Repos {
		id := r.Namespace + "/" + r.Name
		all = append(all, id)
		if named != "" && (named == r.Name || named == id) || named == "" && w.isCloneOf(r) {
			fit = append(fit, id)
		}
	}
	if named == "" && len(fit) != 1 && len(all) == 1 {
		fit = all
	}
	switch {
	case len(fit) == 1:
		return fit[0], nil
	case len(all) == 0:
		return "", fault.New(fault.PathNotFound, "there is no Repo whose commits could be waited for").WithNext("plumb wait app[/env] waits for one app")
	case named != "" && len(fit) == 0:
		return "", usagef("name one of "+strings.Join(all, ", "), "there is no Repo %s", named)
	}
	return "", usagef("--repo NAME", "there are several Repos (%s), and it is not clear which one the commit is in", strings.Join(all, ", "))
}

func (w *waiting) isCloneOf(r v1alpha1.Repo) bool {
	return w.ancestry.clone != nil && slices.ContainsFunc(w.ancestry.clone.remotes(), func(address string) bool { return sameAddress(address, r.Spec.URL) })
}

func (w *waiting) run(ctx context.Context, k *kube, limit time.Duration) error {
	see := w.seeCommit
	if w.name != "" {
		see = w.seeApp
	}
	var answer []string
	err := within(ctx, limit, func(ctx context.Context) (err error) {
		answer, err = k.follow(ctx, w.env, func(f report.Fleet) ([]string, bool, error) {
			if silent := f.Agent.Silent(f.Now); silent != "" {
				return nil, false, fault.New(fault.Stale, "nobody knows: %s", silent).WithNext("see that the agent runs; plumb status shows what it said last")
			}
			return see(ctx, f)
		})
		return err
	})
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return pending(fault.New(fault.HealthTimeout, "not yet after %s: %s", limit, w.told).WithNext("plumb status shows where it stands; --timeout waits longer"))
	}
	w.out.lines(answer)
	return err
}

// seeCommit decides by resources.md §1: the commit was decided for every app, and every app that it changed is ok.
func (w *waiting) seeCommit(ctx context.Context, f report.Fleet) ([]string, bool, error) {
	i := slices.IndexFunc(f.Repos, func(r v1alpha1.Repo) bool { return r.Namespace+"/"+r.Name == w.repo })
	if i < 0 {
		return nil, false, fault.New(fault.PathNotFound, "the Repo %s is gone", w.repo).WithNext("plumb status shows what there is")
	}
	repo := f.Repos[i]
	decided, err := w.covers(ctx, repo, repo.Status.Revision)
	if err != nil {
		return nil, false, err
	}
	var changed, notYet []string
	for _, t := range f.Targets() {
		if !repoOf(t.App, repo) {
			continue
		}
		touched, err := w.touched(ctx, repo, t)
		if err != nil && t.State != v1alpha1.StateOK { // an app that is ok would only be named in the answer
			return nil, false, err
		}
		switch {
		case !touched:
		case t.State == v1alpha1.StateFailed:
			return nil, false, failedApp(t)
		case t.State != v1alpha1.StateOK:
			notYet = append(notYet, notYetText(t))
		default:
			changed = append(changed, t.Address())
		}
	}
	switch {
	case !decided:
		return nil, false, w.progress(f, fmt.Sprintf("%.7s is not decided yet: %s", w.commit, report.Style{}.Head(repo, f.Now)))
	case len(notYet) > 0:
		return nil, false, w.progress(f, strings.Join(notYet, ", "))
	case len(changed) == 0:
		return []string{fmt.Sprintf("%.7s is delivered: it changed no app", w.commit)}, true, nil
	}
	return []string{fmt.Sprintf("%.7s is healthy: %s", w.commit, strings.Join(changed, ", "))}, true, nil
}

// notYetText says how a target is that is not ok; of one that waits, for what.
func notYetText(t report.Target) string {
	text := t.Address() + " is " + report.Word(t.State)
	if t.State == v1alpha1.StateWaiting && t.Summary() != "" {
		text += ": " + t.Summary()
	}
	return text
}

// covers tells whether a revision is the commit or a later one.
func (w *waiting) covers(ctx context.Context, repo v1alpha1.Repo, revision string) (bool, error) {
	if revision == "" {
		return false, nil
	}
	return w.ancestry.is(ctx, repo, w.commit, revision)
}

// ofSource tells whether a commit is one of another repository (<source>@<commit>).
func ofSource(id string) bool { return strings.Contains(id, "@") }

// touched tells whether the commit, or a later one, is among those that changed the app's inputs.
func (w *waiting) touched(ctx context.Context, repo v1alpha1.Repo, t report.Target) (bool, error) {
	if slices.Contains(t.App.Status.ChangedBy, w.commit) {
		return true, nil
	}
	for _, id := range t.App.Status.ChangedBy {
		if ofSource(id) {
			continue
		}
		if later, err := w.ancestry.is(ctx, repo, w.commit, id); later || err != nil {
			return later, err
		}
	}
	return w.keptAway(ctx, repo, t.App.Status.Held)
}

// keptAway tells whether a Hold keeps the commit, or a later one that changed the app's inputs, from being applied.
func (w *waiting) keptAway(ctx context.Context, repo v1alpha1.Repo, held *v1alpha1.Held) (bool, error) {
	if held == nil || held.Newest == "" {
		return false, nil
	}
	if before, err := w.ancestry.is(ctx, repo, w.commit, held.At); before || err != nil {
		return false, err
	}
	return w.ancestry.is(ctx, repo, w.commit, held.Newest)
}

// seeApp waits for ok, and for the commit to be decided if one was named.
func (w *waiting) seeApp(ctx context.Context, f report.Fleet) ([]string, bool, error) {
	targets, err := selectTargets(f.Targets(), w.name)
	if err != nil {
		return nil, false, err
	}
	var notYet, done []string
	for _, t := range targets {
		there, err := w.atCommit(ctx, f, t)
		if err != nil {
			return nil, false, err
		}
		switch {
		case t.State == v1alpha1.StateFailed:
			return nil, false, failedApp(t)
		case t.State != v1alpha1.StateOK:
			notYet = append(notYet, notYetText(t))
		case !there:
			notYet = append(notYet, fmt.Sprintf("%s is not at %.7s", t.Address(), w.commit))
		default:
			done = append(done, fmt.Sprintf("%s is ok at %.7s", t.Address(), t.App.Status.Revision))
		}
	}
	if len(notYet) > 0 {
		return nil, false, w.progress(f, strings.Join(notYet, ", "))
	}
	return done, true, nil
}

// atCommit tells whether the commit of --for healthy@REV was decided for an app: an unrelated commit leaves the app at an
// older one, so it is the Repo's revision that counts, where there is a Repo.
func (w *waiting) atCommit(ctx context.Context, f report.Fleet, t report.Target) (bool, error) {
	if w.commit == "" {
		return true, nil
	}
	for _, r := range f.Repos {
		if repoOf(t.App, r) {
			return w.covers(ctx, r, r.Status.Revision)
		}
	}
	return w.covers(ctx, v1alpha1.Repo{ObjectMeta: t.App.ObjectMeta}, t.App.Status.Revision)
}

// progress tells on standard error what is still missing, each time that it is something else.
func (w *waiting) progress(f report.Fleet, text string) error {
	if text != w.told {
		fmt.Fprintln(w.env.Stderr, f.Now.Format("15:04:05"), text)
	}
	w.told = text
	return nil
}
