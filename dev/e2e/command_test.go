package e2e

import (
	"encoding/json"
	"strings"
	"testing"
)

// plumbs runs a verb in the clone and wants an exit code.
func (s *scenario) plumbs(code int, arguments ...string) result {
	s.Helper()
	r := s.command(s.T, s.repo.clone, arguments...)
	if r.code != code {
		s.Errorf("plumb %s ends with %d, want %d:\n%s%s", strings.Join(arguments, " "), r.code, code, r.stdout, r.stderr)
	}
	return r
}

// The commands tell the truth about an app through its life: delivered, drifting, broken, paused.
func TestCommands(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "cmd")
	first := s.commit("an app", files{"apps/cmd/plumb.yaml": "heal: false\n", "apps/cmd/a.yaml": deployment("web", 1, "registry.example/web:1")})

	s.says(s.plumbs(0, "wait", first, "--repo", "cmd", "--timeout", "2m").stdout, first[:7]+" is healthy", "cmd")
	s.says(s.plumbs(0, "wait", "HEAD", "--repo", "cmd", "--timeout", "2m").stdout, "cmd")
	s.ok("cmd", first)
	s.says(s.plumbs(0, "status", "cmd").stdout, "cmd", "ok", first[:7])
	s.plumbs(0, "status", "cmd", "--exit-code")
	s.says(s.plumbs(0, "why", "cmd").stdout, first[:7]+" is healthy")
	s.says(s.plumbs(0, "apps").stdout, "cmd")
	s.plumbs(2, "wait", "not-there")
	s.plumbs(2, "status", "--no-such-flag")

	s.scale("Deployment/cmd/web", "kubectl", 2)
	drifted := s.is("cmd", "drifted", "Drifted")
	s.says(drifted.Summary, "Deployment/cmd/web differs from Git and is not corrected: spec.replicas 1 in Git, 2 live, by kubectl")
	s.plumbs(1, "status", "cmd", "--exit-code")
	s.says(s.plumbs(0, "why", "cmd").stdout, "spec.replicas", "kubectl")
	s.plumbs(0, "sync", "cmd", "--timeout", "2m")
	s.is("cmd", "ok", "Healthy")
	if err := s.equals("Deployment/cmd/web", "spec.replicas", 1); err != nil {
		t.Error(err)
	}

	s.plumbs(0, "pause", "cmd", "--reason", "black friday")
	status := s.is("cmd", "paused", "Paused")
	s.says(status.Summary, "black friday")
	second := s.commit("while it is paused", files{"apps/cmd/a.yaml": deployment("web", 1, "registry.example/web:2")})
	s.decided(second)
	s.plumbs(8, "wait", second, "--repo", "cmd", "--timeout", "1s")
	s.plumbs(0, "resume", "cmd")
	s.plumbs(0, "wait", second, "--repo", "cmd", "--timeout", "2m")

	third := s.commit("broken", files{"apps/cmd/a.yaml": deployment("web", 1, "registry.example/web:3") + " x: [\n"})
	s.says(s.plumbs(3, "wait", third, "--repo", "cmd", "--timeout", "2m").stderr, "apps/cmd/a.yaml:")
	s.says(s.plumbs(0, "why", "cmd").stdout, "apps/cmd/a.yaml:")
	r := s.plumbs(0, "status", "cmd", "-o", "json")
	var answer struct {
		Agent struct{ Fresh bool }
		Apps  []struct{ Address, State string }
	}
	if err := json.Unmarshal([]byte(r.stdout), &answer); err != nil || !answer.Agent.Fresh || len(answer.Apps) != 1 || answer.Apps[0].State != "failed" {
		t.Errorf("status -o json is %+v, %v: %s", answer, err, r.stdout)
	}
}

// What a commit deletes and may not, the commands tell with the line that allows it.
func TestCommandsTellOfHeldDeletions(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "cmdheld")
	s.ok("cmdheld", s.commit("data", files{"apps/cmdheld/a.yaml": documentsOf(configMap("stays", "a", "1"), claim("data"))}))
	s.commit("no data", files{"apps/cmdheld/a.yaml": configMap("stays", "a", "1")})
	s.is("cmdheld", "waiting", "DeletionHeld")
	said := s.plumbs(0, "why", "cmdheld").stdout
	s.says(said, "PersistentVolumeClaim/cmdheld/data", "Plumb-Allow-Delete: cmdheld")

	// The line that is shown, as it is shown, works.
	for line := range strings.Lines(said) {
		if _, consent, ok := strings.Cut(line, "Plumb-Allow-Delete:"); ok {
			s.commit("as told\n\nPlumb-Allow-Delete:"+strings.TrimRight(consent, "\"' \n"), nil)
			s.is("cmdheld", "ok", "Healthy")
			s.absent("PersistentVolumeClaim/cmdheld/data")
			return
		}
	}
}
