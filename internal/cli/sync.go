package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/report"
)

const syncHelp = `Ask the agent to fetch and go through an app now, or through all repositories without a name, and wait until it has.

It never deploys anything that is not in Git: it only asks for what would happen anyway, or, for an app with sync: manual,
for the commit that is waiting. --watch goes on until the apps have settled.`

type syncOptions struct {
	kubeFlags
	watch   bool
	timeout time.Duration
}

func newSyncCommand(env Env) *cobra.Command {
	var o syncOptions
	cmd := &cobra.Command{
		Use:     "sync [app[/env]]",
		Short:   "Ask the agent to fetch and reconcile now",
		Long:    syncHelp,
		GroupID: groupAsk,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runSync(cmd.Context(), env, screenOf(env, cmd), o, first(args))
		},
	}
	o.add(cmd.Flags())
	cmd.Flags().BoolVar(&o.watch, "watch", false, "go on until the apps have settled; a failed app exits with 3")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 2*time.Minute, "how long to wait; the request stays, whatever happens")
	cmd.ValidArgsFunction = completeNames(env, &o.kubeFlags)
	return cmd
}

// syncing is a request that was made: whose answer is awaited, and what counts as its end.
type syncing struct {
	name  string
	token string
	apps  map[string]bool // namespace/name of the App objects that were asked; empty when Repos were
	repos map[string]bool
	log   changeLog
}

func runSync(ctx context.Context, env Env, out screen, o syncOptions, name string) error {
	k, err := o.connect(env)
	if err != nil {
		return err
	}
	f, err := k.fleet(ctx, env.Now)
	if err != nil {
		return err
	}
	s := syncing{name: name, apps: map[string]bool{}, repos: map[string]bool{}, log: changeLog{out: out, last: map[string]string{}}}
	if err := s.request(ctx, k, f); err != nil {
		return err
	}
	fmt.Fprintln(env.Stderr, "asked for a pass:", s.whom())
	var answer []string
	err = within(ctx, o.timeout, func(ctx context.Context) (err error) {
		answer, err = k.follow(ctx, env, func(f report.Fleet) ([]string, bool, error) { return s.see(f, o.watch) })
		return err
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return pending(fault.New(fault.Stale, "the pass is not over after %s", o.timeout).WithNext("plumb status -w shows how it goes on; the request stays"))
	}
	out.lines(answer)
	return err
}

// request asks every App that the name means, or every Repo.
func (s *syncing) request(ctx context.Context, k *kube, f report.Fleet) error {
	fields, token := syncRequest(f.Now)
	s.token = token
	if s.name == "" {
		for _, r := range f.Repos {
			if err := k.patch(ctx, "repos", r.Namespace, r.Name, fields); err != nil {
				return err
			}
			s.repos[r.Namespace+"/"+r.Name] = true
		}
		if len(f.Repos) == 0 {
			return fault.New(fault.PathNotFound, "there is no Repo to sync").WithNext("plumb sync APP asks for one app; plumb apps lists them")
		}
		return nil
	}
	targets, err := selectTargets(f.Targets(), s.name)
	if err != nil {
		return err
	}
	for _, t := range targets {
		if err := k.patchApp(ctx, t.App, fields); err != nil {
			return err
		}
		s.apps[t.App.Namespace+"/"+t.App.Name] = true
	}
	return nil
}

func (s *syncing) whom() string {
	var names []string
	for name := range s.apps {
		names = append(names, "App "+name)
	}
	for name := range s.repos {
		names = append(names, "Repo "+name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// see looks at the fleet once: is everything echoed, and with --watch, has everything settled?
func (s *syncing) see(f report.Fleet, watch bool) (answer []string, done bool, err error) {
	if silent := f.Agent.Silent(f.Now); silent != "" {
		return nil, false, fault.New(fault.Stale, "nobody carries the request out: %s", silent).WithNext("start the agent; the request stays")
	}
	targets := slices.DeleteFunc(f.Targets(), func(t report.Target) bool { return !s.concerns(t.App, f.Repos) })
	if !s.echoed(f) {
		return nil, false, nil
	}
	if !watch {
		return []string{s.log.out.style.Counts(targets)}, true, nil
	}
	f.Apps = nil
	for _, t := range targets {
		f.Apps = append(f.Apps, t.App)
	}
	if err := s.log.tell(f); err != nil {
		return nil, false, err
	}
	done, err = settled(targets, f.Repos, s.repos)
	return nil, done, err
}

func (s *syncing) concerns(a v1alpha1.App, repos []v1alpha1.Repo) bool {
	if s.apps[a.Namespace+"/"+a.Name] {
		return true
	}
	return slices.ContainsFunc(repos, func(r v1alpha1.Repo) bool { return s.repos[r.Namespace+"/"+r.Name] && repoOf(a, r) })
}

// echoed tells whether everything that was asked has answered. What was deleted meanwhile need not answer.
func (s *syncing) echoed(f report.Fleet) bool {
	for _, a := range f.Apps {
		if s.apps[a.Namespace+"/"+a.Name] && a.Status.Handled.Sync != s.token {
			return false
		}
	}
	for _, r := range f.Repos {
		if s.repos[r.Namespace+"/"+r.Name] && r.Status.Handled.Sync != s.token {
			return false
		}
	}
	return true
}

// settled tells whether nothing will move by itself any more; a failed app is an error.
func settled(targets []report.Target, repos []v1alpha1.Repo, asked map[string]bool) (bool, error) {
	for _, r := range repos {
		if o := r.Status.Observed; asked[r.Namespace+"/"+r.Name] && o != nil && o.Revision != r.Status.Revision {
			return false, nil
		}
	}
	for _, t := range targets {
		moving := t.State == v1alpha1.StateRolling || t.State == v1alpha1.StateUnknown ||
			t.State == v1alpha1.StateWaiting && len(t.App.Status.HeldDeletions) == 0 && t.Reason() != fault.NeedsSync
		if moving {
			return false, nil
		}
	}
	for _, t := range targets {
		if t.State == v1alpha1.StateFailed {
			return false, failedApp(t)
		}
	}
	return true, nil
}

// failedApp is the error of a verb that waited for an app that failed.
func failedApp(t report.Target) error {
	reason := t.Reason()
	if reason == "" || codeOfReason(reason) != exitFailed {
		reason = fault.ApplyFailed // the operation failed, whatever the reason behind it
	}
	return fault.New(reason, "%s failed: %s", t.Address(), t.Summary()).WithNext("plumb why %s", t.Address())
}

// within runs f with a deadline; 0 is none. Whatever f fails with once the time is over (a request cut short, a git that was
// killed) is context.DeadlineExceeded: it says nothing of what was waited for.
func within(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	if limit <= 0 {
		return f(ctx)
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := f(limited)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return limited.Err()
	}
	return err
}
