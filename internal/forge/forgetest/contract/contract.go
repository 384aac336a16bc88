// Package contract serves a forge's API as its vendor describes it: every operation is a row with its parameters, fields,
// types and status codes, and the place where the vendor publishes them.
//
// What a client asks is held against the row: a parameter or a field that is not described fails the test, a required one that
// is missing is refused as the vendor refuses it. So is what the handlers answer: a status code or a field that the row does
// not have, a field that it has and the answer has not, and a wrong type fail the test. The package never answers by itself
// but to refuse, and knows no vendor.
//
// Start at Operation and Serve.
package contract

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Operation is one operation of an API.
type Operation struct {
	Name    string         // of the handler
	Method  string         // GET
	Path    string         // /repos/{owner}/{repo}/pulls
	Source  string         // where the vendor describes it
	Query   []string       // parameters of the query
	Body    string         // fields of the body; "" is no body
	Bare    string         // the field that a body which is a bare list stands for, where the vendor takes one
	Answers map[int]string // by status code, fields of the answer; "" is no body
}

// Request is a request that keeps the contract so far.
type Request struct {
	*http.Request
	Body map[string]any
}

// Text gives a text of the body, "" if it is missing.
func (r Request) Text(field string) string {
	s, _ := r.Body[field].(string)
	return s
}

// Answer is what a handler says. Headers are added to it.
type Answer struct {
	Status int
	Body   any
	Header map[string]string
}

// Handler carries out an operation.
type Handler func(Request) Answer

// API is a description with its handlers.
type API struct {
	Prefix     string // of all paths: /api/v3
	Operations []Operation
	Handlers   map[string]Handler
	// Admit refuses who may not ask at all; nil admits.
	Admit func(Request) *Answer
	// Missing refuses a body that lacks a required field.
	Missing func(field string) Answer
}

// Server is a forge that keeps its contract, or fails the test.
type Server struct {
	URL string

	t       testing.TB
	api     API
	schemas map[string]*schema
	mu      sync.Mutex
	calls   []string
	before  []func(w http.ResponseWriter, r *http.Request) bool
}

// Serve starts a server; it ends with the test.
func Serve(t testing.TB, api API) *Server {
	t.Helper()
	s := &Server{t: t, api: api, schemas: map[string]*schema{}}
	mux := http.NewServeMux()
	for _, op := range api.Operations {
		handler, ok := api.Handlers[op.Name]
		if !ok {
			t.Fatalf("nobody carries out %s", op.Name)
		}
		for _, text := range append(slices.Collect(valuesOf(op.Answers)), op.Body) {
			s.schema(text)
		}
		mux.HandleFunc(op.Method+" "+api.Prefix+op.Path, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, op, handler) })
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s is not described", r.Method, r.URL.EscapedPath())
		http.Error(w, `{"message":"Not Found"}`, http.StatusNotFound)
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.interrupted(w, r) {
			mux.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

func valuesOf(m map[int]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, v := range m {
			if !yield(v) {
				return
			}
		}
	}
}

// Next has the next request that match accepts answered by f instead of by the forge.
func (s *Server) Next(match func(*http.Request) bool, f http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := false
	s.before = append(s.before, func(w http.ResponseWriter, r *http.Request) bool {
		if done || !match(r) {
			return false
		}
		done = true
		f(w, r)
		return true
	})
}

func (s *Server) interrupted(w http.ResponseWriter, r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, r.Method+" "+strings.TrimPrefix(r.URL.Path, s.api.Prefix))
	for _, f := range s.before {
		if f(w, r) {
			return true
		}
	}
	return false
}

// Page is the part of a list that a request asks for: the entries From up to To. Next is the number of the page after it, 0 if there
// is none.
type Page struct{ Number, Size, From, To, Next int }

// Page gives which part of a list of n is asked for by the parameters per_page (size if it is absent, 100 at most) and page.
func (r Request) Page(n, size int) Page {
	p := Page{Number: 1, Size: size}
	if asked, err := strconv.Atoi(r.URL.Query().Get("per_page")); err == nil {
		p.Size = min(asked, 100)
	}
	if asked, err := strconv.Atoi(r.URL.Query().Get("page")); err == nil {
		p.Number = max(asked, 1)
	}
	p.From, p.To = min((p.Number-1)*p.Size, n), min(p.Number*p.Size, n)
	if p.To < n {
		p.Next = p.Number + 1
	}
	return p
}

// Calls gives the requests since the last call of it.
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, op Operation, handler Handler) {
	for name := range r.URL.Query() {
		if !slices.Contains(op.Query, name) {
			s.t.Errorf("%s has no parameter %s (%s)", op.Name, name, op.Source)
		}
	}
	req := Request{Request: r, Body: map[string]any{}}
	answer, refused := s.read(&req, op)
	if s.api.Admit != nil {
		if no := s.api.Admit(req); no != nil {
			answer, refused = *no, true
		}
	}
	if !refused {
		answer = handler(req)
	}
	s.write(w, op, answer)
}

// read parses the body and refuses one that lacks something.
func (s *Server) read(r *Request, op Operation) (Answer, bool) {
	data, err := io.ReadAll(r.Request.Body)
	if err != nil || len(data) == 0 {
		return Answer{}, false
	}
	if op.Body == "" {
		s.t.Errorf("%s has no body (%s)", op.Name, op.Source)
	}
	if op.Bare != "" && data[0] == '[' {
		data = []byte(`{"` + op.Bare + `":` + string(data) + `}`)
	}
	if err := json.Unmarshal(data, &r.Body); err != nil {
		s.t.Errorf("%s: the body is no JSON object: %v", op.Name, err)
	}
	want := s.schema(op.Body)
	for name, value := range r.Body {
		field, ok := want.fields[name]
		if !ok {
			s.t.Errorf("%s has no field %s (%s)", op.Name, name, op.Source)
		} else if why := field.check(value); why != "" {
			s.t.Errorf("%s: the field %s of the body %s (%s)", op.Name, name, why, op.Source)
		}
	}
	for name, field := range want.fields {
		if v, ok := r.Body[name]; !field.optional && (!ok || v == nil) {
			return s.api.Missing(name), true
		}
	}
	return Answer{}, false
}

func (s *Server) write(w http.ResponseWriter, op Operation, answer Answer) {
	text, ok := op.Answers[answer.Status]
	if !ok {
		s.t.Errorf("%s does not answer %d (%s)", op.Name, answer.Status, op.Source)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	for name, value := range answer.Header {
		w.Header().Set(name, value)
	}
	if text == "" {
		w.WriteHeader(answer.Status)
		return
	}
	data, err := json.Marshal(answer.Body)
	if err != nil {
		s.t.Errorf("%s: %v", op.Name, err)
	}
	var plain any
	if err := json.Unmarshal(data, &plain); err != nil {
		s.t.Errorf("%s: %v", op.Name, err)
	}
	if why := s.schema(text).check(plain); why != "" {
		s.t.Errorf("%s answers %d with what %s (%s)", op.Name, answer.Status, why, op.Source)
	}
	w.WriteHeader(answer.Status)
	_, _ = w.Write(data)
}

func (s *Server) schema(text string) *schema {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.schemas[text] == nil {
		parsed, err := parse(text)
		if err != nil {
			panic(fmt.Sprintf("%q: %v", text, err))
		}
		s.schemas[text] = parsed
	}
	return s.schemas[text]
}
