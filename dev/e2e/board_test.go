package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// answered asks the agent's API with its token.
func (s *scenario) answered(path string, to any) {
	s.Helper()
	resp := s.streams(s.Context(), path)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		s.Fatalf("GET %s: %s", path, resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(to); err != nil {
		s.Fatalf("GET %s: %v", path, err)
	}
}

func (s *scenario) streams(ctx context.Context, path string) *http.Response {
	s.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.listen+api+path, nil)
	if err != nil {
		s.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	return resp
}

// streamed reads a stream until an event of a kind has what is asked for.
func (s *scenario) streamed(from *bufio.Reader, kind string, has func(data string) bool) {
	s.Helper()
	name, last := "", ""
	for {
		line, err := from.ReadString('\n')
		if err != nil {
			s.Fatalf("the stream ended before %s: %v; its last event was %s %.300s", kind, err, name, last)
		}
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "event: "); ok {
			name = value
		}
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "data: "); ok {
			if last = value; name == kind && has(value) {
				return
			}
		}
	}
}

// answers asks until an answer has what is wanted.
func answers[T any](s *scenario, path string, want func(T) error) {
	s.Helper()
	err := eventually(limit, func() error {
		var answer T
		s.answered(path, &answer)
		return want(answer)
	})
	if err != nil {
		s.Fatalf("GET %s: %v", path, err)
	}
}

// position is where a snapshot ends.
type position struct {
	Stream string
	Seq    uint64
	N      int
}

// commits is what the tests read of the list of changes.
type commits struct {
	Items []struct {
		ID, Subject, Author, State string
		Targets                    []struct {
			ID, State string
			Took      float64
		}
	}
}

// has tells whether a commit is there with its subject and author, and what became of it in an app.
func (c commits) has(id, subject, app string) error {
	for _, change := range c.Items {
		if change.ID != id {
			continue
		}
		for _, t := range change.Targets {
			if t.ID == system+"/"+app && t.State == "ok" && t.Took > 0 && change.Subject == subject && change.Author != "" {
				return nil
			}
		}
		return fmt.Errorf("the commit is told as %+v", change)
	}
	return fmt.Errorf("%s is not among %d commits", id, len(c.Items))
}

// What happens in Git and in the cluster comes by itself to whoever reads the page, and what a life of the agent knew of commits
// the next one knows.
func TestThePageIsTold(t *testing.T) {
	s := newScenario(t, lives(t), "told")
	first := s.commit("told: begin", files{"apps/told/all.yaml": documentsOf(deployment("web", 2, "registry.example/web:1"), configMap("settings", "colour", "blue"))})
	s.ok("told", first)

	var at position
	s.answered("/fleet", &at)
	bounded, end := context.WithTimeout(s.Context(), 2*limit)
	defer end()
	resp := s.streams(bounded, fmt.Sprintf("/stream?since=%s-%d", at.Stream, at.Seq))
	defer resp.Body.Close()
	stream := bufio.NewReader(resp.Body)
	second := s.commit("told: green", files{"apps/told/all.yaml": documentsOf(deployment("web", 2, "registry.example/web:1"), configMap("settings", "colour", "green"))})
	s.streamed(stream, "apps", func(data string) bool {
		var told struct {
			Rows []struct {
				ID, State, Revision string
				Change              struct{ Subject string }
			}
		}
		if err := json.Unmarshal([]byte(data), &told); err != nil {
			s.Fatal(err)
		}
		for _, row := range told.Rows {
			if row.ID == system+"/told" && row.State == "ok" && row.Revision == second && row.Change.Subject == "told: green" {
				return true
			}
		}
		return false
	})

	s.scale("Deployment/told/web", "scaler", 5)
	type drifted struct {
		Groups []struct {
			Manager string
			Items   []struct{ App, Field, Git, Live string }
		}
	}
	answers(s, "/drift", func(d drifted) error {
		for _, g := range d.Groups {
			for _, item := range g.Items {
				if g.Manager == "scaler" && item.App == system+"/told" && item.Field == "spec.replicas" && item.Git == "2" && item.Live == "5" {
					return nil
				}
			}
		}
		return fmt.Errorf("the drift is told as %+v", d)
	})
	var changed struct {
		Objects []struct {
			Changes []struct {
				Object string
				Fields []struct{ Field, From, To string }
			}
		}
	}
	answers(s, "/changes/"+second, func(c struct{ State string }) error {
		s.answered("/changes/"+second, &changed)
		if len(changed.Objects) == 1 && len(changed.Objects[0].Changes) == 1 && changed.Objects[0].Changes[0].Object == "ConfigMap/told/settings" {
			return nil
		}
		return fmt.Errorf("the commit changed %+v", changed)
	})

	s.restarted()
	again := s.streams(bounded, fmt.Sprintf("/stream?since=%s-%d", at.Stream, at.Seq))
	defer again.Body.Close()
	s.streamed(bufio.NewReader(again.Body), "reset", func(string) bool { return true })
	for _, commit := range []struct{ id, subject string }{{first, "told: begin"}, {second, "told: green"}} {
		answers(s, "/changes?app=told", func(c commits) error { return c.has(commit.id, commit.subject, "told") })
	}
}
