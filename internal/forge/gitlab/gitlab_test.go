package gitlab_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/forge/dial"
	"plumb.dev/plumb/internal/forge/forgetest/gitlabtest"
)

func propose(t *testing.T, lab *gitlabtest.Lab) (forge.Forge, forge.Pull) {
	t.Helper()
	f, err := new(dial.Forges).Open(lab.Access())
	if err != nil {
		t.Fatal(err)
	}
	lab.Scene().Push("topic", "main", map[string]string{"a.yaml": "a: 1\n"})
	pull, err := f.Create(t.Context(), forge.Proposal{Head: "topic", Base: "main", Title: "t"})
	if err != nil {
		t.Fatal(err)
	}
	return f, pull
}

// A merge request asks its own pipeline for the status, if it has one.
func TestStatusInThePipeline(t *testing.T) {
	lab := gitlabtest.New(t)
	f, pull := propose(t, lab)
	own := lab.Pipeline(pull.Number)
	for _, state := range []forge.State{forge.Pending, forge.Success} {
		if err := f.SetStatus(t.Context(), pull.Head.Commit, forge.Status{Context: "plumb/plan", State: state, Pull: pull.Number}); err != nil {
			t.Fatal(err)
		}
		if is := lab.PipelineOf(pull.Head.Commit, "plumb/plan"); is != own {
			t.Errorf("%s stands in the pipeline %d, not in %d", state, is, own)
		}
	}
}

// What is left behind is canceled in the pipeline where it stands: the merge request has that of the newer head.
func TestCanceledInItsPipeline(t *testing.T) {
	lab := gitlabtest.New(t)
	f, pull := propose(t, lab)
	status := forge.Status{Context: "plumb/plan", State: forge.Pending, Pull: pull.Number}
	old := lab.Pipeline(pull.Number)
	if err := f.SetStatus(t.Context(), pull.Head.Commit, status); err != nil {
		t.Fatal(err)
	}
	newer := lab.Scene().Push("topic", "", map[string]string{"a.yaml": "a: 2\n"})
	lab.Pipeline(pull.Number)
	status.State, status.Description = forge.Canceled, "a newer head took its place"
	if err := f.SetStatus(t.Context(), pull.Head.Commit, status); err != nil {
		t.Fatal(err)
	}
	if is := lab.Scene().Shown(pull.Head.Commit, "plumb/plan"); len(is) != 1 || is[0].State != forge.Canceled || lab.PipelineOf(pull.Head.Commit, "plumb/plan") != old {
		t.Errorf("%+v in the pipeline %d, not in %d", is, lab.PipelineOf(pull.Head.Commit, "plumb/plan"), old)
	}
	if is := lab.Scene().Shown(newer, "plumb/plan"); len(is) != 0 {
		t.Errorf("the newer head has %+v", is)
	}
}

// A status that is in a state refuses to get there (400): who lost the answer of the first call is not troubled by the second.
func TestSameStateTwice(t *testing.T) {
	lab := gitlabtest.New(t)
	f, pull := propose(t, lab)
	pending := forge.Status{Context: "plumb/plan", State: forge.Pending, Description: "begun"}
	if err := f.SetStatus(t.Context(), pull.Head.Commit, pending); err != nil {
		t.Fatal(err)
	}
	lab.Calls()
	lab.Next(func(r *http.Request) bool { return r.Method == http.MethodGet }, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`[]`)) // as one who asked before the first call was through
	})
	if err := f.SetStatus(t.Context(), pull.Head.Commit, pending); err != nil {
		t.Errorf("400 on the same state is a fault: %v", err)
	}
	if calls := lab.Calls(); !slices.ContainsFunc(calls, func(c string) bool { return strings.HasPrefix(c, "POST") }) {
		t.Errorf("nothing was written: %v", calls)
	}
}

// 405 is both "cannot be merged" and "was merged": which one it is, GitLab is asked.
func TestMergeThatIsRefused(t *testing.T) {
	lab := gitlabtest.New(t)
	f, pull := propose(t, lab)
	refuse := func(status int) {
		lab.Next(func(r *http.Request) bool { return r.Method == http.MethodPut }, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(`{"message":"refused"}`))
		})
	}
	for _, test := range []struct {
		status int
		head   string
		code   string
	}{
		{405, pull.Head.Commit, forge.CodeNotMergeable}, {422, pull.Head.Commit, forge.CodeNotMergeable}, {409, strings.Repeat("a", 40), forge.CodeHeadMoved},
		{401, pull.Head.Commit, forge.CodeToken}, {500, pull.Head.Commit, forge.CodeDown},
	} {
		refuse(test.status)
		_, err := f.Merge(t.Context(), pull.Number, forge.Merge{Head: test.head})
		var said *fault.Fault
		if !errors.As(err, &said) || said.Code != test.code || said.Next == "" {
			t.Errorf("%d: %v, want %s", test.status, err, test.code)
		}
	}
	commit, err := f.Merge(t.Context(), pull.Number, forge.Merge{Head: pull.Head.Commit})
	if err != nil {
		t.Fatal(err)
	}
	again, err := f.Merge(t.Context(), pull.Number, forge.Merge{Head: pull.Head.Commit})
	if err != nil || again != commit {
		t.Errorf("merged already: %q and %v, not %q", again, err, commit)
	}
}

// The library tries nothing again by itself.
func TestOneQuestionPerCall(t *testing.T) {
	lab := gitlabtest.New(t)
	f, _ := propose(t, lab)
	for _, status := range []int{429, 500} {
		lab.Calls()
		lab.Next(func(*http.Request) bool { return true }, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("RateLimit-Reset", "0")
			w.WriteHeader(status)
		})
		if _, err := f.Open(t.Context()); err == nil {
			t.Errorf("%d is no fault", status)
		}
		if calls := lab.Calls(); len(calls) != 1 {
			t.Errorf("%d: %v", status, calls)
		}
		f, _ = new(dial.Forges).Open(lab.Access()) // with a gate that is open
	}
}
