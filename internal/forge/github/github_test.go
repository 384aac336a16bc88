package github_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/forge"
	"plumb.dev/plumb/internal/forge/dial"
	"plumb.dev/plumb/internal/forge/forgetest/githubtest"
	"plumb.dev/plumb/internal/redact"
)

func open(t *testing.T, access forge.Access) forge.Forge {
	t.Helper()
	f, err := new(dial.Forges).Open(access)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func always(*http.Request) bool { return true }

func count(calls []string, prefix string) (n int) {
	for _, c := range calls {
		if strings.HasPrefix(c, prefix) {
			n++
		}
	}
	return n
}

// app installs a GitHub App whose tokens live for a while, and gives the access with its key.
func app(t *testing.T, hub *githubtest.Hub, tokenFor time.Duration) forge.Access {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	hub.Install(&key.PublicKey, tokenFor)
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	access := hub.Access()
	access.Token, access.App = redact.Secret{}, forge.App{ID: githubtest.AppClient, Key: redact.Hide(string(text))}
	return access
}

// A status with a text is one check run of the App: begun, told more, ended, and begun anew as another one.
func TestChecksOfAnApp(t *testing.T) {
	hub := githubtest.New(t)
	f := open(t, app(t, hub, time.Hour))
	commit := hub.Scene().Push("main", "", map[string]string{"a.yaml": "a: 1\n"})
	notes := slices.Repeat([]forge.LineNote{{Path: "apps/web/a.yaml", Line: 3, Failure: true, Message: "a field is unknown"}}, 60)
	for _, step := range []struct {
		state        forge.State
		runs         int
		status, ends string
	}{
		{forge.Pending, 1, "in_progress", ""}, {forge.Pending, 1, "in_progress", ""}, {forge.Failure, 1, "completed", "failure"},
		{forge.Pending, 2, "in_progress", ""}, {forge.Success, 2, "completed", "success"}, {forge.Canceled, 2, "completed", "success"},
		{forge.Pending, 3, "in_progress", ""}, {forge.Canceled, 3, "completed", "cancelled"}, {forge.Canceled, 3, "completed", "cancelled"},
	} {
		err := f.SetStatus(t.Context(), commit, forge.Status{Context: "plumb/plan", State: step.state, Description: "a sentence", Detail: &forge.Detail{Summary: strings.Repeat("ä", 70_000), Notes: notes}})
		if err != nil {
			t.Fatal(err)
		}
		runs := hub.Checks(commit)
		ends, _ := runs[0]["conclusion"].(string)
		output := runs[0]["output"].(map[string]any)
		if len(runs) != step.runs || runs[0]["status"] != step.status || ends != step.ends || output["title"] != "a sentence" || output["annotations_count"] != 50 {
			t.Errorf("after %s: %+v", step.state, runs)
		}
	}
	if is := hub.Scene().Shown(commit, "plumb/plan"); len(is) != 0 {
		t.Errorf("a status stands beside the check run: %+v", is)
	}
	if err := f.SetStatus(t.Context(), commit, forge.Status{Context: "plumb/deploy/prod", State: forge.Success, Description: "12 apps are ok"}); err != nil {
		t.Fatal(err)
	}
	if is := hub.Scene().Shown(commit, "plumb/deploy/prod"); len(is) != 1 {
		t.Error("a status without a text became a check run")
	}
}

// An App asks for no right that its installation has not, for one repository, and for a new token before the old one ends.
func TestTokenOfAnApp(t *testing.T) {
	for _, test := range []struct {
		reason   string
		tokenFor time.Duration
		want     int
	}{
		{"a token that lives on is used again", time.Hour, 1},
		{"one that ends within minutes is replaced", 4 * time.Minute, 3},
	} {
		hub := githubtest.New(t)
		f := open(t, app(t, hub, test.tokenFor))
		for range 3 {
			if _, err := f.Open(t.Context()); err != nil {
				t.Fatalf("%s: %v", test.reason, err)
			}
		}
		if n := count(hub.Calls(), "POST /app/installations/77/access_tokens"); n != test.want {
			t.Errorf("%s: %d tokens were made, want %d", test.reason, n, test.want)
		}
	}
}

// An App comments under its own name, and knows its comment again.
func TestCommentOfAnApp(t *testing.T) {
	hub := githubtest.New(t)
	f := open(t, app(t, hub, time.Hour))
	hub.Scene().Push("topic", "main", map[string]string{"a.yaml": "a: 1\n"})
	pull, err := f.Create(t.Context(), forge.Proposal{Head: "topic", Base: "main", Title: "t"})
	if err != nil {
		t.Fatal(err)
	}
	one, err := f.Say(t.Context(), pull.Number, forge.Note{Mark: "plan", Text: "one"})
	if err != nil {
		t.Fatal(err)
	}
	two, err := f.Say(t.Context(), pull.Number, forge.Note{Mark: "plan", Text: "two"})
	if err != nil || one.ID != two.ID || two.Author != "plumb-app[bot]" {
		t.Errorf("%+v, then %+v (%v)", one, two, err)
	}
}

func TestKeyOfAnApp(t *testing.T) {
	access := githubtest.New(t).Access()
	access.Token, access.App = redact.Secret{}, forge.App{ID: "1", Key: redact.Hide("-----BEGIN NONSENSE-----")}
	_, err := new(dial.Forges).Open(access)
	if !fault.Is(err, fault.CredentialsRefused) || strings.Contains(err.Error(), "NONSENSE") {
		t.Errorf("a key that is none: %v", err)
	}
	access.Kind = forge.Gitea
	if _, err := new(dial.Forges).Open(access); !fault.Is(err, fault.CredentialsRefused) {
		t.Errorf("an App of Gitea: %v", err)
	}
}

// A forge that wants to be left alone is not asked before the time it names, by anybody with that credential.
func TestLimits(t *testing.T) {
	reset := strconv.FormatInt(time.Now().Add(20*time.Minute).Unix(), 10)
	for _, test := range []struct {
		reason string
		status int
		header map[string]string
		body   string
		wait   time.Duration // about; 0: no limit
	}{
		{"secondary, with a time", 403, map[string]string{"Retry-After": "30"}, `{"message":"You have exceeded a secondary rate limit."}`, 30 * time.Second},
		{"secondary, without one", 403, nil, `{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}`, time.Minute},
		{"primary", 403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}, `{"message":"API rate limit exceeded"}`, 20 * time.Minute},
		{"too many requests", 429, map[string]string{"Retry-After": "5"}, `{}`, 5 * time.Second},
		{"too many requests, without a time", 429, nil, ``, time.Minute},
		{"a time far away is not believed", 429, map[string]string{"Retry-After": "999999999"}, ``, 2 * time.Hour},
		{"forbidden is no limit", 403, nil, `{"message":"Resource not accessible by integration"}`, 0},
		{"the last of an hour was good", 200, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}, `[]`, 20 * time.Minute},
	} {
		t.Run(test.reason, func(t *testing.T) {
			hub := githubtest.New(t)
			forges := new(dial.Forges)
			f, err := forges.Open(hub.Access())
			if err != nil {
				t.Fatal(err)
			}
			hub.Next(always, func(w http.ResponseWriter, _ *http.Request) {
				for name, value := range test.header {
					w.Header().Set(name, value)
				}
				w.WriteHeader(test.status)
				fmt.Fprint(w, test.body)
			})
			_, err = f.Open(t.Context())
			if test.status == 200 && err != nil {
				t.Fatal(err)
			}
			hub.Calls()
			beside, openErr := forges.Open(hub.Access())
			if openErr != nil {
				t.Fatal(openErr)
			}
			if test.wait == 0 {
				if !fault.Is(err, fault.CredentialsRefused) {
					t.Errorf("%v", err)
				}
				return
			}
			_, err = beside.Open(t.Context())
			until, limited := forge.RetryAt(err)
			var said *fault.Fault
			if !limited || !errors.As(err, &said) || said.Code != forge.CodeRateLimit || said.Next == "" || (time.Until(until)-test.wait).Abs() > 10*time.Second {
				t.Errorf("%v: until %s, want about %s", err, until, test.wait)
			}
			if calls := hub.Calls(); len(calls) != 0 {
				t.Errorf("it was asked: %v", calls)
			}
		})
	}
}

// What GitHub refuses has a reason and a next step, and is tried again by who asks, not here.
func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		status int
		body   string
		reason fault.Reason
		code   string
	}{
		{422, `{"message":"Validation Failed","errors":[{"resource":"Status","field":"description","code":"custom","message":"description is too long"}]}`, fault.ForgeFailed, forge.CodeInvalid},
		{403, `{"message":"Resource not accessible by personal access token"}`, fault.CredentialsRefused, forge.CodeRight},
		{404, `{"message":"Not Found"}`, fault.ForgeFailed, forge.CodeMissing},
		{502, `<html>bad gateway</html>`, fault.ForgeFailed, forge.CodeDown},
		{503, ``, fault.ForgeFailed, forge.CodeDown},
	} {
		hub := githubtest.New(t)
		f := open(t, hub.Access())
		hub.Next(always, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(test.status)
			fmt.Fprint(w, test.body)
		})
		err := f.SetStatus(t.Context(), hub.Scene().Push("main", "", nil), forge.Status{Context: "c", State: forge.Success})
		var said *fault.Fault
		if !errors.As(err, &said) || said.Reason != test.reason || said.Code != test.code || said.Next == "" {
			t.Errorf("%d: %v", test.status, err)
		}
		if test.status == 422 && !strings.Contains(err.Error(), "description is too long") {
			t.Errorf("GitHub's own words are lost: %v", err)
		}
		if calls := hub.Calls(); len(calls) != 1 {
			t.Errorf("%d: it was asked again: %v", test.status, calls)
		}
	}
	down := httptest.NewServer(nil)
	down.Close()
	access := githubtest.New(t).Access()
	access.URL = down.URL
	_, err := open(t, access).Open(t.Context())
	var said *fault.Fault
	if !errors.As(err, &said) || said.Code != forge.CodeDown {
		t.Errorf("a forge that is not there: %v", err)
	}
}

// A credential goes to no other host, and below no other path, wherever the forge leads.
func TestBoundToItsHost(t *testing.T) {
	asked := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	t.Cleanup(elsewhere.Close)
	for _, to := range []string{elsewhere.URL + "/api/v3/repos/acme/fleet/pulls", "/other/acme", "https://127.0.0.1/api/v3/x"} {
		hub := githubtest.New(t)
		hub.Next(always, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusTemporaryRedirect) })
		if _, err := open(t, hub.Access()).Open(t.Context()); !fault.Is(err, fault.UnsafeURL) {
			t.Errorf("to %s: %v", to, err)
		}
		hub.Next(always, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", fmt.Sprintf(`<%s?page=2>; rel="next"`, to))
			fmt.Fprint(w, `[]`)
		})
		if _, err := open(t, hub.Access()).Open(t.Context()); err != nil { // only the number of the next page is taken
			t.Errorf("a next page at %s: %v", to, err)
		}
	}
	if asked {
		t.Error("another host was asked")
	}
	hub := githubtest.New(t)
	hub.Next(always, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/api/v3/repos/acme/fleet/pulls", http.StatusMovedPermanently)
	})
	if err := open(t, hub.Access()).Label(t.Context(), 1, []string{"x"}, nil); err == nil {
		t.Error("a write became a read by a redirect, and was taken for done")
	}
	access := hub.Access()
	access.URL = "http://github.example.com"
	if _, err := new(dial.Forges).Open(access); !fault.Is(err, fault.UnsafeURL) {
		t.Errorf("a credential without encryption: %v", err)
	}
}

// An unchanged answer costs nothing of the limit.
func TestUnchangedAnswers(t *testing.T) {
	hub := githubtest.New(t)
	f := open(t, hub.Access())
	same := 0
	for i := range 3 {
		hub.Next(always, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"one"`)
			if r.Header.Get("If-None-Match") == `"one"` {
				same++
				w.WriteHeader(http.StatusNotModified)
				return
			}
			fmt.Fprint(w, `[{"number":7,"state":"open","title":"t"}]`)
		})
		if list, err := f.Open(t.Context()); err != nil || len(list) != 1 || list[0].Number != 7 {
			t.Errorf("round %d: %+v, %v", i, list, err)
		}
	}
	if same != 2 {
		t.Errorf("it was asked %d times whether anything changed", same)
	}
}

// A commit takes a thousand statuses of one context: what stands there is not written again.
func TestStatusIsWrittenOnce(t *testing.T) {
	hub := githubtest.New(t)
	f := open(t, hub.Access())
	commit := hub.Scene().Push("main", "", map[string]string{"a.yaml": "a: 1\n"})
	for _, state := range []forge.State{forge.Pending, forge.Pending, forge.Success, forge.Success, forge.Success} {
		if err := f.SetStatus(t.Context(), commit, forge.Status{Context: "plumb/plan", State: state, Description: "a sentence"}); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(hub.Calls(), "POST /repos/acme/fleet/statuses/"); n != 2 {
		t.Errorf("two statuses were written %d times", n)
	}
}

// GitHub gives 100 of a list at once, and a hundred pages of files at most.
func TestPages(t *testing.T) {
	hub := githubtest.New(t)
	files := map[string]string{}
	for i := range 250 {
		files[fmt.Sprintf("apps/a%03d/a.yaml", i)] = "a: 1\n"
	}
	f := open(t, hub.Access())
	hub.Scene().Push("topic", "main", files)
	pull, err := f.Create(t.Context(), forge.Proposal{Head: "topic", Base: "main", Title: "t"})
	if err != nil {
		t.Fatal(err)
	}
	got, all, err := f.Files(t.Context(), pull.Number)
	if err != nil || len(got) != 250 || !all {
		t.Errorf("%d files, all is %v, %v", len(got), all, err)
	}
}
