package forgetest

import (
	"errors"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/forge"
)

func proposes(s *suite) {
	commit := s.Push("topic", "main", map[string]string{"a.yaml": "a: 1\n"})
	_, found, err := s.Find(s.ctx, "topic", "main")
	if err != nil || found {
		s.Fatalf("there is none yet: %v, %v", found, err)
	}
	wanted := forge.Proposal{Head: "topic", Base: "main", Title: "a title", Body: "a body", Labels: []string{"gitops", "revert"}}
	made, err := s.Create(s.ctx, wanted)
	must(s, made, err)
	again, err := s.Create(s.ctx, wanted)
	if must(s, again, err); again.Number != made.Number {
		s.Errorf("a second one was made: %d and %d", made.Number, again.Number)
	}
	want := forge.Pull{
		Number: made.Number, Title: "a title", Body: "a body", Author: Bot, State: forge.Open,
		Head: forge.Branch{Name: "topic", Commit: commit}, Base: forge.Branch{Name: "main"}, Labels: []string{"gitops", "revert"},
	}
	changing := []cmp.Option{cmpopts.IgnoreFields(forge.Pull{}, "URL", "Created", "Updated"), cmpopts.IgnoreFields(forge.Branch{}, "Commit")}
	one, err := s.Pull(s.ctx, made.Number)
	if diff := cmp.Diff(want, must(s, one, err), changing...); diff != "" || one.Head.Commit != commit || one.URL == "" || one.Created.IsZero() {
		s.Errorf("the pull request is another (-want +got), or its head %s is not %s:\n%s", one.Head.Commit, commit, diff)
	}
	sought, found, err := s.Find(s.ctx, "topic", "main")
	if must(s, sought, err); !found || sought.Number != made.Number || sought.Head.Commit != commit {
		s.Errorf("it is not found: %v %+v", found, sought)
	}
	if _, found, err := s.Find(s.ctx, "topic", "other"); err != nil || found {
		s.Errorf("one to another base is found: %v, %v", found, err)
	}
	second := s.propose("second", map[string]string{"b.yaml": "b: 1\n"})
	open, err := s.Open(s.ctx)
	if must(s, open, err); len(open) != 2 || open[0].Number != second.Number || open[1].Head.Commit != commit {
		s.Errorf("the open ones are not the two, newest first: %+v", open)
	}
}

func labels(s *suite) {
	pull := s.propose("topic", map[string]string{"a.yaml": "a: 1\n"})
	if err := s.Label(s.ctx, pull.Number, []string{"one", "two"}, []string{"never there"}); err != nil {
		s.Fatal(err)
	}
	if err := s.Label(s.ctx, pull.Number, []string{"three", "two"}, []string{"one"}); err != nil {
		s.Fatal(err)
	}
	now, err := s.Pull(s.ctx, pull.Number)
	if diff := cmp.Diff([]string{"three", "two"}, must(s, now, err).Labels); diff != "" {
		s.Error(diff)
	}
}

func files(s *suite) {
	long := strings.Repeat("the same line\n", 20)
	s.Push("main", "", map[string]string{"changed.yaml": "a: 1\n", "gone.yaml": "b: 1\n", "old.txt": long, "same.yaml": "c: 1\n"})
	pull := s.propose("topic", map[string]string{"changed.yaml": "a: 2\n", "gone.yaml": "", "old.txt": "", "new.txt": long, "deep/ä b.yaml": "d: 1\n"})
	s.Push("main", "", map[string]string{"since.yaml": "e: 1\n"}) // what main does meanwhile is not the pull request's
	got, all, err := s.Files(s.ctx, pull.Number)
	must(s, got, err)
	slices.SortFunc(got, func(a, b forge.File) int { return strings.Compare(a.Path, b.Path) })
	want := []forge.File{
		{Path: "changed.yaml", Change: forge.Modified}, {Path: "deep/ä b.yaml", Change: forge.Added},
		{Path: "gone.yaml", Change: forge.Removed}, {Path: "new.txt", Was: "old.txt", Change: forge.Renamed},
	}
	if diff := cmp.Diff(want, got); diff != "" || !all {
		s.Errorf("all is %v (-want +got):\n%s", all, diff)
	}
}

func moves(s *suite) {
	pull := s.propose("topic", map[string]string{"a.yaml": "a: 1\n"})
	commit := s.Push("topic", "", map[string]string{"a.yaml": "a: 2\n"})
	s.until("the head is the new commit", func() bool {
		now, err := s.Pull(s.ctx, pull.Number)
		return must(s, now, err).Head.Commit == commit
	})
}

// merge merges as soon as the forge has looked at what it is to merge.
func (s *suite) merge(number int, m forge.Merge) string {
	s.Helper()
	var commit string
	s.until("it is merged", func() bool {
		var err error
		commit, err = s.Merge(s.ctx, number, m)
		var f *fault.Fault
		if errors.As(err, &f) && f.Code == forge.CodeNotMergeable {
			return false
		}
		if err != nil {
			s.Fatal(err)
		}
		return true
	})
	return commit
}

func merges(s *suite) {
	pull := s.propose("topic", map[string]string{"a.yaml": "a: 1\n"})
	decided := pull.Head.Commit
	head := s.Push("topic", "", map[string]string{"a.yaml": "a: 2\n"})
	s.until("the head is the new commit", func() bool {
		now, err := s.Pull(s.ctx, pull.Number)
		return must(s, now, err).Head.Commit == head
	})
	_, err := s.Merge(s.ctx, pull.Number, forge.Merge{Head: decided})
	s.fails(err, fault.ForgeFailed, forge.CodeHeadMoved)
	commit := s.merge(pull.Number, forge.Merge{Head: head, Title: "merge it", Message: "because"})
	again, err := s.Merge(s.ctx, pull.Number, forge.Merge{Head: head})
	if must(s, again, err); again != commit || len(commit) != 40 {
		s.Errorf("merged as %q, and again as %q", commit, again)
	}
	now, err := s.Pull(s.ctx, pull.Number)
	if must(s, now, err); now.State != forge.Merged || now.Merged != commit {
		s.Errorf("%+v is not merged as %s", now, commit)
	}
	if open, err := s.Open(s.ctx); err != nil || len(open) != 0 {
		s.Errorf("it is open: %+v, %v", open, err)
	}
	if _, found, err := s.Find(s.ctx, "topic", "main"); err != nil || found {
		s.Errorf("it is found as an open one: %v", err)
	}
}

func squashes(s *suite) {
	pull := s.propose("topic", map[string]string{"a.yaml": "a: 1\n"})
	commit := s.merge(pull.Number, forge.Merge{Head: pull.Head.Commit, Method: forge.Squash, Title: "one commit", Message: "Plumb-Consent: x"})
	if commit == pull.Head.Commit || len(commit) != 40 {
		s.Errorf("%q is no commit of its own", commit)
	}
}

func conflicts(s *suite) {
	s.Push("main", "", map[string]string{"a.yaml": "a: 1\n"})
	pull := s.propose("topic", map[string]string{"a.yaml": "a: 2\n"})
	s.Push("main", "", map[string]string{"a.yaml": "a: 3\n"})
	_, err := s.Merge(s.ctx, pull.Number, forge.Merge{Head: pull.Head.Commit})
	s.fails(err, fault.ForgeFailed, forge.CodeNotMergeable)
	now, err := s.Pull(s.ctx, pull.Number)
	if must(s, now, err); now.State != forge.Open {
		s.Errorf("it is %s", now.State)
	}
}

func reviews(s *suite) {
	pull := s.propose("topic", map[string]string{"a.yaml": "a: 1\n"})
	none, err := s.Reviews(s.ctx, pull.Number)
	if must(s, none, err); len(none) != 0 {
		s.Errorf("nobody was asked: %+v", none)
	}
	s.Ask(pull.Number, Rob)
	s.Review(pull.Number, Ada, forge.Objected)
	s.Review(pull.Number, Ada, forge.Approved)
	got, err := s.Reviews(s.ctx, pull.Number)
	var told []string
	for _, r := range must(s, got, err) {
		told = append(told, r.User+" "+string(r.Verdict))
		if r.Commit != "" && r.Commit != pull.Head.Commit {
			s.Errorf("%s reviewed %s", r.User, r.Commit)
		}
	}
	if diff := cmp.Diff([]string{Ada + " approved", Rob + " asked"}, told); diff != "" {
		s.Errorf("(-want +got):\n%s", diff)
	}
	s.Comment(pull.Number, Ada, "a thought afterwards takes nothing back")
	s.Review(pull.Number, Rob, forge.Objected)
	got, err = s.Reviews(s.ctx, pull.Number)
	if must(s, got, err); len(got) != 2 || got[0].Verdict != forge.Approved || got[1].Verdict != forge.Objected {
		s.Errorf("%+v", got)
	}
}

func forks(s *suite) {
	number := s.Fork("main", map[string]string{"evil.yaml": "a: 1\n"})
	pull, err := s.Pull(s.ctx, number)
	if must(s, pull, err); !pull.Fork || pull.Author != Eve {
		s.Errorf("%+v is no fork of a stranger", pull)
	}
	open, err := s.Open(s.ctx)
	if must(s, open, err); len(open) != 1 || !open[0].Fork {
		s.Errorf("%+v", open)
	}
	if _, found, err := s.Find(s.ctx, pull.Head.Name, "main"); err != nil || found {
		s.Errorf("a branch of a fork is taken for one of ours: %v", err)
	}
}

func attributes(s *suite) {
	direct := s.Push("main", "", map[string]string{"direct.yaml": "a: 1\n"})
	pull := s.propose("topic", map[string]string{"a.yaml": "a: 1\n"})
	commit := s.merge(pull.Number, forge.Merge{Head: pull.Head.Commit})
	var got []forge.Pull
	s.until("the merge leads to the pull request", func() bool {
		var err error
		got, err = s.PullsOf(s.ctx, commit)
		return len(must(s, got, err)) == 1
	})
	if got[0].Number != pull.Number || got[0].State != forge.Merged {
		s.Errorf("%+v is not %d", got, pull.Number)
	}
	for reason, commit := range map[string]string{"a push without one": direct, "a commit that is not there": strings.Repeat("0123456789", 4)} {
		if got, err := s.PullsOf(s.ctx, commit); err != nil || len(got) != 0 {
			s.Errorf("%s: %+v, %v", reason, got, err)
		}
	}
}
