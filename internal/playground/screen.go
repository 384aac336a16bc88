package playground

import (
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// screen tells people what happens. With quiet it tells machines one object, and nothing else.
type screen struct {
	out   io.Writer
	quiet bool
}

func (s screen) printf(format string, args ...any) {
	if !s.quiet {
		fmt.Fprintf(s.out, format, args...)
	}
}

// step prints a line that was done, with the time it took behind it.
func (s screen) step(took time.Duration, format string, args ...any) {
	s.printf("  ✔ %-56s %5.1fs\n", fmt.Sprintf(format, args...), took.Seconds())
}

func (s screen) done(format string, args ...any) {
	s.printf("  ✔ %s\n", fmt.Sprintf(format, args...))
}

func (s screen) json(r Ready) error { return json.NewEncoder(s.out).Encode(r) }

func (s screen) cluster(p *playground, took time.Duration) {
	if p.control == nil {
		s.step(took, "cluster of context %s (real)", p.Context)
		return
	}
	s.step(took, "etcd, API server, controllers%s", ifTrue(p.state.resumed, " (state of the last time)"))
	s.done("1 cluster simulated (%d nodes, simulated pods; nothing is pulled or run)", p.control.nodes)
}

func (s screen) repository(p *playground) {
	home := p.Getenv("HOME")
	if p.git.own {
		s.done("Git repository  %s  (remote: %s)", short(p.git.dir, home), p.git.url)
		return
	}
	s.done("Git repository  %s  (read-only; commits on %s are delivered)", short(p.git.dir, home), p.git.branch)
}

func (s screen) watching(p *playground) {
	branch := p.git.branch
	if branch == "" {
		branch = "main"
	}
	s.done("plumb watching  %s.git@%s  (deploys as %s/%s, bound to cluster-admin)", repoName, branch, namespace, deployer)
}

func (s screen) delivered(d delivery, took time.Duration) {
	switch {
	case d.targets == 0:
		s.done("no app in the repository yet%s", ifTrue(d.summary != "", ": "+d.summary))
	case len(d.bad) == 0 && len(d.waiting) == 0:
		s.step(took, "%s healthy%s", plural(len(d.apps), "app"), ifTrue(len(d.envs) > 0, " in "+enumerate(d.envs)))
	default:
		for _, line := range d.bad {
			s.printf("  ✕ %s\n", line)
		}
		for _, line := range d.waiting {
			s.printf("  ◐ %s\n", line)
		}
	}
}

func (s screen) invite(p *playground, r Ready, link string) {
	home := p.Getenv("HOME")
	lines := [][2]string{{"Open", link}, {"", "logs one browser in, once; `" + p.uiCommand() + "` makes another"}}
	if p.git.own && !p.Empty {
		lines = append(lines,
			[2]string{"Try", "cd " + short(r.Repo, home) + " && sed -i 's/replicas: 2/replicas: 3/' apps/web/envs/dev/kustomization.yaml"},
			[2]string{"", `git commit -am "web: three replicas in dev" && git push      → the page changes in about a second`},
			[2]string{"", "kubectl --kubeconfig " + short(r.Kubeconfig, home) + " -n web-dev scale deploy web --replicas 9   → watch it be explained and undone"})
	} else {
		lines = append(lines,
			[2]string{"Try", "cd " + short(r.Repo, home) + "   → commit" + ifTrue(p.git.own, " and push") + "; plumb apps --explain says how folders are read"},
			[2]string{"", "export KUBECONFIG=" + short(r.Kubeconfig, home)})
	}
	lines = append(lines, [2]string{"Stop", "Ctrl-C (state kept; `plumb up --fresh` starts over)"})
	s.printf("\n")
	for _, l := range lines {
		s.printf("  %-6s %s\n", l[0], l[1])
	}
	if r.Simulated {
		s.printf("\n  Pods are simulated here: they become ready without running anything.\n")
	}
}

// uiCommand opens the page of this playground.
func (p *playground) uiCommand() string {
	command := "plumb ui --playground"
	if p.Context != "" {
		command += " --context " + p.Context
	}
	if p.Dir != "" {
		command += " --dir " + short(p.Dir, p.Getenv("HOME"))
	}
	return command
}

func (s screen) stopped(o Options, st *state) {
	if o.Context != "" {
		s.printf("\nStopped. What was delivered to %s stays there, with Plumb's own objects in namespace %s.\n", o.Context, namespace)
		return
	}
	s.printf("\nStopped. The state is kept in %s; `plumb up` resumes it.\n", short(st.dir, o.Getenv("HOME")))
}

// short writes a path as people do.
func short(path, home string) string {
	if rest, ok := strings.CutPrefix(path, home+"/"); ok && home != "" {
		return "~/" + rest
	}
	return path
}

func ifTrue(condition bool, text string) string {
	if condition {
		return text
	}
	return ""
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

func enumerate(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// OpenBrowser opens the page where there is a screen; if that fails, the address stands above.
func OpenBrowser(getenv func(string) string, url string) {
	opener := "xdg-open"
	switch {
	case runtime.GOOS == "darwin":
		opener = "open"
	case getenv("DISPLAY") == "" && getenv("WAYLAND_DISPLAY") == "":
		return
	}
	cmd := exec.Command(opener, url)
	if cmd.Start() == nil {
		go func() { _ = cmd.Wait() }()
	}
}
