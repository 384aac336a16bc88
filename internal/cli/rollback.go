package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/fleet"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/report"
	"plumb.dev/plumb/internal/revert"
	"plumb.dev/plumb/internal/source"
)

const rollbackHelp = `Take back, in Git, what an app went through last. Call it in a clone of the repository that delivers the app. It shows what
the revert would change in the live cluster, asks, pushes a branch with your own Git credentials, and opens a pull request if
the Repo names a forge and you have a token for it; else it prints the next step. Nothing is merged, and nothing in your clone
is touched but that objects are added: no working tree, no index, no branch.

What is taken back is what this app is made of, back to the last revision that was ok, or to --to. Other apps' changes in the
same commits stay. Files that several apps share are taken back for all of them: the preview shows those too. The plumb.yaml
at the root stays as it is.

With --now a Hold has the agent apply the good commit at once, so that the cluster is well before anybody has reviewed. It ends
by itself when the branch renders the same again, which the merge brings about, or after --for.

If the same lines were changed again since, nothing is taken back by half: the branch has an empty commit, and the pull request
says which files are to be mended by hand.

A change that is itself a revert is not reverted, unless --to says where to go.

The token is PLUMB_FORGE_TOKEN, or by the kind of the forge GITHUB_TOKEN, GITLAB_TOKEN or GITEA_TOKEN.

Exit codes: 0 done, or shown; 1 not confirmed; 3 it cannot be done as it stands, or people must mend conflicts.`

type rollbackOptions struct {
	kubeFlags
	to, reason, hold  string
	now, yes, noFetch bool
	sources           []string
	format            string
}

func newRollbackCommand(env Env) *cobra.Command {
	var o rollbackOptions
	cmd := &cobra.Command{
		Use:     "rollback app[/env]",
		Short:   "Revert an app's last change by a pull request, and with --now hold the good version meanwhile",
		Long:    rollbackHelp,
		GroupID: groupAsk,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r := rollback{rollbackOptions: o, env: env, out: screenOf(env, cmd), name: args[0]}
			return r.told(r.run(cmd.Context()))
		},
	}
	flags := cmd.Flags()
	o.add(flags)
	flags.StringVar(&o.to, "to", "", "the commit to go back to (default: the last revision that was ok)")
	flags.BoolVar(&o.now, "now", false, "also hold the app at that commit, at once")
	flags.StringVar(&o.hold, "for", "1d", "with --now: when the Hold ends by itself, a duration or a time")
	flags.StringVar(&o.reason, "reason", "", "why; stands in the commit, the pull request and the Hold")
	flags.BoolVarP(&o.yes, "yes", "y", false, "do it without asking")
	sourceFlag(flags, &o.sources)
	noFetchFlag(flags, &o.noFetch)
	outputFlag(cmd, &o.format, "table", "json", "yaml")
	cmd.ValidArgsFunction = completeNames(env, &o.kubeFlags)
	return cmd
}

// rollback is one call of the verb.
type rollback struct {
	rollbackOptions
	env  Env
	out  screen
	name string

	me     string // as the API server knows the person
	live   *live
	target report.Target
	repo   *v1alpha1.Repo // that the app reads from; nil for an address of its own
	clone  *source.Clone
	remote string
	branch string // that is tracked
	tip    string
	change revert.Change
	made   source.Reversed
	others []string // apps that change with it
	lines  []string // what the cluster would make of it
	answer rollbackAnswer
}

func (r *rollback) run(ctx context.Context) error {
	until, err := parseUntil(r.hold, r.env.Now())
	if err != nil {
		return err
	}
	l, closeAll, err := openLive(ctx, r.env, liveOptions{kube: r.kubeFlags, diffOptions: diffOptions{noFetch: r.noFetch, sources: r.sources}}, r.env.Dir)
	if err != nil {
		return err
	}
	defer closeAll()
	r.live = l
	if r.me, err = l.kube.me(ctx); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{r.find, r.choose, r.makeRevert, r.preview} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if do, err := r.mayGoOn(); !do {
		return err
	}
	if r.now {
		pause := pausePatch(r.why(), r.me, until)
		pause["at"] = r.change.Good
		if err := l.kube.patchApp(ctx, r.target.App, map[string]any{"spec": map[string]any{"pause": pause}}); err != nil {
			return err
		}
		r.answer.Held = &rollbackHold{r.change.Good, until}
		r.say(fmt.Sprintf("%s is held at %.7s until %s   (plumb resume %s)", r.target.Address(), r.change.Good, report.Clock(until, r.env.Now()), r.target.Address()))
	}
	return r.propose(ctx)
}

// find connects the app, its repository and the clone.
func (r *rollback) find(ctx context.Context) error {
	var err error
	if r.target, err = selectOne(r.live.fleet.Targets(), r.name); err != nil {
		return err
	}
	app := r.target.App
	address := app.Spec.Repo
	revision, seen := app.Spec.Revision, ""
	if i := slices.IndexFunc(r.live.fleet.Repos, func(repo v1alpha1.Repo) bool { return repoOf(app, repo) }); i >= 0 {
		r.repo = &r.live.fleet.Repos[i]
		address = r.repo.Spec.URL
		if revision = cmp.Or(revision, r.repo.Spec.Revision); r.repo.Status.Observed != nil && app.Spec.Revision == "" {
			seen = r.repo.Status.Observed.Ref
		}
	}
	if r.clone, err = source.OpenClone(r.live.clone.root); err != nil {
		return err
	}
	remotes, err := r.clone.Remotes(ctx)
	if err != nil {
		return err
	}
	for url, name := range remotes {
		if sameAddress(url, address) {
			r.remote = name
		}
	}
	if r.remote == "" {
		return fault.New(fault.PathNotFound, "%s is delivered from %s, which is no remote of this clone", r.target.Address(), address).
			WithNext("call plumb in a clone of it")
	}
	if r.branch, err = r.tracked(ctx, revision, seen); err != nil {
		return err
	}
	r.tip, err = r.clone.Tip(ctx, r.remote, r.branch)
	return err
}

// tracked gives the branch that the app follows. What follows a tag, or one commit, cannot be reverted by a merge.
func (r *rollback) tracked(ctx context.Context, revision, seen string) (string, error) {
	if branch, ok := strings.CutPrefix(cmp.Or(seen, revision), "refs/heads/"); ok {
		return branch, nil
	}
	if seen != "" && seen != "HEAD" || fullCommit.MatchString(revision) || strings.HasPrefix(revision, "refs/") {
		return "", fault.New(fault.NotReverted, "%s follows %s, which is no branch", r.target.Address(), cmp.Or(seen, revision)).
			WithNext("tag an older commit anew, or change the revision; plumb pause %s --at COMMIT --until 1d holds it meanwhile", r.target.Address())
	}
	if revision != "" {
		return revision, nil
	}
	return r.clone.DefaultBranch(ctx, r.remote)
}

// choose decides what is taken back, and that it is no revert.
func (r *rollback) choose(ctx context.Context) error {
	to, err := r.goal(ctx)
	if err != nil {
		return err
	}
	if r.change, err = revert.Choose(r.target.App.Name, r.target.Address(), r.target.App.Status, to); err != nil {
		return failedBy(err)
	}
	for _, id := range append([]string{r.change.Bad, r.change.Good}, r.change.ChangedBy...) {
		if r.live.tree(ctx, id) == nil {
			return fault.New(fault.RevisionNotFound, "the commit %.7s is not in this clone", id).WithNext("git fetch %s, then call plumb again", r.remote)
		}
	}
	for _, id := range r.change.ChangedBy {
		c, err := r.live.clone.mirror.Commit(ctx, id)
		if err == nil && to == "" && revert.Is(c.Subject, c.Body) {
			return failed(fault.New(fault.NotReverted, "%s went through %.7s last, which is a revert itself: %s", r.target.Address(), id, report.Clean(c.Subject)).
				WithNext("name the commit to go back to with --to COMMIT, or commit a correction"))
		}
	}
	return nil
}

// goal gives the full id of --to.
func (r *rollback) goal(ctx context.Context) (string, error) {
	if r.to == "" || fullCommit.MatchString(r.to) {
		return r.to, nil
	}
	if known, err := commitOf(r.target, r.to); err == nil {
		return known, nil
	}
	if head, err := r.live.clone.resolve(ctx, r.to); err == nil {
		return head.Commit, nil
	}
	return r.live.clone.expand(ctx, r.to)
}

// makeRevert makes the commit, of the files that the app is made of before or after.
func (r *rollback) makeRevert(ctx context.Context) error {
	var reads []render.Read
	var extra, folders []string
	for _, commit := range []string{r.change.Good, r.change.Bad} {
		app, read, rendered, err := r.reads(ctx, commit)
		if err != nil {
			return err
		}
		if !rendered {
			folders = append(folders, app.Path)
		}
		reads = append(reads, read...)
		for _, name := range app.Inputs {
			if name != "plumb.yaml" { // of everybody
				extra = append(extra, name)
			}
		}
	}
	do := source.Reversal{Tip: r.tip, Bad: r.change.Bad, Good: r.change.Good, Own: render.Own(reads, extra, folders), Message: r.change.Message(r.why(), nil)}
	var err error
	if r.made, err = r.clone.Reverse(ctx, do); err == nil && len(r.made.Conflicts) > 0 {
		do.Message = r.change.Message(r.why(), r.made.Conflicts)
		r.made, err = r.clone.Reverse(ctx, do)
	}
	return failedBy(err)
}

// reads gives what a render of the app at a commit reads, and whether it comes to its end.
func (r *rollback) reads(ctx context.Context, commit string) (app fleet.App, reads []render.Read, rendered bool, err error) {
	tree := r.live.tree(ctx, commit)
	object := &r.target.App
	placed := fleet.ByHand(tree, object).App
	if r.repo != nil && made(object, *r.repo) {
		placed = fleet.App{}
		result := fleet.Discover(fleet.Input{Tree: tree, Apps: r.repo.Spec.Apps, Clusters: r.live.clusters, Offline: r.live.offline, Repo: r.repo.Name, Namespace: r.repo.Namespace})
		for _, found := range result.Apps {
			if found.Name == object.Name {
				placed = found
			}
		}
	}
	if placed.Path == "" || placed.Fault != nil {
		return fleet.App{Path: object.Spec.Path}, nil, false, ctx.Err() // there was no such app, or it could not be read
	}
	request := requestOf(tree, placed)
	use(&request, r.live.besides.of(ctx, object, r.live.fleet).applied)
	if err := r.live.charts.complete(ctx, tree, placed, &request); err != nil {
		return placed, nil, false, err
	}
	answers := r.live.cluster.Mapper().Answers(ctx)
	request.Capabilities, request.Upgrade = answers, true
	manifest, err := r.live.renderer.Render(ctx, request)
	return placed, manifest.Reads, err == nil, ctx.Err()
}

// preview shows what is taken back, and what the cluster would make of it.
func (r *rollback) preview(ctx context.Context) error {
	c := r.change
	r.say(fmt.Sprintf("%s  from %.7s back to %.7s, on %s@%.7s: %s", c.Address, c.Bad, c.Good, report.Clean(r.branch), r.tip, counted(len(r.made.Paths), "file", "files")))
	if len(r.made.Conflicts) > 0 {
		lines := []string{"  changed again since, in the same lines:"}
		for _, path := range r.made.Conflicts {
			lines = append(lines, "    "+report.Clean(path))
		}
		r.say(lines...)
		return nil
	}
	l := r.live
	l.options.base = r.tip
	l.workspace = &workspace{root: l.clone.root, tree: l.tree(ctx, r.made.Commit)}
	if l.workspace.tree == nil {
		return fault.New(fault.FetchFailed, "the revert that was made cannot be read")
	}
	candidates, _, err := l.candidates(ctx)
	if err != nil {
		return err
	}
	l.head = r.made.Commit // whose consents count
	answer, err := l.answer(ctx, candidates, func(*candidate) bool { return true }, false)
	if err != nil {
		return err
	}
	answer.From, answer.To = r.branch+"@"+short7(r.tip), "the revert"
	for _, app := range answer.Apps {
		if app.Address != c.Address && len(app.Objects) > 0 {
			r.others = append(r.others, app.Address)
		}
	}
	r.previewed(answer)
	return nil
}

func (r *rollback) why() string {
	if r.reason != "" {
		return report.Clean(r.reason)
	}
	return fmt.Sprintf("rolled back from %.7s by %s", r.change.Bad, r.me)
}

// mayGoOn decides whether to do what was shown.
func (r *rollback) mayGoOn() (bool, error) {
	again := "plumb rollback " + r.name + " --yes"
	question := "Push " + r.change.Branch() + "?"
	if r.now {
		again, question = again+" --now", fmt.Sprintf("Hold %s at %.7s now, and push %s?", r.target.Address(), r.change.Good, r.change.Branch())
	}
	switch {
	case r.yes:
		return true, nil
	case !r.env.Interactive || r.format != "table":
		fmt.Fprintln(r.env.Stderr, "nothing was done; to do it: "+again)
		return false, nil
	case !ask(r.env, question):
		fmt.Fprintln(r.env.Stderr, "nothing was done")
		return false, answerNo()
	}
	return true, nil
}

// failedBy makes a Fault one of an operation that failed.
func failedBy(err error) error {
	if err == nil {
		return nil
	}
	return failed(fault.Of(err, fault.NotReverted))
}
