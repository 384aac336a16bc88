package people

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"plumb.dev/plumb/internal/board"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/server"
)

// listing is a person who may list Apps in some namespaces; "" is all of them.
func listing(w *watch, how string, namespaces ...string) *Person {
	p := &Person{people: &People{now: w.now, options: Options{Namespaces: func() []string { return []string{"shop", "pay", "wiki"} }}}, name: "lena", how: how}
	p.rights = newRights(p.name, w.now, func(_ context.Context, right Right) (bool, string, error) {
		return right.Verb == "list" && right.Resource == "apps" && slices.Contains(namespaces, right.Namespace), "", nil
	})
	return p
}

func TestSees(t *testing.T) {
	for _, tt := range []struct {
		reason string
		how    string
		may    []string
		want   board.Sight
	}{
		{"who may list everywhere sees all", server.ByKubeconfig, []string{""}, board.Sight{All: true}},
		{"who may in some namespaces sees those that hold an App", server.ByOIDC, []string{"shop", "wiki", "elsewhere"}, board.Sight{Namespaces: map[string]bool{"shop": true, "wiki": true}}},
		{"who may nowhere sees nothing", server.ByOIDC, nil, board.Sight{Namespaces: map[string]bool{}}},
		{"who has the agent's token sees what the agent sees", server.ByToken, nil, board.Sight{All: true}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			v := &visitor{Person: listing(newWatch(), tt.how, tt.may...), alive: func() bool { return true }}
			got, err := v.Sees(t.Context())
			if err != nil || !got.Equal(tt.want) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// A request that began in a session, as a stream does, keeps it for as long as it asks, but no longer than a session or its token
// lasts; then it is nobody's.
func TestAStreamKeepsItsSession(t *testing.T) {
	for _, tt := range []struct {
		reason string
		token  time.Duration // how long it is good; 0 is not known
		asks   time.Duration // how often the stream asks
		lasts  time.Duration // how long the session does
	}{
		{"followed all day, for a shift", 0, 30 * time.Second, 12 * time.Hour},
		{"with a token that ends sooner, as long as that", 3 * time.Hour, 30 * time.Second, 3 * time.Hour},
		{"not asked about for an hour, an hour", 0, time.Hour, time.Hour},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			w := newWatch()
			p := newPage(t, func(o *Options) { o.Now = w.now })
			answer, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
			var ends time.Time
			if tt.token > 0 {
				ends = w.now().Add(tt.token)
			}
			p.admit(answer, r, listing(w, server.ByKubeconfig, ""), ends)
			r.AddCookie(answer.Result().Cookies()[0])
			person, ok := p.Of(r)
			if !ok {
				t.Fatal("nobody")
			}
			lasted := time.Duration(0)
			for ; lasted < 24*time.Hour; lasted += tt.asks {
				if _, err := person.Sees(t.Context()); err != nil {
					break
				}
				w.forward(tt.asks)
			}
			if lasted != tt.lasts {
				t.Errorf("it lasted %s", lasted)
			}
			if _, err := person.May(t.Context(), []Right{{Verb: "get"}}); !fault.Is(err, fault.CredentialsRefused) {
				t.Errorf("rights after that: %v", err)
			}
			if _, ok := p.Of(r); ok {
				t.Error("a request after that is somebody's")
			}
		})
	}
}
