package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/report"
	"plumb.dev/plumb/internal/server"
)

// testNow is the time in every script.
var testNow = time.Date(2026, 11, 20, 14, 10, 0, 0, time.UTC)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"plumb": func() {
		env := OS()
		env.Now = func() time.Time { return testNow }
		os.Exit(Main(env))
	}})
}

// Scripts run plumb as people do. Those that need a cluster talk to a fakeAPI of their own, by these commands:
//
//	put FILE          store the objects of a file
//	lease AGE|none    how old the agent's Lease is
//	forbid RESOURCE   apps, repos or leases; apps/all refuses only the list of all namespaces
//	behind RESOURCE   the watches of a resource tell nothing any more
//	echo-sync         answer sync requests as the agent does
//	object KEY        print an object, for example apps/plumb-system/web-dev
//	requests          print the requests so far
//	ancestor A B      the agent answers that commit A comes before commit B
//	exit N plumb …    run plumb; it must exit with N
//	start NAME plumb … run plumb beside the script; its output grows in the files NAME.out and NAME.err
//	serve-charts      start a chart repository ($CHARTS) and a registry ($REGISTRY)
//	publish NAME VERSION FILE  a chart with that template, in both
//	expand FILE…      put variables of the script into files
//	keep NAME         make what the last command printed a variable
//	until FILE TEXT   wait until the file holds the text
//	end NAME CODE     interrupt what was started; it must exit with CODE
//	ended NAME CODE   wait for what was started; it must exit by itself, with CODE
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup:               setupScript,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"put": cmdPut, "lease": cmdLease, "forbid": cmdForbid, "behind": cmdBehind, "echo-sync": cmdEcho, "object": cmdObject,
			"requests": cmdRequests, "ancestor": cmdAncestor, "exit": cmdExit,
			"start": cmdStart, "until": cmdUntil, "end": cmdEnd, "ended": cmdEnded,
			"serve-charts": cmdServeCharts, "publish": cmdPublish, "expand": cmdExpand, "keep": cmdKeep,
		},
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
	})
}

type apiKey struct{}

func setupScript(env *testscript.Env) error {
	api := newFakeAPI()
	server := httptest.NewServer(api)
	env.Defer(server.Close)
	env.Defer(server.CloseClientConnections)
	env.Values[apiKey{}] = api
	env.Values[chartsKey{}] = &chartServers{}
	env.Values[startsKey{}] = map[string]*started{}
	config := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"test","contexts":[{"name":"test","context":{"cluster":"test","user":"test"}}],"clusters":[{"name":"test","cluster":{"server":%q}}],"users":[{"name":"test","user":{}}]}`, server.URL)
	file := filepath.Join(env.WorkDir, "kubeconfig")
	env.Setenv("KUBECONFIG", file)
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("LANG", "C.UTF-8")
	env.Setenv("AGENT", server.URL+"/agent/")
	env.Setenv("PLUMB_TOKEN", "secret")
	env.Setenv("PATH", env.Getenv("PATH"))
	return os.WriteFile(file, []byte(config), 0o600)
}

func apiOf(ts *testscript.TestScript) *fakeAPI { return ts.Value(apiKey{}).(*fakeAPI) }

func cmdPut(ts *testscript.TestScript, _ bool, args []string) {
	for _, file := range args {
		ts.Check(apiOf(ts).put([]byte(ts.ReadFile(file))))
	}
}

func cmdLease(ts *testscript.TestScript, _ bool, args []string) {
	age := time.Duration(-1)
	if args[0] != "none" {
		var err error
		age, err = time.ParseDuration(args[0])
		ts.Check(err)
	}
	api := apiOf(ts)
	api.mu.Lock()
	api.leaseAge = age
	api.mu.Unlock()
}

func cmdForbid(ts *testscript.TestScript, _ bool, args []string) {
	api := apiOf(ts)
	api.mu.Lock()
	defer api.mu.Unlock()
	for _, resource := range args {
		api.forbid[resource] = true
	}
}

func cmdBehind(ts *testscript.TestScript, _ bool, args []string) {
	api := apiOf(ts)
	api.mu.Lock()
	defer api.mu.Unlock()
	api.behind[args[0]] = true
}

func cmdEcho(ts *testscript.TestScript, _ bool, _ []string) {
	api := apiOf(ts)
	api.mu.Lock()
	api.echo = true
	api.mu.Unlock()
}

func cmdObject(ts *testscript.TestScript, _ bool, args []string) {
	api := apiOf(ts)
	api.mu.Lock()
	defer api.mu.Unlock()
	data, err := json.MarshalIndent(api.objects[args[0]], "", " ")
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%s\n", data)
}

func cmdKeep(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

func cmdRequests(ts *testscript.TestScript, _ bool, _ []string) {
	api := apiOf(ts)
	api.mu.Lock()
	defer api.mu.Unlock()
	fmt.Fprintln(ts.Stdout(), strings.Join(api.requests, "\n"))
}

// fakeAgent knows one pair of commits.
type fakeAgent struct{}

func (fakeAgent) App(string, string) (v1alpha1.App, bool) { return v1alpha1.App{}, false }
func (fakeAgent) Agent() report.Agent                     { return report.Agent{Heard: testNow} }

func cmdAncestor(ts *testscript.TestScript, _ bool, args []string) {
	api := apiOf(ts)
	api.mu.Lock()
	defer api.mu.Unlock()
	api.agent = server.New(server.Config{Reader: fakeAgent{}, Token: "secret", Ancestor: func(_ context.Context, _, a, b string) (bool, error) {
		if !slices.Contains(args, a) || !slices.Contains(args, b) {
			return false, fault.New(fault.RevisionNotFound, "the commit is not here")
		}
		return a == args[0] && b == args[1], nil
	}})
}

// started is a command that runs beside the script.
type started struct {
	cmd  *exec.Cmd
	done chan error
}

type startsKey struct{}

func cmdStart(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	path, err := exec.LookPath(args[1])
	ts.Check(err)
	s := &started{cmd: exec.CommandContext(ctx, path, args[2:]...), done: make(chan error, 1)}
	s.cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"KUBECONFIG", "HOME", "LANG", "PATH", "COLUMNS", "PLUMB_URL", "PLUMB_TOKEN"} {
		s.cmd.Env = append(s.cmd.Env, name+"="+ts.Getenv(name))
	}
	stdout, err := os.Create(ts.MkAbs(args[0] + ".out"))
	ts.Check(err)
	stderr, err := os.Create(ts.MkAbs(args[0] + ".err"))
	ts.Check(err)
	s.cmd.Stdout, s.cmd.Stderr = stdout, stderr
	ts.Check(s.cmd.Start())
	go func() { s.done <- s.cmd.Wait() }()
	ts.Defer(cancel)
	ts.Value(startsKey{}).(map[string]*started)[args[0]] = s
}

// patience is how long a script waits for a condition.
const patience = time.Minute

func cmdUntil(ts *testscript.TestScript, _ bool, args []string) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		if data, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && strings.Contains(string(data), args[1]) {
			return
		}
	}
	ts.Fatalf("%s never held %q: %s", args[0], args[1], ts.ReadFile(args[0]))
}

func cmdEnd(ts *testscript.TestScript, _ bool, args []string) {
	s := ts.Value(startsKey{}).(map[string]*started)[args[0]]
	_ = s.cmd.Process.Signal(os.Interrupt) // it may have ended already
	cmdEnded(ts, false, args)
}

// cmdEnded waits for a command that ends by itself.
func cmdEnded(ts *testscript.TestScript, _ bool, args []string) {
	s := ts.Value(startsKey{}).(map[string]*started)[args[0]]
	err := <-s.done // it is killed when it has gone on for too long
	if code := strconv.Itoa(s.cmd.ProcessState.ExitCode()); code != args[1] {
		ts.Fatalf("exit code %s, want %s (%v)", code, args[1], err)
	}
}

func cmdExit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exit N plumb ARGS")
	}
	got := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}
