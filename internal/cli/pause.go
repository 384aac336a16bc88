package cli

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"plumb.dev/plumb/internal/report"
)

const pauseHelp = `Stop applying and healing an app until plumb resume, or until the given time. Everybody sees who paused it, and why.
A pause does not change what runs, and commits are not lost: the newest one is applied when the pause ends.

With --at it is a Hold: that commit is applied and kept true instead, until the given time, or until the branch renders the
same again. Of the commits that the app went through the first seven digits will do; of others give all of them.`

type pauseOptions struct {
	kubeFlags
	reason, until, at string
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
	cmd.Flags().StringVar(&o.at, "at", "", "hold the app at this commit: it is applied and kept true; needs --until")
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
	if o.at != "" && until.IsZero() {
		return usagef("add --until 2h, or a time", "a Hold needs an end")
	}
	k, targets, err := o.find(ctx, env, name)
	if err != nil {
		return err
	}
	me, err := k.me(ctx)
	if err != nil {
		return err
	}
	for _, t := range targets {
		pause := pausePatch(o.reason, me, until)
		if o.at != "" {
			if pause["at"], err = commitOf(t, o.at); err != nil {
				return err
			}
		}
		if err := k.patchApp(ctx, t.App, map[string]any{"spec": map[string]any{"pause": pause}}); err != nil {
			return err
		}
		word := "paused"
		if at, held := pause["at"].(string); held {
			word = fmt.Sprintf("held at %.7s", at)
		}
		line := fmt.Sprintf("%s is %s by %s: %s", t.Address(), word, report.Clean(me), report.Clean(o.reason))
		if !until.IsZero() {
			line += ", until " + report.Clock(until, env.Now())
		}
		out.lines([]string{line + "   (plumb resume " + t.Address() + ")"})
	}
	return nil
}

// pausePatch is the merge patch of spec.pause, which takes the place of what was there.
func pausePatch(reason, by string, until time.Time) map[string]any {
	pause := map[string]any{"reason": reason, "by": by, "until": nil, "at": nil}
	if !until.IsZero() {
		pause["until"] = until.UTC().Format(time.RFC3339)
	}
	return pause
}

// fullCommit is the id of a commit in full.
var fullCommit = regexp.MustCompile(`^[0-9a-f]{40}$`)

// commitOf gives the full id of a commit: of one that the app went through it may be shortened.
func commitOf(t report.Target, given string) (string, error) {
	if fullCommit.MatchString(given) {
		return given, nil
	}
	st := t.App.Status
	ids := append([]string{st.Revision, st.Target}, st.ChangedBy...)
	for _, row := range st.History {
		ids = append(ids, row.Revision)
	}
	if len(given) < 7 {
		return "", usagef("plumb history "+t.Address()+" lists them", "%q names no commit: give at least seven digits", given)
	}
	return expandAmong(given, ids)
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
