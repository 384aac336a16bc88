package server

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// An agent that stands by lives, is ready to take over, sends hooks to the active one as they came, and answers nothing else.
func TestStandby(t *testing.T) {
	var got string
	active := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.Method + " " + r.URL.Path + " " + r.Header.Get("X-Plumb-Signature-256") + " " + string(body)
		w.WriteHeader(http.StatusAccepted)
	}))
	defer active.Close()
	var s Switch
	ask := func(method, path string, header ...string) int {
		r := httptest.NewRequest(method, path, strings.NewReader("{}"))
		r.Header.Set("X-Plumb-Signature-256", "signed")
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Code
	}
	for _, row := range []struct {
		reason, method, path string
		want                 int
	}{
		{"it lives from the start", "GET", "/healthz", 200},
		{"nobody is known to be active yet", "GET", "/readyz", 503},
		{"nobody takes hooks yet", "POST", "/hooks/plumb-system/fleet", 503},
	} {
		if code := ask(row.method, row.path); code != row.want {
			t.Errorf("%s: %d", row.reason, code)
		}
	}
	s.Standby("other", strings.TrimPrefix(active.URL, "http://"))
	for _, row := range []struct {
		reason, method, path string
		want                 int
	}{
		{"it stands by", "GET", "/readyz", 200},
		{"the page is elsewhere", "GET", "/", 503},
		{"so are the metrics", "GET", "/metrics", 503},
		{"a hook is sent on", "POST", "/hooks/plumb-system/fleet", 202},
		{"a hook by GET is none", "GET", "/hooks/plumb-system/fleet", 503},
	} {
		if code := ask(row.method, row.path); code != row.want {
			t.Errorf("%s: %d", row.reason, code)
		}
	}
	if want := "POST /hooks/plumb-system/fleet signed {}"; got != want {
		t.Errorf("the active agent got %q, want %q", got, want)
	}
	if code := ask("POST", "/hooks/plumb-system/fleet", relayed, "1"); code != 503 {
		t.Errorf("a hook is sent on twice: %d", code)
	}
	active.Close()
	if code := ask("POST", "/hooks/plumb-system/fleet"); code != 503 {
		t.Errorf("the active agent is gone, and the hook gets %d", code)
	}
	s.Active(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	if code := ask("GET", "/"); code != http.StatusTeapot {
		t.Errorf("active it answers %d", code)
	}
}

func TestListenBeyondLoopbackOnPurposeOnly(t *testing.T) {
	if l, err := Listen("0.0.0.0:0", false); err == nil {
		l.Close()
		t.Error("it listens to everybody without being told to")
	}
	l, err := Listen("0.0.0.0:0", true)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}
