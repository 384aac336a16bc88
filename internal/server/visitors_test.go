package server

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/board"
	"plumb.dev/plumb/internal/fault"
)

// visitor is a person with the rights of a list, as "verb resource namespace".
type visitor struct {
	name   string
	sight  board.Sight
	rights []string
	done   *[]Action
	says   []string
	record []v1alpha1.Entry
}

func (v visitor) Who() Who { return Who{Name: v.name, How: ByKubeconfig, Logout: true} }

func (v visitor) May(_ context.Context, all []Right) ([]Verdict, error) {
	out := make([]Verdict, len(all))
	for i, r := range all {
		out[i] = Verdict{OK: slices.Contains(v.rights, r.Verb+" "+r.Resource+" "+r.Namespace), Why: v.name + " has not " + r.Verb + " on " + r.Resource}
	}
	return out, nil
}

func (v visitor) Sees(context.Context) (board.Sight, error) { return v.sight, nil }

func (v visitor) Can(context.Context, *v1alpha1.App) map[string]Can {
	return map[string]Can{DoSync: {Why: "no"}}
}

func (v visitor) Do(_ context.Context, _ *v1alpha1.App, a Action) (Asked, error) {
	*v.done = append(*v.done, a)
	return Asked{Accepted: true}, nil
}

func (v visitor) CanRevert(_ context.Context, app *v1alpha1.App, commit string) Can {
	return Can{OK: true, Does: "takes " + commit + " of " + app.Name + " back"}
}

func (v visitor) PreviewRevert(_ context.Context, app *v1alpha1.App, to string) (RevertPreview, error) {
	return RevertPreview{From: "now", To: to, Files: []string{app.Name}}, nil
}

func (v visitor) Resources(context.Context, *v1alpha1.App, bool) (Resources, error) {
	return Resources{Nodes: []Node{}}, nil
}

func (v visitor) Object(_ context.Context, _ *v1alpha1.App, ref ObjectRef) (ObjectView, error) {
	return ObjectView{Live: ref.Kind + "/" + ref.Namespace + "/" + ref.Name, Fields: []FieldDiff{}, Managers: []FieldManager{}}, nil
}

func (v visitor) Events(context.Context, *v1alpha1.App) ([]LiveEvent, error) { return nil, nil }

func (v visitor) History(context.Context, *v1alpha1.App) ([]v1alpha1.Entry, error) {
	return v.record, nil
}

func (v visitor) Logs(_ context.Context, _ *v1alpha1.App, q LogQuery, emit func(LogLine) error) error {
	if q.Pod == "gone" {
		return fault.New(fault.PathNotFound, "there is no such pod")
	}
	for _, text := range v.says {
		if err := emit(LogLine{Pod: "web", Text: text}); err != nil {
			return err
		}
	}
	if q.Pod == "broken" {
		return errors.New("it broke off")
	}
	return nil
}

// visitors are known by their names in a cookie.
type visitors map[string]visitor

func (v visitors) Of(r *http.Request) (Person, bool) {
	c, err := r.Cookie("who")
	if err != nil {
		return nil, false
	}
	person, ok := v[c.Value]
	return person, ok
}

func (v visitors) Holder(context.Context, time.Time) Person { return v["agent"] }

func (v visitors) Doors() Doors {
	return Doors{Login: func(_ context.Context, token string) (Login, error) {
		if token != "good" {
			return Login{}, fault.New(fault.CredentialsRefused, "no")
		}
		return Login{Name: "lena", Enter: func(w http.ResponseWriter, _ *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "who", Value: "lena", Path: "/"})
		}}, nil
	}}
}

func as(name string) http.Header { return http.Header{"Cookie": {"who=" + name}} }

// Every route that needs a right, by people with it, with another, with too little sight, and by nobody.
func TestRoutesNeedTheirRights(t *testing.T) {
	done := []Action{}
	all := board.Sight{All: true}
	c := config(fleet())
	people := visitors{"nobody": {name: "nobody", done: &done}, "viewer": {name: "viewer", sight: all, done: &done}}
	c.Visitors = people
	s := newServer(c)
	table := s.routes()
	handler := s.handler(table)
	fill := strings.NewReplacer("{namespace}", "plumb-system", "{name}", "cart-dev", "{number}", "7")
	found := 0
	for _, r := range table {
		if r.need.access != seesApp {
			continue
		}
		path := fill.Replace(r.pattern)
		one := func(who visitor) int {
			people["one"] = who
			text := ""
			if r.method == "POST" {
				text = `{"reason": "a reason"}`
			}
			header := ours(as("one"))
			header.Set("Content-Type", "application/json")
			if strings.HasSuffix(path, "/object") {
				return do(t, handler, call{method: r.method, path: path + "?kind=Deployment&name=web&namespace=shop", header: header}).StatusCode
			}
			if !strings.HasSuffix(path, "/pause") && !strings.HasSuffix(path, "/revert") {
				text = ""
			}
			return do(t, handler, call{method: r.method, path: path, body: text, header: header}).StatusCode
		}
		right := r.need.right.Verb + " " + r.need.right.Resource + " plumb-system"
		with := visitor{name: "one", sight: all, rights: []string{right}, done: &done}
		if got := one(with); got != http.StatusOK {
			t.Errorf("%s %s with its right: %d", r.method, path, got)
		}
		with.sight = board.Sight{Namespaces: map[string]bool{"shop": true}}
		if got := one(with); got != http.StatusNotFound {
			t.Errorf("%s %s with its right, of who sees another namespace only: %d", r.method, path, got)
		}
		if r.need.right.Verb == "" {
			continue
		}
		found++
		for _, rights := range [][]string{nil, {"get apps plumb-system"}, {r.need.right.Verb + " " + r.need.right.Resource + " shop"}} {
			if got := one(visitor{name: "one", sight: all, rights: rights, done: &done}); got != http.StatusForbidden {
				t.Errorf("%s %s with the rights %v: %d", r.method, path, rights, got)
			}
		}
	}
	if found < 10 || len(done) != 6 {
		t.Errorf("%d routes need a right, and %d actions were done", found, len(done))
	}
}

// A request that another site can have a browser send changes nothing.
func TestRequestsOfOtherSites(t *testing.T) {
	done := []Action{}
	c := config(fleet())
	c.Visitors = visitors{"lena": {name: "lena", sight: board.Sight{All: true}, rights: []string{"sync apps plumb-system"}, done: &done}}
	handler := New(c)
	for _, tt := range []struct {
		reason string
		header http.Header
		want   int
	}{
		{"of the page", http.Header{headerOfOurs: {"1"}, "Sec-Fetch-Site": {"same-origin"}, "Origin": {"http://example.com"}}, 200},
		{"of a program", http.Header{headerOfOurs: {"1"}}, 200},
		{"of a form of another site", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}, "Content-Type": {"text/plain"}}, 403},
		{"of a form in an old browser", http.Header{"Origin": {"https://evil.example"}}, 403},
		{"of a page without an origin", http.Header{"Origin": {"null"}, headerOfOurs: {"1"}}, 403},
		{"of another site with our header", http.Header{headerOfOurs: {"1"}, "Sec-Fetch-Site": {"cross-site"}}, 403},
		{"of another host of the same site", http.Header{headerOfOurs: {"1"}, "Sec-Fetch-Site": {"same-site"}}, 403},
		{"of another port", http.Header{headerOfOurs: {"1"}, "Origin": {"http://example.com:8080"}}, 403},
		{"without our header", http.Header{"Sec-Fetch-Site": {"same-origin"}}, 403},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			done = done[:0]
			header := as("lena")
			for k, v := range tt.header {
				header[k] = v
			}
			got := do(t, handler, call{method: "POST", path: apiPath + "/apps/plumb-system/cart-dev/sync", header: header})
			if got.StatusCode != tt.want || (len(done) == 1) != (tt.want == 200) {
				t.Errorf("%d, %d done: %s", got.StatusCode, len(done), body(t, got))
			}
		})
	}
}

func TestLogRoute(t *testing.T) {
	c := config(fleet())
	c.Visitors = visitors{"lena": {name: "lena", sight: board.Sight{All: true}, rights: []string{"get inventories plumb-system"}, says: []string{"one", "a\nb"}}}
	handler := New(c)
	for _, tt := range []struct {
		reason, query string
		status        int
		want          string
	}{
		{"lines, and the end", "", 200, "event: line\ndata: {\"pod\":\"web\",\"container\":\"\",\"text\":\"one\"}\n\nevent: line\ndata: {\"pod\":\"web\",\"container\":\"\",\"text\":\"a\\nb\"}\n\nevent: end\ndata: {}\n\n"},
		{"an end before all was said says why", "?pod=broken", 200, "event: end\ndata: {\"why\":\"it broke off\"}\n\n"},
		{"what is not there is no stream", "?pod=gone", 404, "there is no such pod"},
		{"what cannot be read is refused", "?tail=many", 400, "tail is a number"},
		{"more than anybody reads is refused", "?tail=5001", 400, "tail is a number"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, apiPath+"/apps/plumb-system/cart-dev/logs"+tt.query, nil)
			r.Header = as("lena")
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != tt.status || !strings.HasSuffix(w.Body.String(), tt.want) && !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}
