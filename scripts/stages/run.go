package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// stage is a make target and what became of it.
type stage struct {
	name   string
	beside bool
	took   time.Duration
	err    error
	counts *counts // of a stage that ran Go tests
}

// run makes the targets in order, those of beside, also in order, in the background from the start, and prints the table.
func run(ctx context.Context, beside, targets []string) int {
	dir, err := os.MkdirTemp("", "stages-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)

	began := time.Now()
	background := startBeside(ctx, beside, dir)
	var done []stage
	for _, target := range targets {
		if ctx.Err() != nil {
			break
		}
		fmt.Printf("\n── %s\n", target)
		done = append(done, perform(ctx, target, dir, os.Stdout))
	}
	return tell(os.Stdout, append(<-background, done...), time.Since(began))
}

// startBeside makes targets one after the other while others run. What they print is kept and shown only if one fails.
func startBeside(ctx context.Context, targets []string, dir string) <-chan []stage {
	ended := make(chan []stage, 1)
	go func() {
		var done []stage
		for _, target := range targets {
			var said strings.Builder
			s := perform(ctx, target, dir, &said)
			s.beside = true
			if s.err != nil {
				fmt.Printf("\n── %s (beside)\n%s", target, said.String())
			}
			done = append(done, s)
		}
		ended <- done
	}()
	return ended
}

func perform(ctx context.Context, target, dir string, out io.Writer) stage {
	cmd := exec.CommandContext(ctx, "make", "--no-print-directory", target)
	cmd.Env = append(os.Environ(), countsVar+"="+dir)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second

	began := time.Now()
	err := cmd.Run()
	s := stage{name: target, took: time.Since(began), err: err}
	if text, err := os.ReadFile(filepath.Join(dir, target)); err == nil {
		s.counts = new(counts)
		if err := json.Unmarshal(text, s.counts); err != nil {
			s.err = err
		}
	}
	return s
}

// tell prints the table, why each test failed and the last line, and gives the exit code. A stage without tests counts as one.
func tell(out io.Writer, stages []stage, took time.Duration) int {
	fmt.Fprintf(out, "\n%-12s %8s  %s\n", "STAGE", "TIME", "RESULT")
	var total counts
	for _, s := range stages {
		own := s.tally()
		total.Passed, total.Failed, total.Skipped = total.Passed+own.Passed, total.Failed+own.Failed, total.Skipped+own.Skipped
		fmt.Fprintf(out, "%-12s %8s  %s\n", s.name, s.took.Round(time.Second), s.verdict())
	}
	fmt.Fprintf(out, "%-12s %8s\n\n", "all", took.Round(time.Second))
	for _, s := range stages {
		for _, why := range s.tally().Why {
			fmt.Fprintf(out, "%s: %s\n", s.name, why)
		}
	}
	fmt.Fprintln(out, total)
	return min(total.Failed, 1)
}

// tally counts a stage: its tests, or itself where it has none or failed beside them.
func (s stage) tally() counts {
	switch {
	case s.counts != nil && s.err != nil && s.counts.Failed == 0:
		own := *s.counts
		own.Failed = 1
		return own
	case s.counts != nil:
		return *s.counts
	case s.err != nil:
		return counts{Failed: 1}
	}
	return counts{Passed: 1}
}

func (s stage) verdict() string {
	words := "ok"
	if s.err != nil {
		words = "FAILED"
	}
	if s.counts != nil {
		words += "  " + s.counts.String()
		if len(s.counts.Names) > 0 {
			words += ": " + list(s.counts.Names, 5)
		}
	}
	if s.beside {
		words += "  (beside the others)"
	}
	return words
}

// list joins at most n names.
func list(names []string, n int) string {
	if len(names) <= n {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:n], ", "), len(names)-n)
}
