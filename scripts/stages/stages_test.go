package main

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTally(t *testing.T) {
	cases := map[string]struct {
		reason string
		events string
		want   counts
		code   int
		prints string
	}{
		"leaves": {
			reason: "a test with subtests is not counted beside them",
			events: `{"Action":"pass","Package":"p","Test":"TestA/one"}
{"Action":"pass","Package":"p","Test":"TestA/two"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Elapsed":0.5}`,
			want:   counts{Passed: 2},
			prints: "2 passed, 0 failed",
		},
		"failure": {
			reason: "a failed test shows its output; its parent is not counted again",
			events: `{"Action":"output","Package":"p","Test":"TestA/one","Output":"want 1, got 2\n"}
{"Action":"fail","Package":"p","Test":"TestA/one"}
{"Action":"pass","Package":"p","Test":"TestA/two"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`,
			want:   counts{Passed: 1, Failed: 1, Names: []string{"TestA/one"}, Why: []string{"TestA/one"}},
			code:   1,
			prints: "want 1, got 2\n",
		},
		"parent": {
			reason: "a parent that fails while its subtests pass is a failure of its own",
			events: `{"Action":"pass","Package":"p","Test":"TestA/one"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`,
			want:   counts{Passed: 1, Failed: 1, Names: []string{"TestA"}, Why: []string{"TestA"}},
			code:   1,
			prints: "1 passed, 1 failed",
		},
		"why": {
			reason: "what a failed test found first is kept for the end, before the log that follows it",
			events: `{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:7: plumb wait ends with 1, want 8:\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"        signal: killed\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    b_test.go:9: the agent's log\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`,
			want:   counts{Failed: 1, Names: []string{"TestA"}, Why: []string{"TestA: a_test.go:7: plumb wait ends with 1, want 8: signal: killed"}},
			code:   1,
			prints: "the agent's log",
		},
		"no build": {
			reason: "a package that does not build is one failure, with the compiler's words",
			events: `{"ImportPath":"p","Action":"build-output","Output":"p/a.go:1: undefined: x\n"}
{"Action":"fail","Package":"p"}`,
			want:   counts{Failed: 1, Names: []string{"p"}},
			code:   1,
			prints: "undefined: x",
		},
		"death": {
			reason: "a test that never ended shows what it said",
			events: `{"Action":"output","Package":"p","Test":"TestA","Output":"panic: no\n"}
{"Action":"fail","Package":"p"}`,
			want:   counts{Failed: 1, Names: []string{"p"}},
			code:   1,
			prints: "panic: no",
		},
		"skipped": {
			reason: "what is skipped is named with its reason, and does not make a run of tests",
			events: `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:3: no corpus here\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- SKIP: TestA (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}`,
			want:   counts{Skipped: 1},
			code:   1,
			prints: "skipped: TestA: a_test.go:3: no corpus here",
		},
		"words": {
			reason: "what is no event is shown as it is",
			events: "go: no such module",
			code:   1,
			prints: "go: no such module",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			got, err := follow(strings.NewReader(c.events), &out)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s: counts (-want +got):\n%s", c.reason, diff)
			}
			if !strings.Contains(out.String(), c.prints) {
				t.Errorf("%s: printed %q, want %q in it", c.reason, out.String(), c.prints)
			}
			if code := tally("unit", strings.NewReader(c.events), &out, t.TempDir()); code != c.code {
				t.Errorf("%s: exit code %d, want %d", c.reason, code, c.code)
			}
		})
	}
}

func TestTable(t *testing.T) {
	stages := []stage{
		{name: "playground", beside: true, took: 372 * time.Second},
		{name: "lint", err: errors.New("exit status 2")},
		{name: "unit", counts: &counts{Passed: 40, Skipped: 1}},
		{name: "e2e", err: errors.New("exit status 2"), counts: &counts{Passed: 8, Failed: 2, Names: []string{"TestHeal", "TestMove"}, Why: []string{"TestHeal: a_test.go:7: no", "TestMove"}}},
		{name: "corpus", err: errors.New("exit status 2"), counts: &counts{}},
	}
	var out bytes.Buffer
	if code := tell(&out, stages, 400*time.Second); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	want := `
STAGE            TIME  RESULT
playground      6m12s  ok  (beside the others)
lint               0s  FAILED
unit               0s  ok  40 passed, 0 failed, 1 skipped
e2e                0s  FAILED  8 passed, 2 failed: TestHeal, TestMove
corpus             0s  FAILED  0 passed, 0 failed
all             6m40s

e2e: TestHeal: a_test.go:7: no
e2e: TestMove
49 passed, 4 failed, 1 skipped
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

// A stage is a make target: here those of a Makefile of its own.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	makefile := "good:\n\t@echo fine\nbad:\n\t@exit 7\nslow:\n\t@echo built\n"
	if err := os.WriteFile("Makefile", []byte(makefile), 0o600); err != nil {
		t.Fatal(err)
	}
	if code := run(t.Context(), []string{"slow", "good"}, []string{"good"}); code != 0 {
		t.Errorf("good: exit code %d", code)
	}
	if code := run(t.Context(), nil, []string{"bad", "good"}); code != 1 {
		t.Errorf("a failed stage must fail the run: exit code %d", code)
	}
	if code := run(t.Context(), []string{"bad", "slow"}, []string{"good"}); code != 1 {
		t.Errorf("one that failed beside the others must fail the run: exit code %d", code)
	}
}
