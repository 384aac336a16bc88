package forgetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/forge/dial"
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
