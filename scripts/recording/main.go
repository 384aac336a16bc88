// Command recording makes the picture of a terminal for the README from a real run: it starts `plumb up` in a directory of
// its own, types a few commands in the working clone, and writes down what the terminal showed and when as an animated SVG.
//
// It never edits what a command printed, but for two things: the one-time code is blotted out, and pauses are shortened. It
// fails if a command fails, so a recording cannot show what does not work.
//
// Start at record; svg.go draws.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// line is one line of the terminal, with escape sequences, and when it was there.
type line struct {
	at   time.Duration
	text string
}

// typed are the commands after `plumb up`, in the working clone. What begins with unseen is run again and again until it
// succeeds, and not shown: a person would look up from the keyboard.
var typed = []string{
	`sed -i 's/replicas: 2/replicas: 3/' apps/web/envs/dev/kustomization.yaml`,
	`git commit -qam "web: three replicas in dev" && git push -q`,
	`plumb wait HEAD`,
	`sed -i 's/# annotations/annotations/' apps/web/base/deployment.yaml   # its simulated pods crash`,
	`git commit -qam "web: crash" && git push -q`,
	unseen + `plumb status web/dev | grep -q CrashLoop`,
	`plumb why web/dev`,
	`git revert --no-edit HEAD >/dev/null && git push -q`,
	unseen + `plumb status --exit-code >/dev/null && plumb wait HEAD >/dev/null`,
	`git rm -q apps/api/values-prod.yaml && git commit -qm "api: not in prod any more" && git push -q`,
	unseen + `plumb why api/prod | grep -q Plumb-Allow-Delete`,
	`plumb status`,
	`plumb why api/prod`,
}

const unseen = "unseen: "

func main() {
	out := flag.String("out", "docs/images/up.svg", "the picture")
	plumb := flag.String("plumb", os.Getenv("PLUMB"), "the binary")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	lines, err := record(ctx, *plumb)
	if err == nil {
		err = os.WriteFile(*out, draw(lines), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "recording:", err)
		os.Exit(1)
	}
}

// record runs the scene in a home directory of its own and gives what was seen.
func record(ctx context.Context, plumb string) ([]line, error) {
	home, err := os.MkdirTemp("", "plumb-recording-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(home)
	s := &scene{home: home, dir: filepath.Join(home, "demo"), plumb: plumb, began: time.Now()}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.see("$ plumb up")
	up, err := s.up(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		_ = up.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = up.Wait()
	}()
	for _, command := range typed {
		do := s.run
		if hidden, ok := strings.CutPrefix(command, unseen); ok {
			do, command = s.await, hidden
		}
		if err := do(ctx, command); err != nil {
			return nil, fmt.Errorf("%s: %w", command, err)
		}
	}
	return s.lines, nil
}

type scene struct {
	home, dir, plumb string
	began            time.Time
	lines            []line
}

var (
	secret = regexp.MustCompile(`\?code=[0-9A-Za-z_-]+`)
	port   = regexp.MustCompile(`127\.0\.0\.1:\d+/login`)
	folder = regexp.MustCompile(` --dir \S+/demo`)
)

func (s *scene) see(text string) {
	text = port.ReplaceAllString(text, "127.0.0.1:7420/login")
	text = secret.ReplaceAllString(text, "?code=…")
	text = folder.ReplaceAllString(text, "")
	s.lines = append(s.lines, line{at: time.Since(s.began), text: strings.ReplaceAll(text, s.home, "~")})
}

// env is what the commands see: no configuration of the user, colours although no terminal is there.
func (s *scene) env() []string {
	return []string{
		"HOME=" + s.home, "PATH=" + filepath.Dir(s.plumb) + ":" + os.Getenv("PATH"), "LANG=C.UTF-8", "TERM=xterm-256color",
		"CLICOLOR_FORCE=1", "COLUMNS=116", "GIT_AUTHOR_NAME=Lena", "GIT_AUTHOR_EMAIL=lena@example.com",
		"GIT_COMMITTER_NAME=Lena", "GIT_COMMITTER_EMAIL=lena@example.com",
		"KUBECONFIG=" + filepath.Join(s.dir, "control-plane", "kubeconfig"),
	}
}

// up starts the playground and waits until it has said everything.
func (s *scene) up(ctx context.Context) (*exec.Cmd, error) {
	cmd := exec.CommandContext(ctx, s.plumb, "up", "--dir", s.dir, "--port", "0", "--no-browser")
	cmd.Env, cmd.Stderr = s.env(), os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r := bufio.NewScanner(out)
	for r.Scan() {
		s.see(r.Text())
		if strings.Contains(r.Text(), "Pods are simulated") {
			s.see("")
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return cmd, nil
		}
	}
	return nil, errors.Join(errors.New("plumb up ended before it was ready"), r.Err(), cmd.Wait())
}

func (s *scene) shell(ctx context.Context, command string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-c", command)
	cmd.Dir, cmd.Env = filepath.Join(s.dir, "repo"), s.env()
	return cmd
}

// await runs a command until it succeeds, for half a minute.
func (s *scene) await(ctx context.Context, command string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for s.shell(ctx, command).Run() != nil {
		select {
		case <-ctx.Done():
			return errors.New("it did not come true")
		case <-again.C:
		}
	}
	return nil
}

func (s *scene) run(ctx context.Context, command string) error {
	s.see("~/demo/repo $ " + command)
	out, err := s.shell(ctx, command).CombinedOutput()
	for text := range strings.Lines(string(out)) {
		s.see(strings.TrimRight(text, "\n"))
	}
	return err
}
