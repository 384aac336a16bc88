// Package e2e shows what Plumb does, on a real control plane: real Git over smart HTTP, a real API server with its
// controllers, the agent and the commands as the processes that people run. Only nodes and pods are simulated.
//
// A test reads as a story: a commit, what becomes true of the App, what stands in the cluster then, and what the audit log
// says that the agent did for it. Nothing sleeps; conditions are watched, with generous limits. What must not happen is shown
// by order, not by time: something else is changed afterwards, and when the agent has answered that, it had seen both.
//
// Most tests share one control plane and one agent, each with a Repo and apps of its own. Tests that kill agents have a
// plane of their own (life_test.go), and so has the corpus.
//
// Start at scenario.
package e2e

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// limit is how long anything may take. It is only used up where something is wrong, or the machine very busy.
var limit = 3 * time.Minute

// keep leaves the folders of the worlds behind, with the logs of everything.
var keep bool

func init() {
	flag.DurationVar(&limit, "limit", limit, "how long anything may take")
	flag.BoolVar(&keep, "keep", false, "leave the folders with the logs behind")
}

func TestMain(m *testing.M) {
	flag.Parse()
	if !given("test.parallel") {
		_ = flag.Set("test.parallel", "8") // tests wait more than they work
	}
	code := m.Run()
	if allowed, sound := allAllowed(), nonePanicked(); !allowed || !sound {
		code = max(code, 1)
	}
	endWorlds()
	os.Exit(code)
}

func given(name string) (is bool) {
	flag.Visit(func(f *flag.Flag) { is = is || f.Name == name })
	return is
}

// world is a control plane, a Git server and an agent.
type world struct {
	*plane
	*gitHost
	*agent
}

// worlds are the worlds that were started, to be ended with the tests.
var worlds struct {
	sync.Mutex
	planes []*plane
	logs   []string // of the agents
	ends   []func()
}

func endWorlds() {
	worlds.Lock()
	defer worlds.Unlock()
	for _, end := range worlds.ends {
		end()
	}
}

// shared gives the world that most tests have in common.
func shared(t *testing.T) *world {
	t.Helper()
	return theWorld(t, sharedWorld)
}

var sharedWorld = sync.OnceValues(func() (*world, error) { return newWorld("shared") })

// lives gives the world of the tests that end and start agents. They do not run in parallel with each other.
func lives(t *testing.T) *world {
	t.Helper()
	return theWorld(t, livesWorld)
}

var livesWorld = sync.OnceValues(func() (*world, error) { return newWorld("lives") })

func theWorld(t *testing.T, get func() (*world, error)) *world {
	t.Helper()
	w, err := get()
	if errors.Is(err, errNoBinary) && os.Getenv("CI") == "" {
		t.Skipf("skipped: %v; make e2e builds it", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// newWorld starts a control plane with Plumb installed and an agent on it.
func newWorld(name string) (*world, error) {
	plumb, err := binary("PLUMB")
	if err != nil {
		return nil, err
	}
	playground, err := binary("PLUMB_PLAYGROUND")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "plumb-e2e-"+name+"-")
	if err != nil {
		return nil, err
	}
	forget := func() {
		if !keep {
			os.RemoveAll(dir)
		}
	}
	end := forget
	defer func() { // a part that started is ended also where a later one did not
		worlds.Lock()
		defer worlds.Unlock()
		worlds.ends = append(worlds.ends, end)
	}()
	w := &world{}
	if w.plane, err = startPlane(playground, plumb, dir); err != nil {
		return nil, err
	}
	end = func() { w.plane.stop(); forget() }
	worlds.Lock()
	worlds.planes = append(worlds.planes, w.plane)
	worlds.Unlock()
	if err := w.install(); err != nil {
		return nil, fmt.Errorf("install Plumb: %w", err)
	}
	if w.gitHost, err = newGitHost(filepath.Join(dir, "git")); err != nil {
		return nil, err
	}
	end = func() { w.gitHost.stop(); w.plane.stop(); forget() }
	w.agent = &agent{plumb: plumb, kubeconfig: w.config, account: w.plane.account, dir: filepath.Join(dir, "agent")}
	worlds.Lock()
	worlds.logs = append(worlds.logs, w.agent.log())
	worlds.Unlock()
	if err := w.agent.start(); err != nil {
		return nil, err
	}
	end = func() { w.agent.kill(); w.gitHost.stop(); w.plane.stop(); forget() }
	return w, nil
}

var errNoBinary = errors.New("a program is missing")

// binary gives the program that an environment variable names.
func binary(variable string) (string, error) {
	path := os.Getenv(variable)
	if path == "" {
		return "", fmt.Errorf("%w: the variable %s does not name it", errNoBinary, variable)
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%w: %s: %w", errNoBinary, variable, err)
	}
	return path, nil
}
