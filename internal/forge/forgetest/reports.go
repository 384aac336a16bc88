package forgetest

import (
	"strings"

	"github.com/google/go-cmp/cmp"

	"plumb.dev/plumb/internal/forge"
)

func reports(s *suite) {
	commit := s.Push("topic", "main", map[string]string{"a.yaml": "a: 1\n"})
	pull, err := s.Create(s.ctx, forge.Proposal{Head: "topic", Base: "main", Title: "t"})
	must(s, pull, err)
	tell := func(context string, state forge.State, description string) {
		s.Helper()
		status := forge.Status{Context: context, State: state, Description: description, URL: "https://plumb.example.com/" + context, Pull: pull.Number}
		for range 2 { // who does not know whether it arrived says it again
			if err := s.SetStatus(s.ctx, commit, status); err != nil {
				s.Fatal(err)
			}
		}
		want := []forge.Status{{Context: context, State: state, Description: description, URL: status.URL}}
		if diff := cmp.Diff(want, s.Shown(commit, context)); diff != "" {
			s.Errorf("%s %s (-want +got):\n%s", context, state, diff)
		}
	}
	tell("plumb/plan", forge.Pending, "the plan is being made")
	tell("plumb/plan", forge.Pending, "3 of 5 clusters have answered")
	tell("plumb/deploy/prod", forge.Success, "12 apps are ok")
	tell("plumb/plan", forge.Failure, "apps/web/a.yaml:3: a field is unknown")
	tell("plumb/plan", forge.Pending, "the plan is being made anew")
	tell("plumb/plan", forge.Success, "no deployment is affected")
	if is := s.Shown(commit, "plumb/deploy/prod"); len(is) != 1 || is[0].State != forge.Success {
		s.Errorf("another context was changed: %+v", is)
	}
	tell("plumb/plan", forge.Pending, "the plan is being made once more")
	s.leaves(pull.Number, commit)
}

// leaves tests that a head that is pending when another one takes its place is ended, and neither green nor red.
func (s *suite) leaves(number int, commit string) {
	s.Helper()
	s.Push("topic", "", map[string]string{"a.yaml": "a: 2\n"})
	status := forge.Status{Context: "plumb/plan", State: forge.Canceled, Description: "a newer head took its place", Pull: number}
	for range 2 {
		if err := s.SetStatus(s.ctx, commit, status); err != nil {
			s.Fatal(err)
		}
	}
	is := s.Shown(commit, "plumb/plan")
	if len(is) != 1 || is[0].State != forge.Pending && is[0].State != forge.Canceled || is[0].Description != status.Description {
		s.Errorf("what was left behind is %+v", is)
	}
	status.Context = "plumb/deploy/prod"
	if err := s.SetStatus(s.ctx, commit, status); err != nil {
		s.Fatal(err)
	}
	if is := s.Shown(commit, "plumb/deploy/prod"); len(is) != 1 || is[0].State != forge.Success {
		s.Errorf("what had ended was taken back: %+v", is)
	}
}

func reportsMuch(s *suite) {
	commit := s.Push("main", "", map[string]string{"a.yaml": "a: 1\n"})
	long := strings.Repeat("ä word ", 100)
	if err := s.SetStatus(s.ctx, commit, forge.Status{Context: "plumb/deploy/prod", State: forge.Failure, Description: long, Ref: "main"}); err != nil {
		s.Fatal(err)
	}
	is := s.Shown(commit, "plumb/deploy/prod")
	if len(is) != 1 || !strings.HasPrefix(long, strings.TrimSuffix(is[0].Description, "…")) || len(is[0].Description) < 100 {
		s.Errorf("%+v", is)
	}
}

func deploys(s *suite) {
	commit := s.Push("main", "", map[string]string{"a.yaml": "a: 1\n"})
	d := forge.Deployment{Environment: "prod", Commit: commit, Ref: "main", Description: "rolling"}
	for _, progress := range []forge.Progress{forge.Running, forge.Running, forge.Succeeded, forge.Succeeded} {
		d.Progress = progress
		told, err := s.Deploy(s.ctx, d)
		switch must(s, told, err) {
		case false:
			if s.Deploys != nil {
				s.Error("the forge has deployments, and is not told of one")
			}
			return
		case true:
			is := s.Deploys("prod")
			if len(is) != 1 || is[0].Commit != commit || is[0].Progress != progress {
				s.Errorf("%+v is not one that %s", is, progress)
			}
		}
	}
	d.Commit, d.Progress = s.Push("main", "", map[string]string{"a.yaml": "a: 2\n"}), forge.Failed
	if _, err := s.Deploy(s.ctx, d); err != nil || len(s.Deploys("prod")) != 2 {
		s.Errorf("another commit is another deployment: %+v (%v)", s.Deploys("prod"), err)
	}
}
