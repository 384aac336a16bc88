package playground

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// TestMain lets the test's binary become the two processes of which a test of processes is made: `up`, and an agent that
// does nothing but write down what it is told. What the real agent does with it is shown by the end-to-end tests.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "agent":
			os.Exit(recordingAgent(os.Args[2:]))
		case "up":
			os.Exit(upFromEnvironment())
		}
	}
	os.Exit(m.Run())
}

// recordingAgent writes the hooks it gets, one line each, to hooks.log beside its cache.
func recordingAgent(args []string) int {
	flags := map[string]string{}
	for _, a := range args {
		key, value, _ := strings.Cut(strings.TrimPrefix(a, "--"), "=")
		flags[key] = value
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /hooks/plumb-system/fleet", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		f, err := os.OpenFile(filepath.Dir(flags["cache-dir"])+"/hooks.log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err == nil {
			fmt.Fprintf(f, "%s %s\n", r.Header.Get("X-Plumb-Signature-256"), body)
			f.Close()
		}
		w.WriteHeader(http.StatusAccepted)
	})
	if err := http.ListenAndServe(flags["listen"], mux); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return 1
}

func upFromEnvironment() int {
	var o Options
	if err := json.Unmarshal([]byte(os.Getenv("UP_OPTIONS")), &o); err != nil {
		panic(err)
	}
	o.Progress = os.Stderr
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := Run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func controlPlaneBinary(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("PLUMB_PLAYGROUND"); path != "" {
		return path
	}
	const how = "set PLUMB_PLAYGROUND to the binary that this makes: " + buildLine
	if os.Getenv("CI") != "" {
		t.Fatal(how)
	}
	t.Skip(how)
	return ""
}

// up is a running `plumb up`.
type up struct {
	Ready
	t      *testing.T
	cmd    *exec.Cmd
	stderr *bytes.Buffer
	waited bool
}

func command(t *testing.T, o map[string]any) *exec.Cmd {
	t.Helper()
	o["JSON"], o["NoBrowser"], o["ControlPlane"] = true, true, controlPlaneBinary(t)
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "up")
	cmd.Env = append(os.Environ(), "UP_OPTIONS="+string(text), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "http_proxy=http://127.0.0.1:1")
	return cmd
}

func start(t *testing.T, o map[string]any) *up {
	t.Helper()
	u := &up{t: t, cmd: command(t, o), stderr: &bytes.Buffer{}}
	u.cmd.Stderr = u.stderr
	stdout, err := u.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := u.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.end(syscall.SIGTERM) })
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		u.end(syscall.SIGTERM)
		t.Fatalf("it did not become ready: %s", u.stderr)
	}
	if err := json.Unmarshal(line, &u.Ready); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	t.Logf("ready after %.2f s (resumed: %v)", u.ReadySec, u.Resumed)
	return u
}

// end sends a signal and waits; it returns how the process ended.
func (u *up) end(s syscall.Signal) error {
	if u.waited {
		return nil
	}
	u.waited = true
	_ = u.cmd.Process.Signal(s)
	return u.cmd.Wait()
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := poll(ctx, func() (bool, error) { return ok(), nil }); err != nil {
		t.Fatalf("%s: not in time", what)
	}
}

func (u *up) hooks() []string {
	text, _ := os.ReadFile(filepath.Join(u.Dir, "hooks.log"))
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// gitIn runs git as a user with an identity would.
func gitIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := gitAs(t.Context(), "u", "u@example.com", dir, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// descendants lists the processes below pid.
func descendants(pid int) []int {
	var all []int
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		for field := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				all = append(append(all, child), descendants(child)...)
			}
		}
	}
	return all
}

func (u *up) nothingLeft(processes []int) {
	u.t.Helper()
	if len(processes) < 7 { // the agent, the control plane, its five parts
		u.t.Errorf("only %d processes ran", len(processes))
	}
	eventually(u.t, "every process is gone", func() bool {
		for _, p := range processes {
			if syscall.Kill(p, 0) == nil {
				return false
			}
		}
		return true
	})
}

// TestUp goes through a day: first start, a push, the agent's death, a second start beside it, stop, resume, start over.
func TestUp(t *testing.T) {
	dir := t.TempDir()
	u := start(t, map[string]any{"Dir": dir})
	checkFirstStart(t, u)
	gitIn(t, u.Repo, "commit", "--quiet", "--allow-empty", "-m", "a change")
	if _, err := git(t.Context(), u.Repo, "push", "--quiet"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the push is told", func() bool { return u.hooks()[0] != "" })
	checkSigned(t, u)

	if err := syscall.Kill(u.AgentPid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the agent is started again", func() bool {
		answer, err := http.Get(u.URL + "/readyz")
		if err == nil {
			answer.Body.Close()
		}
		return err == nil
	})
	text, err := command(t, map[string]any{"Dir": dir}).CombinedOutput()
	if err == nil || !strings.Contains(string(text), ErrRunning.Error()) {
		t.Errorf("a second start in the same directory: %v, %s", err, text)
	}
	processes := descendants(u.Pid)
	if err := u.end(syscall.SIGTERM); err != nil {
		t.Errorf("a stop by SIGTERM: %v, %s", err, u.stderr)
	}
	u.nothingLeft(processes)

	again := start(t, map[string]any{"Dir": dir})
	if !again.Resumed || again.Remote != u.Remote || again.URL != u.URL || again.Token != u.Token {
		t.Errorf("resumed as %+v, was %+v", again.Ready, u.Ready)
	}
	if head := gitIn(t, again.Repo, "log", "-1", "--format=%s", "origin/main"); head != "a change" {
		t.Errorf("the last commit is %q", head)
	}
	processes = descendants(again.Pid)
	_ = again.end(syscall.SIGKILL)
	again.nothingLeft(processes)

	fresh := start(t, map[string]any{"Dir": dir, "Fresh": true})
	if fresh.Resumed || gitIn(t, fresh.Repo, "rev-list", "--count", "HEAD") != "1" {
		t.Errorf("--fresh kept a state: %+v", fresh.Ready)
	}
	if moved, _ := filepath.Glob(filepath.Join(dir, "repo.before-*")); len(moved) != 1 {
		t.Errorf("the clone in which somebody worked was not moved aside: %v", moved)
	}
}

func checkFirstStart(t *testing.T, u *up) {
	t.Helper()
	if info, err := os.Stat(u.Kubeconfig); err != nil || info.Mode().Perm() != 0o600 || strings.HasPrefix(u.Kubeconfig, u.Repo) {
		t.Errorf("kubeconfig %s: %v", u.Kubeconfig, err)
	}
	if _, err := os.Stat(filepath.Join(u.Repo, "apps", "web", "envs", "dev", "kustomization.yaml")); err != nil {
		t.Error(err)
	}
	k, err := connect(u.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	repo, err := k.client.Resource(repoResource).Namespace(namespace).Get(t.Context(), repoName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	remote, _, _ := unstructured.NestedString(repo.Object, "spec", "url")
	secret, _, _ := unstructured.NestedString(repo.Object, "spec", "webhook", "secret")
	if remote != u.Remote || secret != hookSecret {
		t.Errorf("the Repo follows %s with the webhook secret %s", remote, secret)
	}
	accounts := schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}
	if _, err := k.client.Resource(accounts).Namespace(namespace).Get(t.Context(), "plumb-deployer", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
}

func checkSigned(t *testing.T, u *up) {
	t.Helper()
	k, err := connect(u.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	object, err := k.client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"}).Namespace(namespace).Get(t.Context(), hookSecret, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		t.Fatal("the webhook's secret is not in the cluster")
	}
	encoded, _, _ := unstructured.NestedString(object.Object, "data", "secret")
	var secret []byte
	if err := json.Unmarshal([]byte(strconv.Quote(encoded)), &secret); err != nil {
		t.Fatal(err)
	}
	signature, body, _ := strings.Cut(u.hooks()[0], " ")
	if signature != sign(string(secret), []byte(body)) || !strings.Contains(body, "refs/heads/main") {
		t.Errorf("the hook is %s, signed %s", body, signature)
	}
}

// TestUpPath serves a repository that somebody works in: a commit is news, a push is refused.
func TestUpPath(t *testing.T) {
	path := t.TempDir()
	gitIn(t, path, "init", "--quiet", "--initial-branch=trunk")
	gitIn(t, path, "commit", "--quiet", "--allow-empty", "-m", "one")
	u := start(t, map[string]any{"Dir": t.TempDir(), "Path": filepath.Join(path)})
	if got := gitIn(t, path, "ls-remote", u.Remote, "refs/heads/trunk"); !strings.HasPrefix(got, gitIn(t, path, "rev-parse", "HEAD")) {
		t.Errorf("served is %s", got)
	}
	gitIn(t, path, "commit", "--quiet", "--allow-empty", "-m", "two")
	eventually(t, "the commit is told", func() bool { return strings.Contains(u.hooks()[0], "refs/heads/trunk") })
	if _, err := git(t.Context(), path, "push", u.Remote, "trunk:other"); err == nil {
		t.Error("a push into the user's repository was taken")
	}
}

// TestPartDies: the reason is told, and nothing is left.
func TestPartDies(t *testing.T) {
	u := start(t, map[string]any{"Dir": t.TempDir(), "Empty": true})
	processes := descendants(u.Pid)
	for _, p := range processes {
		if line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p)); bytes.Contains(line, []byte("part\x00etcd")) {
			_ = syscall.Kill(p, syscall.SIGKILL)
		}
	}
	u.waited = true
	if err := u.cmd.Wait(); err == nil || !strings.Contains(u.stderr.String(), "etcd died: signal: killed") {
		t.Errorf("it ended with %v and said: %s", err, u.stderr)
	}
	u.nothingLeft(processes)
}

func TestNoBinary(t *testing.T) {
	_, err := findBinary()
	if err == nil || !strings.Contains(err.Error(), buildLine) {
		t.Errorf("without the binary the way to build it is said, not: %v", err)
	}
	err = Run(t.Context(), Options{Dir: t.TempDir(), Getenv: os.Getenv}, io.Discard)
	if err == nil || errors.Is(err, ErrRunning) {
		t.Errorf("Run without the binary: %v", err)
	}
}

// TestUpContext delivers to a cluster that is not ours to start or stop, and leaves one alone that follows another Repo.
func TestUpContext(t *testing.T) {
	cluster := start(t, map[string]any{"Dir": t.TempDir(), "Empty": true})
	t.Setenv("KUBECONFIG", cluster.Kubeconfig)
	u := start(t, map[string]any{"Dir": t.TempDir(), "Context": "plumb-playground", "Empty": true})
	if u.Simulated || len(descendants(u.Pid)) != 1 {
		t.Errorf("only an agent should run beside %+v: %v", u.Ready, descendants(u.Pid))
	}
	if err := u.end(syscall.SIGTERM); err != nil {
		t.Errorf("%v: %s", err, u.stderr)
	}
	k, err := connect(cluster.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	real := []byte(`{"spec": {"url": "https://git.example.com/fleet.git"}}`)
	if _, err := k.client.Resource(repoResource).Namespace(namespace).Patch(t.Context(), repoName, types.MergePatchType, real, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	text, err := command(t, map[string]any{"Dir": t.TempDir(), "Context": "plumb-playground"}).CombinedOutput()
	if err == nil || !strings.Contains(string(text), "https://git.example.com/fleet.git") {
		t.Errorf("a cluster that follows a real repository was taken over: %v, %s", err, text)
	}
}
