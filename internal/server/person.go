package server

import (
	"context"
	"net/http"
	"time"

	"plumb.dev/plumb/internal/board"
)

// People tells who sends a request. Package people has the one that the agent serves with; without one only the agent's token
// opens anything.
type People interface {
	// Of gives who sent a request; false if nobody may be believed to have.
	Of(r *http.Request) (Person, bool)
	// Doors are the ways in and out.
	Doors() Doors
}

// Person is somebody who sends requests.
type Person interface {
	Who() Who
	// May asks Kubernetes whether the person has rights: a verdict for each, in their order.
	May(ctx context.Context, rights []Right) ([]Verdict, error)
	// Sees gives the namespaces whose Apps the person may list.
	Sees(ctx context.Context) (board.Sight, error)
}

// Who says who a person is.
type Who struct {
	Name    string
	Groups  []string
	How     string    // token, kubeconfig or oidc
	Expires time.Time // of the session; zero is never
	Logout  bool      // there is a session that may be ended
}

// Ways to be somebody.
const (
	ByToken      = "token"
	ByKubeconfig = "kubeconfig"
	ByOIDC       = "oidc"
)

// Right is what Kubernetes' authorization is asked for. An empty namespace is all of them.
type Right struct {
	Verb, Group, Resource, Subresource, Namespace, Name string
}

// Verdict is Kubernetes' answer; Why is said to the person, and says who has to grant what.
type Verdict struct {
	OK  bool
	Why string
}

type personKey struct{}

// asker gives the person who sent the request. The table of routes lets nobody else through to a handler that asks.
func asker(ctx context.Context) Person {
	p, _ := ctx.Value(personKey{}).(Person)
	return p
}

// sees gives what the person who asks may see; nobody sees nothing.
func sees(ctx context.Context) (board.Sight, error) {
	p := asker(ctx)
	if p == nil {
		return board.Sight{}, nil
	}
	return p.Sees(ctx)
}
