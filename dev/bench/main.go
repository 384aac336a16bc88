// Command bench measures the agent against the API server's own limit, on real parts, in one run.
//
//	go run ./bench -apps 200 -out bench.json
//
// It starts a control plane, serves one Kustomize monorepo of N apps with 10 objects each (a Deployment of 0 replicas, a
// Service, 8 ConfigMaps of 1 kB), finds the limit with a bare loop of parallel server-side applies, and then measures the
// first sync, a commit, a heal, idleness and a restart. Requests are counted from the API server's audit log by user
// agent, latencies on a watch of its own. Namespaces and Apps exist before both clocks start. It changes nothing outside of
// its temporary folder and asserts nothing: it reports.
//
// Start at run; each measurement has a file of its own.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// Figures is what a run prints and writes. Times are seconds unless the name says milliseconds.
type Figures struct {
	Apps           int                `json:"apps"`
	FirstSync      float64            `json:"first_sync_s"`
	Limit          float64            `json:"limit_s"`
	LimitSweep     map[string]float64 `json:"limit_sweep_s"` // by concurrency
	FirstSyncRatio float64            `json:"first_sync_ratio"`
	FirstWrites    map[string]float64 `json:"first_sync_requests_per_app"` // by kind of request
	Commit         Quantiles          `json:"commit_ms"`
	Heal           Quantiles          `json:"heal_ms"`
	IdleRequests   float64            `json:"idle_requests_per_min"`
	IdleByKind     map[string]float64 `json:"idle_requests_by_kind_per_min"`
	IdleCPU        float64            `json:"idle_cpu_s_per_min"`
	IdleMinutes    float64            `json:"idle_min"`
	Restart        Restart            `json:"restart"`
	RSS            float64            `json:"rss_mib"` // peak of the sum over the agent and its children
	RSSParts       []float64          `json:"rss_parts_mib"`
	CPU            float64            `json:"cpu_s"` // of the first sync, likewise the sum
	CPUParts       []float64          `json:"cpu_parts_s"`
}

// Restart is what kill -9 and a start with the same cache cost.
type Restart struct {
	Renders float64 `json:"renders"`
	Writes  int     `json:"writes"` // to managed objects
	Ready   float64 `json:"ready_s"`
}

// Quantiles of a sample.
type Quantiles struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	N   int     `json:"n"`
}

type options struct {
	apps, samples     int
	idle              time.Duration
	out, plumb, plane string
	keep              bool
}

func main() {
	var o options
	flag.IntVar(&o.apps, "apps", 200, "number of apps")
	flag.IntVar(&o.samples, "samples", 30, "commits and heals to measure")
	flag.DurationVar(&o.idle, "idle", 5*time.Minute, "how long to watch the idle agent")
	flag.StringVar(&o.out, "out", "", "file for the figures as JSON")
	flag.StringVar(&o.plumb, "plumb", "../bin/plumb", "the product's binary")
	flag.StringVar(&o.plane, "playground", "../bin/plumb-playground", "the control plane's binary")
	flag.BoolVar(&o.keep, "keep", false, "keep the temporary folder")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := measure(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "plumb-bench-")
	if err != nil {
		return err
	}
	if !o.keep {
		defer os.RemoveAll(dir)
	}
	figures, err := run(ctx, o, dir)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(figures, "", "  ")
	if err != nil {
		return err
	}
	fmt.Println(string(data))
	if o.out == "" {
		return nil
	}
	return os.WriteFile(o.out, append(data, '\n'), 0o644)
}

// run takes the measurements in their order; each begins from what the one before left.
func run(ctx context.Context, o options, dir string) (*Figures, error) {
	f := &Figures{Apps: o.apps}
	say("control plane")
	cp, err := startPlane(ctx, o.plane, dir)
	if err != nil {
		return nil, err
	}
	defer cp.stop()
	git, err := newFleet(filepath.Join(dir, "git"), o.apps)
	if err != nil {
		return nil, err
	}
	defer git.close()
	if err := cp.prepare(ctx, o.apps, git.url); err != nil {
		return nil, fmt.Errorf("prepare the cluster: %w", err)
	}
	say("limit: bare loop")
	if err := cp.limit(ctx, o.apps, f); err != nil {
		return nil, fmt.Errorf("measure the limit: %w", err)
	}
	a := &agent{plumb: o.plumb, dir: dir, plane: cp, git: git}
	defer a.kill()
	for _, step := range []struct {
		name string
		do   func(context.Context, *lab) error
	}{
		{"first sync", firstSync}, {"commits", commits}, {"heals", heals}, {"idle", idle}, {"restart", restart},
	} {
		say(step.name)
		if err := step.do(ctx, &lab{options: o, plane: cp, fleet: git, agent: a, figures: f}); err != nil {
			return nil, fmt.Errorf("measure %s: %w\n%s", step.name, err, a.lastLog())
		}
	}
	f.RSS, f.RSSParts = a.peakMiB(), a.parts
	return f, nil
}

// lab is everything that a measurement needs.
type lab struct {
	options options
	plane   *plane
	fleet   *fleet
	agent   *agent
	figures *Figures
}

func say(what string) { fmt.Fprintf(os.Stderr, "%s  %s\n", time.Now().Format("15:04:05"), what) }
