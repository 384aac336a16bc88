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

// A request that began in a session, as a stream does, is nobody's when that is over.
func TestASessionThatEndsEndsItsStreams(t *testing.T) {
	w := newWatch()
	p := newPage(t, func(o *Options) { o.Now = w.now })
	answer, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
	p.admit(answer, r, login{person: listing(w, server.ByKubeconfig, "")})
	r.AddCookie(answer.Result().Cookies()[0])
	person, ok := p.Of(r)
	if !ok {
		t.Fatal("nobody")
	}
	w.forward(50 * time.Minute)
	if _, err := person.Sees(t.Context()); err != nil {
		t.Errorf("within the hour: %v", err)
	}
	w.forward(10 * time.Minute) // what a stream asks is no use of the session
	if _, err := person.Sees(t.Context()); !fault.Is(err, fault.CredentialsRefused) {
		t.Errorf("after an hour without a request: %v", err)
	}
	if _, err := person.May(t.Context(), []Right{{Verb: "get"}}); !fault.Is(err, fault.CredentialsRefused) {
		t.Errorf("rights after that: %v", err)
	}
}
