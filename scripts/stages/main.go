// Command stages runs the stages of `make test`, one make target each, and tells what became of them: a table of times at
// the end, and as the last line how many tests passed and failed.
//
// It goes on after a failure, so that one run shows everything that is wrong, and it never decides what a stage does: that is
// the Makefile's part. A stage that tests Go pipes `go test -json` through `stages tally`, which prints what a person wants to
// see of it and writes the counts down. A stage that was to run tests and ran none has failed.
//
// Start at run; tally reads the events.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

const usage = `usage:
    stages run [-beside A,B] TARGET...      run make targets in order, those of -beside in the background from the start
    go test -json ... | stages tally NAME   print test results; fail if a test failed or none ran`

// countsVar names the directory where tally leaves its counts for run.
const countsVar = "STAGES_COUNTS"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	args := os.Args[1:]
	switch {
	case len(args) == 2 && args[0] == "tally":
		os.Exit(tally(args[1], os.Stdin, os.Stdout, os.Getenv(countsVar)))
	case len(args) > 3 && args[0] == "run" && args[1] == "-beside":
		os.Exit(run(ctx, strings.Split(args[2], ","), args[3:]))
	case len(args) > 1 && args[0] == "run":
		os.Exit(run(ctx, nil, args[1:]))
	}
	fmt.Fprintln(os.Stderr, usage)
	os.Exit(2)
}
