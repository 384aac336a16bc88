// Package cli is the command plumb: one file per verb, one exit code per kind of answer.
//
// Every verb reads, writes a request (sync, pause, resume, import), proposes a commit (rollback), or asks for a render; none
// creates, edits or deletes an app: that is what commits are for. Standard output is the answer, standard error is progress
// and trouble. What people read is laid out by package report; what machines read is JSON with apiVersion
// cli.plumb.dev/v1alpha1.
//
// The package never logs in anywhere: the kubeconfig and the RBAC of the API server are the only permissions; rollback
// pushes with the person's own Git, and asks the forge with their token. It keeps no global state; everything of the process
// comes in through Env.
//
// Start at Main, then read the file of a verb.
package cli

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/render/child"
)

// Env is the process as a verb sees it. Tests make their own.
type Env struct {
	Args   []string // without the program's name
	Stdin  io.Reader
	Stdout io.Writer // the answer
	Stderr io.Writer // progress and trouble
	Getenv func(string) string
	Dir    string // where plumb was called; relative paths start here
	IsTTY  bool   // Stdout is a terminal
	// Interactive: somebody can be asked, because standard input and error are a terminal.
	Interactive bool
	Width       int // columns of that terminal; 0 is not known
	Height      int // lines of that terminal; 0 is not known
	Now         func() time.Time
}

// OS gives the Env of the running process.
func OS() Env {
	env := Env{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: os.Getenv, Now: time.Now,
	}
	env.Dir, _ = os.Getwd()
	fd := int(os.Stdout.Fd())
	if env.IsTTY = term.IsTerminal(fd); env.IsTTY {
		env.Width, env.Height, _ = term.GetSize(fd)
	}
	env.Interactive = term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stderr.Fd()))
	return env
}

// Main runs one command and gives its exit code (plumb help exit-codes). The first interrupt ends the command in good
// order, the second one at once.
func Main(env Env) int {
	if len(env.Args) > 0 && env.Args[0] == render.ChildCommand {
		return child.Main(env.Args[1:], env.Stdin, env.Stdout) // locked and fed by package render; nobody calls it by hand
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)()

	run := &invocation{}
	root := newRoot(env, run)
	verb, err := root.ExecuteContextC(ctx)
	if err != nil && !run.begun {
		err = usage(err)
	}
	if err != nil && ctx.Err() != nil {
		err = interrupted(err)
	}
	return tell(env, verb, err)
}

// invocation remembers whether a verb was reached: an error before that is one of usage.
type invocation struct{ begun bool }

func newRoot(env Env, run *invocation) *cobra.Command {
	root := &cobra.Command{
		Use:   "plumb",
		Short: "Keep every cluster true to Git",
		Long: "Plumb watches Git, works out what each commit means for a cluster, applies it, and keeps the cluster true to it.\n" +
			"People change Git; plumb shows what that does and why. An app is named app, app/env or app/env@cluster.",
		SilenceErrors:     true,
		SilenceUsage:      true,
		Args:              cobra.NoArgs,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRun:  func(*cobra.Command, []string) { run.begun = true },
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetArgs(env.Args)
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	root.PersistentFlags().String("color", "auto", "colour the output: auto, always or never")
	root.AddGroup(&cobra.Group{ID: groupSee, Title: "See:"}, &cobra.Group{ID: groupAsk, Title: "Ask:"}, &cobra.Group{ID: groupRun, Title: "Run:"})
	root.SetHelpCommandGroupID(groupRun)
	for _, verb := range verbs(env) {
		if verb != nil {
			root.AddCommand(verb)
		}
	}
	return root
}

// The groups of verbs in the help.
const (
	groupSee = "see" // reads
	groupAsk = "ask" // asks the agent for something, or waits for it
	groupRun = "run" // starts something, or tells about plumb itself
)

// verbs lists the verbs in the order of the help. A verb whose backing is not linked in is nil.
func verbs(env Env) []*cobra.Command {
	return []*cobra.Command{
		newStatusCommand(env),
		newWhyCommand(env),
		newHistoryCommand(env),
		newUICommand(env),
		newAppsCommand(env),
		newRenderCommand(env),
		newDiffCommand(env),
		newCheckCommand(env),
		newSyncCommand(env),
		newWaitCommand(env),
		newPauseCommand(env),
		newResumeCommand(env),
		newRollbackCommand(env),
		newImportCommand(env),
		newUpCommand(env),
		newInstallCommand(env),
		newUninstallCommand(env),
		newDoctorCommand(env),
		newVersionCommand(env),
		newCompletionCommand(env),
		newAgentCommand(env),
		newExitCodesTopic(),
	}
}
