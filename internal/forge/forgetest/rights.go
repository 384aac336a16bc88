package forgetest

import (
	"errors"
	"strings"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/forge/dial"
	"plumb.dev/plumb/internal/redact"
)

func rights(s *suite) {
	for user, want := range map[string]forge.Right{Ada: forge.Write, Rob: forge.Read, "nobody-of-that-name": forge.None} {
		got, err := s.Right(s.ctx, user)
		if must(s, got, err); got != want {
			s.Errorf("%s may %s, want %s", user, got, want)
		}
	}
	if got, err := s.Right(s.ctx, Eve); err != nil || got >= forge.Write {
		s.Errorf("a stranger may %s (%v)", got, err)
	}
}

func missing(s *suite) {
	_, err := s.Pull(s.ctx, 99)
	s.fails(err, fault.ForgeFailed, forge.CodeMissing)
	_, err = s.Create(s.ctx, forge.Proposal{Head: "no-such-branch", Base: "main", Title: "t"})
	var f *fault.Fault
	if !errors.As(err, &f) || f.Reason != fault.ForgeFailed || f.Code != forge.CodeMissing && f.Code != forge.CodeInvalid {
		s.Errorf("a branch that is not there: %v", err)
	}
	access := s.Access
	access.Repository += "-gone"
	gone, err := new(dial.Forges).Open(access)
	must(s, gone, err)
	for what, err := range map[string]error{
		"list":   second(gone.Open(s.ctx)),
		"commit": second(gone.PullsOf(s.ctx, strings.Repeat("a", 40))),
		"status": gone.SetStatus(s.ctx, strings.Repeat("a", 40), forge.Status{Context: "c", State: forge.Success}),
	} {
		if !errors.As(err, &f) || f.Code != forge.CodeMissing {
			s.Errorf("%s of a repository that is not there: %v", what, err)
		}
	}
}

func second[V any](_ V, err error) error { return err }

func refused(s *suite) {
	access := s.Access
	access.Token, access.App = redact.Hide("a-token-of-nobody"), forge.App{}
	f, err := new(dial.Forges).Open(access)
	must(s, f, err)
	_, err = f.Open(s.ctx)
	s.fails(err, fault.CredentialsRefused, forge.CodeToken)
	if strings.Contains(err.Error(), "a-token-of-nobody") {
		s.Errorf("the token is told: %v", err)
	}
}
