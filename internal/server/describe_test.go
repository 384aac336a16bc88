package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// document is where the OpenAPI document stands for people and for the page's client, which is generated from it.
const document = "../../docs/reference/openapi.json"

// The document in docs is the one that is served. UPDATE=1 writes it.
func TestTheDocumentIsTheOneThatIsServed(t *testing.T) {
	c := config(fleet())
	served := []byte(body(t, do(t, New(c), call{method: "GET", path: apiPath + "/openapi.json"})))
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(document, served, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, served) {
		t.Errorf("%s is not what is served: UPDATE=1 go test ./internal/server -run %s", document, t.Name())
	}
}

// reference is what people read about the API; it has a table of all operations.
const reference = "../../docs/reference/api.md"

func TestTheTableOfOperations(t *testing.T) {
	s := newServer(config(fleet()))
	table := s.routes()
	s.handler(table)
	var want strings.Builder
	want.WriteString("| Route | Answers | Needs |\n|---|---|---|\n")
	for _, r := range table {
		if r.op != nil {
			fmt.Fprintf(&want, "| `%s %s` | %s | %s |\n", r.method, strings.ReplaceAll(strings.TrimPrefix(r.pattern, apiPath), "/apps/{namespace}/{name}", "/apps/{app}"), r.op.summary, needed(r.need))
		}
	}
	const first, last = "<!-- operations: written by UPDATE=1 go test ./internal/server -->\n", "<!-- end of operations -->\n"
	page, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), first)
	kept, after, ended := strings.Cut(rest, last)
	if !found || !ended {
		t.Fatalf("%s has no place for the operations", reference)
	}
	if os.Getenv("UPDATE") != "" {
		kept = want.String()
		if err := os.WriteFile(reference, []byte(before+first+kept+last+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if kept != want.String() {
		t.Errorf("the table of %s is not that of the routes: UPDATE=1 go test ./internal/server -run %s", reference, t.Name())
	}
}

// needed says in words what a route needs.
func needed(n need) string {
	words := map[access]string{anyone: "nothing", member: "a login", seesApp: "to see the namespace's Apps", machine: "the agent's token"}[n.access]
	if n.right.Verb != "" {
		words += fmt.Sprintf("; `%s %s`", n.right.Verb, n.right.Resource)
	}
	return words
}

// Every route of the API is in the document, but for the few that programs of before use, and every operation is a route.
func TestEveryRouteIsDescribed(t *testing.T) {
	s := newServer(config(fleet()))
	table := s.routes()
	s.handler(table)
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct{ OperationID, Summary string }
	}
	if err := json.Unmarshal(s.openapi, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("OpenAPI %q", doc.OpenAPI)
	}
	apart := map[string]bool{"/openapi.json": true, "/ancestor": true}
	described := 0
	for _, r := range table {
		path, ok := strings.CutPrefix(r.pattern, apiPath)
		if !ok || apart[path] {
			continue
		}
		about, ok := doc.Paths[path][strings.ToLower(r.method)]
		if !ok || about.OperationID == "" || about.Summary == "" {
			t.Errorf("%s %s is not described", r.method, r.pattern)
		}
		described++
	}
	for _, methods := range doc.Paths {
		described -= len(methods)
	}
	if described != 0 {
		t.Errorf("the document has %d operations that are no routes", -described)
	}
}
