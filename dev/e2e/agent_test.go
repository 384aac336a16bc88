package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const token = "e2e-token"

// agent is the product's agent as a process of its own.
type agent struct {
	plumb      string
	kubeconfig string // of the people who run commands
	account    string // the agent's own
	dir        string
	env        []string // beside that of the tests
	root       string   // of the file system that the agent sees; "" is that of the machine

	cmd    *exec.Cmd
	stdin  io.WriteCloser
	out    *bufio.Reader
	listen string
}

// start starts the agent with the cache that is there, and waits until it is the active one.
func (a *agent) start(flags ...string) error {
	if err := a.launch(flags...); err != nil {
		return err
	}
	return a.active()
}

// launch starts the agent's process. It may have to stand by.
func (a *agent) launch(flags ...string) error {
	if err := os.MkdirAll(a.dir, 0o755); err != nil {
		return err
	}
	file := filepath.Join(a.dir, "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		return err
	}
	log, err := os.OpenFile(a.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	a.cmd = exec.Command(a.plumb, append([]string{"agent", "--kubeconfig", a.account, "--cache-dir", a.cache(),
		"--listen", "127.0.0.1:0", "--token-file", file, "--announce", "--verbose"}, flags...)...)
	a.cmd.Stderr = log
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	a.cmd.Env = append(os.Environ(), a.env...)
	if a.root != "" {
		if err := a.lockIn(a.cmd); err != nil {
			return err
		}
	}
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if a.stdin, err = a.cmd.StdinPipe(); err != nil {
		return err
	}
	a.out = bufio.NewReader(out)
	return a.cmd.Start()
}

// active waits until the agent says that it is the active one.
func (a *agent) active() error {
	line, err := a.out.ReadBytes('\n')
	if err != nil {
		a.kill()
		return fmt.Errorf("the agent ended before it ran: %w\n%s", err, a.said("", 20))
	}
	var ready struct{ Listen string }
	if err := json.Unmarshal(line, &ready); err != nil {
		return err
	}
	a.listen = ready.Listen
	return nil
}

// standing waits until the agent says that it stands by.
func (a *agent) standing() error {
	return eventually(limit, func() error {
		resp, err := http.Get("http://" + a.listen + "/readyz")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err == nil && (resp.StatusCode != http.StatusOK || !strings.Contains(string(text), "standing by")) {
			err = fmt.Errorf("it says %s", text)
		}
		return err
	})
}

// end is what a kubelet does with a pod.
func (a *agent) end(t *testing.T) {
	t.Helper()
	_ = a.cmd.Process.Signal(syscall.SIGTERM)
	if err := a.cmd.Wait(); err != nil {
		t.Errorf("the agent ended with %v:\n%s", err, a.said("", 5))
	}
	a.stdin.Close()
	a.cmd = nil
}

func (a *agent) log() string   { return filepath.Join(a.dir, "agent.log") }
func (a *agent) cache() string { return filepath.Join(a.dir, "cache") }

// nonePanicked tells whether no pass of an agent panicked, in any world. An agent survives that, and nobody would see it.
func nonePanicked() bool {
	worlds.Lock()
	defer worlds.Unlock()
	sound := true
	for _, log := range worlds.logs {
		data, err := os.ReadFile(log)
		if err != nil {
			fmt.Println(err)
			return false
		}
		for line := range bytes.Lines(data) {
			if bytes.Contains(line, []byte("panicked")) {
				fmt.Printf("--- FAIL: %s", line)
				sound = false
			}
		}
	}
	return sound
}

// kill is kill -9.
func (a *agent) kill() {
	if a.cmd == nil {
		return
	}
	_ = a.cmd.Process.Kill()
	_ = a.cmd.Wait()
	a.stdin.Close()
	a.cmd = nil
}

// said gives the last lines of the log that have a text in them.
func (a *agent) said(text string, n int) string {
	data, err := os.ReadFile(a.log())
	if err != nil {
		return err.Error()
	}
	var lines []string
	for line := range bytes.Lines(data) {
		if bytes.Contains(line, []byte(text)) {
			lines = append(lines, strings.TrimSpace(string(line)))
		}
	}
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// metric reads one number from /metrics.
func (a *agent) metric(t *testing.T, name string) float64 {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+a.listen+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			value, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err != nil {
				t.Fatal(err)
			}
			return value
		}
	}
	t.Fatalf("there is no metric %s (HTTP %s)", name, resp.Status)
	return 0
}

// hook delivers a webhook for a Repo and gives the HTTP status.
func (a *agent) hook(repo, body, signature string) (int, error) {
	req, err := http.NewRequest(http.MethodPost, "http://"+a.listen+"/hooks/"+system+"/"+repo, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("X-Plumb-Signature-256", signature)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// result is what a command did.
type result struct {
	code   int
	stdout string
	stderr string
}

// command runs a verb of plumb against the world's cluster.
func (a *agent) command(t *testing.T, dir string, arguments ...string) result {
	t.Helper()
	return a.commandWith(t, nil, dir, arguments...)
}

// commandWith runs plumb with variables besides.
func (a *agent) commandWith(t *testing.T, variables []string, dir string, arguments ...string) result {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), a.plumb, arguments...)
	cmd.Dir = dir
	cmd.Env = []string{"KUBECONFIG=" + a.kubeconfig, "HOME=" + a.dir, "PATH=" + os.Getenv("PATH"), "NO_COLOR=1", "TZ=UTC",
		"PLUMB_URL=http://" + a.listen, "PLUMB_TOKEN=" + token}
	cmd.Env = append(cmd.Env, variables...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
}
