// Command gitea-serve runs a Gitea for tests: a folder, a free port, an administrator, nothing to set up.
//
//	gitea-serve DIR
//
// It prints one line of JSON when the forge answers, {"url": …, "token": …, "user": …, "password": …}, and ends it when its
// own standard input ends, so that nothing outlives the test that started it. What Gitea says goes to DIR/log. It never
// listens on anything but loopback, and knows one password, which is written in this file.
//
// The module pins the Gitea; it is one of its own because its requirements must not meet those of Kubernetes. Built by
// scripts/gitea; gitea and the folder static lie beside the program.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The administrator that every Gitea of this command has.
const (
	user     = "operator"
	password = "of-the-operator"
)

const (
	readyWithin = 2 * time.Minute
	stopWithin  = 10 * time.Second
)

//go:embed app.ini
var settings string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gitea-serve DIR")
		os.Exit(2)
	}
	if err := serve(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve runs Gitea until standard input or the context ends.
func serve(ctx context.Context, dir string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	g := gitea{dir: dir}
	if err := g.start(ctx); err != nil {
		return err
	}
	defer g.stop()
	token, err := g.administrator(ctx)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(map[string]string{"url": g.url, "token": token, "user": user, "password": password}); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-g.ended:
		return fmt.Errorf("gitea ended: %w\n%s", err, g.said())
	}
}

// gitea is a Gitea in a folder.
type gitea struct {
	dir     string
	program string
	url     string
	cmd     *exec.Cmd
	ended   chan error
}

// start starts Gitea on a free port and waits until it answers.
func (g *gitea) start(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if self, err = filepath.EvalSymlinks(self); err != nil {
		return err
	}
	g.program = filepath.Join(filepath.Dir(self), "gitea")
	for range 3 { // another may take the port that was free
		if err = g.launch(filepath.Join(filepath.Dir(self), "static")); err != nil {
			return err
		}
		if err = g.ready(ctx); err == nil {
			return nil
		}
		g.stop()
	}
	return fmt.Errorf("gitea does not answer: %w\n%s", err, g.said())
}

func (g *gitea) launch(static string) error {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	port := strconv.Itoa(free.Addr().(*net.TCPAddr).Port)
	free.Close()
	g.url = "http://127.0.0.1:" + port
	if err := os.MkdirAll(g.dir, 0o755); err != nil {
		return err
	}
	words := []string{"@DIR@", g.dir, "@PORT@", port, "@STATIC@", static}
	for name, secret := range map[string]string{"@INTERNAL@": "INTERNAL_TOKEN", "@JWT@": "JWT_SECRET"} {
		value, err := exec.Command(g.program, "generate", "secret", secret).Output()
		if err != nil {
			return fmt.Errorf("gitea generate secret %s: %w", secret, err)
		}
		words = append(words, name, strings.TrimSpace(string(value)))
	}
	text := strings.NewReplacer(words...).Replace(settings)
	if err := os.WriteFile(g.config(), []byte(text), 0o600); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(g.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	g.cmd = g.command(context.Background(), "web")
	g.cmd.Stdout, g.cmd.Stderr = log, log
	if err := g.cmd.Start(); err != nil {
		return err
	}
	g.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan<- error) { ended <- errors.Join(cmd.Wait(), errEnded) }(g.cmd, g.ended)
	return nil
}

var errEnded = errors.New("its process is gone")

func (g *gitea) config() string { return filepath.Join(g.dir, "app.ini") }

// command makes a command of Gitea, apart from the user's settings of Git.
func (g *gitea) command(ctx context.Context, arguments ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, g.program, append([]string{"--config", g.config(), "--work-path", g.dir}, arguments...)...)
	cmd.Env = append(os.Environ(), "HOME="+g.dir, "GIT_CONFIG_NOSYSTEM=1", "GITEA_WORK_DIR="+g.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// ready waits until Gitea says that it is well.
func (g *gitea) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url+"/api/healthz", nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-g.ended:
			return err
		case <-tick.C:
		}
	}
}

// administrator makes the administrator, and a token of theirs that may do everything.
func (g *gitea) administrator(ctx context.Context) (token string, err error) {
	for _, arguments := range [][]string{
		{"admin", "user", "create", "--admin", "--username", user, "--password", password, "--email", user + "@example.com", "--must-change-password=false"},
		{"admin", "user", "generate-access-token", "--username", user, "--token-name", "tests", "--scopes", "all", "--raw"},
	} {
		out, err := g.command(ctx, arguments...).Output()
		if err != nil {
			return "", fmt.Errorf("gitea %s: %w\n%s", strings.Join(arguments[:3], " "), err, out)
		}
		token = string(out)
	}
	lines := strings.Fields(token)
	return lines[len(lines)-1], nil
}

// stop ends Gitea, if need be without its consent.
func (g *gitea) stop() {
	_ = g.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-g.ended:
	case <-time.After(stopWithin):
		_ = g.cmd.Process.Kill()
		<-g.ended
	}
}

// said gives the end of what Gitea said.
func (g *gitea) said() string {
	text, _ := os.ReadFile(filepath.Join(g.dir, "log"))
	return string(text[max(0, len(text)-4000):])
}
