package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/clientcmd"

	"plumb.dev/plumb/internal/fault"
)

// The exit codes. They are stable: 1 never means an error.
const (
	exitDone        = 0   // done, or nothing is wrong
	exitNo          = 1   // the answer is no
	exitUsage       = 2   // the command was not understood
	exitFailed      = 3   // the operation failed
	exitDenied      = 4   // not allowed
	exitUnreachable = 5   // the cluster, the agent or Git cannot be reached; trying again may help
	exitPending     = 8   // still in progress when the time was up
	exitInterrupted = 130 // interrupted
)

const exitCodesHelp = `Exit codes are stable and the same for every verb:

    0    done, or nothing is wrong
    1    the answer is no: differences with diff --exit-code, trouble with status --exit-code,
         what check finds denied
    2    the command was not understood
    3    the operation failed: a render, an apply, a health check
    4    not allowed: the API server refused, by the RBAC of the kubeconfig in use
    5    unreachable: the cluster, the agent or Git; trying again may help
    8    still in progress when --timeout was over
    130  interrupted

1 is given only where a flag or a verb asks a question, so it never means an error.
`

// newExitCodesTopic gives the page that "plumb help exit-codes" shows.
func newExitCodesTopic() *cobra.Command {
	return &cobra.Command{Use: "exit-codes", Short: "What each exit code means", Long: exitCodesHelp}
}

// failure is an error that has chosen its exit code. Without a cause it says nothing: the answer was printed already.
type failure struct {
	code  int
	cause error
}

func (f *failure) Error() string {
	if f.cause == nil {
		return fmt.Sprintf("exit code %d", f.code)
	}
	return f.cause.Error()
}

func (f *failure) Unwrap() error { return f.cause }

// answerNo ends a verb that printed its answer, and the answer is no.
func answerNo() error { return &failure{code: exitNo} }

// usage marks an error as one of the command line.
func usage(err error) error { return &failure{code: exitUsage, cause: err} }

// usagef is a mistake of the command line: the sentence, and the command to try instead.
func usagef(next, format string, args ...any) error {
	return usage(&fault.Fault{Message: fmt.Sprintf(format, args...), Next: next})
}

// pending says what was still in progress when the time was up.
func pending(f *fault.Fault) error { return &failure{code: exitPending, cause: f} }

// interrupted keeps the code of an answer that was complete, and makes 130 of everything else.
func interrupted(err error) error {
	var f *failure
	if errors.As(err, &f) && f.cause == nil {
		return err
	}
	return &failure{code: exitInterrupted}
}

// exitCode chooses the code of an error: its own, or the one of its reason.
func exitCode(err error) int {
	var own *failure
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &own):
		return own.code
	}
	var f *fault.Fault
	if errors.As(err, &f) {
		return codeOfReason(f.Reason)
	}
	return exitFailed
}

func codeOfReason(r fault.Reason) int {
	switch r {
	case fault.Forbidden, fault.CredentialsRefused:
		return exitDenied
	case fault.Unreachable, fault.Stale, fault.FetchFailed, fault.SourceStale:
		return exitUnreachable
	case fault.Unsupported:
		return exitUsage
	}
	return exitFailed
}

// asFault makes of every error a sentence, a cause and a next step.
func asFault(err error) *fault.Fault {
	var f *fault.Fault
	if errors.As(err, &f) {
		return f
	}
	var network net.Error
	var request *url.Error
	switch {
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return fault.New(fault.Forbidden, "the API server does not allow this: %w", err).
			WithNext("kubectl auth whoami shows who you are; ask an administrator for the verb that the message names")
	case apierrors.IsNotFound(err):
		return fault.New(fault.PathNotFound, "the API server does not know this: %w", err).
			WithNext("plumb status lists what there is; if it knows no apps at all, Plumb's resources are not installed here")
	case clientcmd.IsEmptyConfig(err), clientcmd.IsConfigurationInvalid(err):
		return fault.New(fault.Unreachable, "no cluster is configured: %w", err).
			WithNext("set KUBECONFIG, or pass --kubeconfig FILE or --context NAME")
	case apierrors.IsServiceUnavailable(err), apierrors.IsTimeout(err), apierrors.IsTooManyRequests(err),
		errors.As(err, &network), errors.As(err, &request), errors.Is(err, context.DeadlineExceeded):
		return fault.New(fault.Unreachable, "the cluster cannot be reached: %w", err).
			WithNext("kubectl cluster-info shows the address in use; then try again")
	}
	return &fault.Fault{Message: err.Error(), Cause: err}
}

// tell prints an error on standard error and gives the exit code of the command.
func tell(env Env, verb *cobra.Command, err error) int {
	var own *failure
	if err == nil || errors.As(err, &own) && own.cause == nil {
		return exitCode(err)
	}
	f := asFault(err)
	if f.Next == "" {
		f = f.WithNext("%s", nextStep(own, verb))
	}
	out := screenOf(env, verb)
	fmt.Fprintln(env.Stderr, out.style.Trouble(f))
	if own != nil {
		return own.code
	}
	return codeOfReason(f.Reason)
}

// nextStep is for errors that name none: those of the command line lead to the help, others to the agent's view.
func nextStep(own *failure, verb *cobra.Command) string {
	if own != nil && own.code == exitUsage {
		return verb.CommandPath() + " --help"
	}
	return "plumb status shows what the agent says"
}
