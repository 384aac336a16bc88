package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"plumb.dev/plumb/internal/report"
)

const pauseHelp = `Stop applying and healing an app until plumb resume, or until the given time. Everybody sees who paused it, and why.
A pause does not change what runs, and commits are not lost: the newest one is applied when the pause ends.`

type pauseOptions struct {
	kubeFlags
	reason, until string
}

func newPauseCommand(env Env) *cobra.Command {
	var o pauseOptions
	cmd := &cobra.Command{
		Use:     "pause app[/env] --reason R",
		Short:   "Stop applying and healing an app, with a reason",
		Long:    pauseHelp,
		GroupID: groupAsk,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runPause(cmd.Context(), env, screenOf(env, cmd), o, args[0])
		},
	}
	o.add(cmd.Flags())
	cmd.Flags().StringVar(&o.reason, "reason", "", "why; required, everybody sees it")
	cmd.Flags().StringVar(&o.until, "until", "", "when it ends by itself: a duration (2h, 3d) or a time (2026-11-30T08:00:00Z)")
	cmd.ValidArgsFunction = completeNames(env, &o.kubeFlags)
	return cmd
}

func newResumeCommand(env Env) *cobra.Command {
	var flags kubeFlags
	cmd := &cobra.Command{
		Use:     "resume app[/env]",
		Short:   "End a pause",
		GroupID: groupAsk,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runResume(cmd.Context(), env, screenOf(env, cmd), &flags, args[0])
		},
	}
	flags.add(cmd.Flags())
	cmd.ValidArgsFunction = completeNames(env, &flags)
	return cmd
}

func runPause(ctx context.Context, env Env, out screen, o pauseOptions, name string) error {
	if report.Clean(o.reason) == "" {
		return usagef("plumb pause "+name+` --reason "why"`, "a pause needs a reason")
	}
	until, err := parseUntil(o.until, env.Now())
	if err != nil {
		return err
	}
	k, targets, err := o.find(ctx, env, name)
	if err != nil {
		return err
	}
	me, err := k.me(ctx)
	if err != nil {
		return err
	}
	pause := map[string]any{"reason": o.reason, "by": me, "until": nil}
	if !until.IsZero() {
		pause["until"] = until.UTC().Format(time.RFC3339)
	}
	for _, t := range targets {
		if err := k.patchApp(ctx, t.App, map[string]any{"spec": map[string]any{"pause": pause}}); err != nil {
			return err
		}
		line := fmt.Sprintf("%s is paused by %s: %s", t.Address(), report.Clean(me), report.Clean(o.reason))
		if !until.IsZero() {
			line += ", until " + report.Clock(until, env.Now())
		}
		out.lines([]string{line + "   (plumb resume " + t.Address() + ")"})
	}
	return nil
}

func runResume(ctx context.Context, env Env, out screen, flags *kubeFlags, name string) error {
	k, targets, err := flags.find(ctx, env, name)
	if err != nil {
		return err
	}
	for _, t := range targets {
		if t.App.Spec.Pause == nil {
			out.lines([]string{t.Address() + " was not paused"})
			continue
		}
		if err := k.patchApp(ctx, t.App, map[string]any{"spec": map[string]any{"pause": nil}}); err != nil {
			return err
		}
		out.lines([]string{fmt.Sprintf("%s is resumed (it was paused by %s: %s)", t.Address(), report.Clean(t.App.Spec.Pause.By), report.Clean(t.App.Spec.Pause.Reason))})
	}
	return nil
}

// find connects and gives the targets that a name means.
func (k *kubeFlags) find(ctx context.Context, env Env, name string) (*kube, []report.Target, error) {
	cluster, err := k.connect(env)
	if err != nil {
		return nil, nil, err
	}
	f, err := cluster.fleet(ctx, env.Now)
	if err != nil {
		return nil, nil, err
	}
	targets, err := selectTargets(f.Targets(), name)
	return cluster, targets, err
}

// parseUntil reads a duration from now, days included, or a time. The zero time means that none was given.
func parseUntil(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	var days int
	var rest string
	if n, _ := fmt.Sscanf(s, "%d%s", &days, &rest); n == 2 && rest == "d" {
		s = fmt.Sprintf("%dh", 24*days)
	}
	at, err := time.Parse(time.RFC3339, s)
	if d, derr := time.ParseDuration(s); derr == nil {
		at, err = now.Add(d), nil
	}
	if err != nil {
		return time.Time{}, usagef("for example --until 2h, --until 3d or --until 2026-11-30T08:00:00Z", "%q is neither a duration nor a time", s)
	}
	if !at.After(now) {
		return time.Time{}, usagef("give a time that is still to come", "the pause would have ended already (%s)", report.Clock(at, now))
	}
	return at, nil
}
