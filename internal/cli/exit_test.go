package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.dev/plumb/internal/fault"
)

// Whatever goes wrong, people get one sentence and what to do next, and scripts the right code.
func TestEveryErrorHasACodeAndANextStep(t *testing.T) {
	apps := schema.GroupResource{Group: "plumb.dev", Resource: "apps"}
	cases := map[string]struct {
		err  error
		want int
	}{
		"a mistake of the command line":     {usage(errors.New("unknown flag: --x")), exitUsage},
		"a mistake that names the way out":  {usagef("plumb x", "no"), exitUsage},
		"a render that failed":              {fault.New(fault.RenderFailed, "x"), exitFailed},
		"an error nobody thought of":        {errors.New("x"), exitFailed},
		"refused by RBAC":                   {apierrors.NewForbidden(apps, "a", errors.New("no")), exitDenied},
		"refused by RBAC, wrapped":          {fmt.Errorf("list: %w", apierrors.NewForbidden(apps, "a", errors.New("no"))), exitDenied},
		"credentials that are not accepted": {apierrors.NewUnauthorized("no"), exitDenied},
		"refused by the server of Git":      {fault.New(fault.CredentialsRefused, "x"), exitDenied},
		"a server that is not there":        {&net.OpError{Op: "dial", Err: errors.New("refused")}, exitUnreachable},
		"a server that is starting":         {apierrors.NewServiceUnavailable("x"), exitUnreachable},
		"a request that took too long":      {context.DeadlineExceeded, exitUnreachable},
		"a silent agent":                    {fault.New(fault.Stale, "x"), exitUnreachable},
		"a repository that is not there":    {fault.New(fault.FetchFailed, "x"), exitUnreachable},
		"something that is not built yet":   {fault.New(fault.Unsupported, "x"), exitUsage},
		"time was up":                       {pending(fault.New(fault.HealthTimeout, "x")), exitPending},
		"an app that failed":                {fault.New(fault.HealthDegraded, "x"), exitFailed},
	}
	for reason, c := range cases {
		var stderr bytes.Buffer
		env := Env{Stderr: &stderr, Getenv: func(string) string { return "" }}
		if got := tell(env, &cobra.Command{Use: "verb"}, c.err); got != c.want {
			t.Errorf("%s: exit code %d, want %d", reason, got, c.want)
		}
		text := stderr.String()
		if !strings.HasPrefix(text, "x ") || !strings.Contains(text, "\n  next  ") {
			t.Errorf("%s: no sentence or no next step: %q", reason, text)
		}
	}
}

func TestAnAnswerOfNoSaysNothing(t *testing.T) {
	var stderr bytes.Buffer
	env := Env{Stderr: &stderr, Getenv: func(string) string { return "" }}
	if got := tell(env, &cobra.Command{}, answerNo()); got != exitNo || stderr.Len() > 0 {
		t.Errorf("exit code %d, said %q", got, stderr.String())
	}
	if got := tell(env, &cobra.Command{}, interrupted(errors.New("context canceled"))); got != exitInterrupted || stderr.Len() > 0 {
		t.Errorf("exit code %d, said %q", got, stderr.String())
	}
	if got := tell(env, &cobra.Command{}, interrupted(answerNo())); got != exitNo {
		t.Errorf("an answer that was complete: exit code %d", got)
	}
}

// Every verb says in its help what it is for, and every flag what it does.
func TestEveryVerbAndFlagIsDescribed(t *testing.T) {
	env := Env{Getenv: func(string) string { return "" }}
	for _, verb := range newRoot(env, &invocation{}).Commands() {
		if verb.Short == "" {
			t.Errorf("%s has no description", verb.Name())
		}
		verb.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s has no description", verb.Name(), f.Name)
			}
		})
	}
}
