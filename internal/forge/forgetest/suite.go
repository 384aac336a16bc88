package forgetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/forge/dial"
	"plumb.dev/plumb/internal/redact"
)

// The people of a scene. The credential is the Bot's, who may write to the repository, and so may Ada; Rob may read it, and
// Eve, who has a fork, is a stranger.
const (
	Bot = "plumb-bot"
	Ada = "ada"
	Rob = "rob"
	Eve = "eve"
)

// Scene is a repository at a forge, with main as its only branch, and the hands of those who are not Plumb.
type Scene struct {
	Access forge.Access

	Push    func(branch, from string, files map[string]string) (commit string) // commits; "" removes a file
	Fork    func(branch string, files map[string]string) (number int)          // Eve opens a pull request from her fork to main
	Ask     func(number int, user string)                                      // for a review
	Review  func(number int, user string, verdict forge.Verdict)
	Comment func(number int, user, text string)
	Shown   func(commit, context string) (statuses []forge.Status) // that stand there: what is replaced is not among them
	Deploys func(environment string) []forge.Deployment            // nil where the forge has none

	// Took is a push of a commit that a real repository has, by its id; MergedAs says that a pull request was merged, by whomever,
	// as such a commit. Both are nil at a forge that has its own repository.
	Took     func(branch, id string, files map[string]string)
	MergedAs func(number int, commit string)
}

type suite struct {
	*testing.T
	Scene
	forge.Forge
	ctx context.Context
}

// Run holds a forge against the contract. Each test has a scene of its own.
func Run(t *testing.T, stage func(t *testing.T) Scene) {
	for _, test := range []struct {
		name string
		run  func(s *suite)
	}{
		{"a proposal is opened once, and found", proposes},
		{"labels come and go by name", labels},
		{"files are told with what became of them", files},
		{"a push moves the head", moves},
		{"one comment is kept, and only its author's", says},
		{"a long comment is kept whole", saysMuch},
		{"statuses are told per context, and not twice", reports},
		{"a description is cut, not refused", reportsMuch},
		{"a merge is guarded by the head, and done once", merges},
		{"a squash keeps its message", squashes},
		{"a conflict is no merge", conflicts},
		{"the last word of each reviewer counts", reviews},
		{"rights are told", rights},
		{"a fork is known as one", forks},
		{"a commit leads to its pull request", attributes},
		{"deployments move on where there are any", deploys},
		{"what is missing has a reason and a next step", missing},
		{"a wrong token is refused", refused},
	} {
		t.Run(strings.ReplaceAll(test.name, " ", "-"), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			t.Cleanup(cancel)
			scene := stage(t)
			f, err := new(dial.Forges).Open(scene.Access)
			if err != nil {
				t.Fatal(err)
			}
			test.run(&suite{t, scene, f, ctx})
		})
	}
}

// must gives a value that came without an error.
func must[V any](s *suite, v V, err error) V {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
	return v
}

// propose pushes a branch and opens a pull request for it.
func (s *suite) propose(branch string, files map[string]string) forge.Pull {
	s.Helper()
	s.Push(branch, "main", files)
	pull, err := s.Create(s.ctx, forge.Proposal{Head: branch, Base: "main", Title: "change " + branch, Body: "why"})
	return must(s, pull, err)
}

// fails tells whether an error is a Fault as it is wanted, with a next step.
func (s *suite) fails(err error, reason fault.Reason, code string) {
	s.Helper()
	var f *fault.Fault
	if !errors.As(err, &f) || f.Reason != reason || f.Code != code || f.Next == "" {
		s.Errorf("%v is not %s %s with a next step", err, reason, code)
	}
}

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

// until waits for what a forge does behind its answers.
func (s *suite) until(what string, is func() bool) {
	s.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-s.ctx.Done():
			s.Fatalf("it never came about that %s", what)
		case <-tick.C:
		}
	}
}

func says(s *suite) {
	pull := s.propose("topic", map[string]string{"a.yaml": "a: 1\n"})
	s.Comment(pull.Number, Ada, "please look")
	s.Comment(pull.Number, Eve, forge.Note{Mark: "plan", Text: "not Plumb's"}.Body())
	first, err := s.Say(s.ctx, pull.Number, forge.Note{Mark: "plan", Text: "one"})
	must(s, first, err)
	other, err := s.Say(s.ctx, pull.Number, forge.Note{Mark: "another", Text: "beside"})
	must(s, other, err)
	second, err := s.Say(s.ctx, pull.Number, forge.Note{Mark: "plan", Text: "two\n\n| a | b |\n|---|---|\n| ü | <details>x</details> |\n"})
	must(s, second, err)
	third, err := s.Say(s.ctx, pull.Number, forge.Note{Mark: "plan", Text: "two\n\n| a | b |\n|---|---|\n| ü | <details>x</details> |\n"})
	must(s, third, err)
	if first.ID != second.ID || second.ID != third.ID || other.ID == first.ID || first.URL == "" {
		s.Errorf("it is not one comment: %d, %d, %d, and %d beside", first.ID, second.ID, third.ID, other.ID)
	}
	list, err := s.Comments(s.ctx, pull.Number)
	var told []string
	for _, c := range must(s, list, err) {
		told = append(told, c.Author+": "+strings.ReplaceAll(c.Body, "\r\n", "\n"))
	}
	want := []string{
		Ada + ": please look", Eve + ": <!-- plumb:plan -->\nnot Plumb's",
		Bot + ": " + strings.TrimSpace(forge.Note{Mark: "plan", Text: "two\n\n| a | b |\n|---|---|\n| ü | <details>x</details> |"}.Body()), Bot + ": <!-- plumb:another -->\nbeside",
	}
	if diff := cmp.Diff(want, trimmed(told)); diff != "" {
		s.Errorf("(-want +got):\n%s", diff)
	}
}

func trimmed(texts []string) []string {
	for i := range texts {
		texts[i] = strings.TrimSpace(texts[i])
	}
	return texts
}

func saysMuch(s *suite) {
	pull := s.propose("topic", map[string]string{"a.yaml": "a: 1\n"})
	n := forge.Note{Mark: "plan", Text: strings.Repeat("a line of a plan ✓\n", 3000)}
	first, err := s.Say(s.ctx, pull.Number, n)
	must(s, first, err)
	list, err := s.Comments(s.ctx, pull.Number)
	if must(s, list, err); len(list) != 1 || !n.Same(list[0]) {
		s.Errorf("%d bytes were said, and it is not what stands there", len(n.Text))
	}
}

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
