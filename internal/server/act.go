package server

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
)

// What a person may do to an app.
const (
	DoSync    = "sync"
	DoRestore = "restore"
	DoPause   = "pause"
	DoResume  = "resume"
	DoRetry   = "retry"
	DoRevert  = "revert"
)

// Action is what a person asks for.
type Action struct {
	Do     string
	Reason string    // of a pause: needed; of a revert: may be left out
	Until  time.Time // of a pause; zero: until somebody resumes
	To     string    // of a revert: the commit to go back to; "" is the last revision that was ok
}

// Actor is a person who acts. What they ask for is written to the App as them, so that Kubernetes judges it.
type Actor interface {
	// Can tells for each action, and for logs, events and entries, whether the person may do it now; if not, why.
	Can(ctx context.Context, app *v1alpha1.App) map[string]Can
	// Do asks for an action.
	Do(ctx context.Context, app *v1alpha1.App, action Action) (Asked, error)
}

// onApp is a verb on the App of the address.
func onApp(verb string) Right { return Right{Verb: verb, Resource: "apps"} }

// nothingMore is asked with an action that has no settings.
type nothingMore struct{ AppName }

func (nothingMore) fill(*Action) {}

// pauseMore is how a pause is asked for.
type pauseMore struct {
	AppName
	Body struct {
		Reason string     `json:"reason" minLength:"1" maxLength:"1024" doc:"Why: everybody sees it"`
		Until  *time.Time `json:"until,omitempty" doc:"When it ends by itself; absent: when somebody resumes"`
	}
}

func (p pauseMore) fill(a *Action) {
	a.Reason = p.Body.Reason
	if p.Body.Until != nil {
		a.Until = *p.Body.Until
	}
}

// revertMore is how a revert is asked for.
type revertMore struct {
	AppName
	Body struct {
		To     string `json:"to,omitempty" pattern:"^([0-9a-f]{40})?$" doc:"The commit to go back to, in full; absent: the last revision that was ok"`
		Reason string `json:"reason,omitempty" maxLength:"1024"`
	}
}

func (r revertMore) fill(a *Action) { a.To, a.Reason = r.Body.To, r.Body.Reason }

// asks is what an action is asked with.
type asks interface {
	app() (namespace, name string)
	fill(*Action)
}

func (a AppName) app() (namespace, name string) { return a.Namespace, a.Name }

// act gives what carries an action out.
func act[I asks](s *server, do string) func(context.Context, *I) (Asked, error) {
	return func(ctx context.Context, in *I) (Asked, error) {
		actor, app, err := whoActs(ctx, s, (*in).app)
		if err != nil {
			return Asked{}, err
		}
		action := Action{Do: do}
		(*in).fill(&action)
		return actor.Do(ctx, app, action)
	}
}

func whoActs(ctx context.Context, s *server, of func() (namespace, name string)) (Actor, *v1alpha1.App, error) {
	app, found := s.Reader.App(of())
	if !found {
		return nil, nil, noSuchApp()
	}
	actor, ok := asker(ctx).(Actor)
	if !ok {
		return nil, nil, fault.New(fault.Unsupported, "nobody acts through this agent").WithNext("plumb and kubectl do it too")
	}
	return actor, &app, nil
}

func logoutOperation() *operation {
	return &operation{"logout", "End the session", func(api huma.API, about huma.Operation) {
		about.Responses = map[string]*huma.Response{"204": {Description: "It is over"}}
		api.OpenAPI().AddOperation(&about)
	}}
}
