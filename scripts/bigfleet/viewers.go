package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/board"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/server"
)

// viewers are whoever has the page's token, and nobody else. They look at objects that do not exist either.
type viewers struct{}

// Of knows nobody.
func (viewers) Of(*http.Request) (server.Person, bool) { return nil, false }

// Holder gives who has the page's token.
func (viewers) Holder(_ context.Context, until time.Time) server.Person { return viewer{until} }

// Doors has none.
func (viewers) Doors() server.Doors { return server.Doors{} }

// viewer is somebody who may read everything.
type viewer struct{ until time.Time }

// Who says that it is the holder of the token.
func (v viewer) Who() server.Who {
	return server.Who{Name: "the page's token", How: server.ByToken, Expires: v.until, Logout: !v.until.IsZero()}
}

// Sees sees everything.
func (viewer) Sees(context.Context) (board.Sight, error) { return board.Sight{All: true}, nil }

func (viewer) May(_ context.Context, rights []server.Right) ([]server.Verdict, error) {
	out := make([]server.Verdict, len(rights))
	for i := range out {
		out[i].OK = true
	}
	return out, nil
}

// The tree of every app: so many Deployments, each with one ReplicaSet and so many pods. It is 1,500 nodes.
const (
	deployments = 100
	podsOfEach  = 13
)

// Resources gives a tree of 1,500 nodes, of which some pods fail.
func (viewer) Resources(_ context.Context, app *v1alpha1.App, children bool) (server.Resources, error) {
	var out server.Resources
	namespace := app.Spec.App
	add := func(parent, group, kind, name, health, message string) string {
		key := group + "/" + kind + "/" + namespace + "/" + name
		out.Nodes = append(out.Nodes, server.Node{
			Key: key, Parent: parent, Group: group, Version: "v1", Kind: kind, Namespace: namespace, Name: name, Health: health, Message: message,
			Created: time.Now().Add(-time.Duration(len(out.Nodes)) * time.Minute).UTC(),
		})
		return key
	}
	for d := range deployments {
		name := fmt.Sprintf("part-%02d", d)
		owner := add("", "apps", "Deployment", name, string(v1alpha1.Healthy), "")
		if !children {
			continue
		}
		set := add(owner, "apps", "ReplicaSet", name+"-5f6d8c7b9", string(v1alpha1.Healthy), "")
		for pod := range podsOfEach {
			health, message := string(v1alpha1.Healthy), ""
			if (d*podsOfEach+pod)%97 == 0 {
				health, message = string(v1alpha1.Degraded), "CrashLoopBackOff: api exited with 137"
			}
			add(set, "", "Pod", fmt.Sprintf("%s-5f6d8c7b9-%05d", name, pod), health, message)
		}
	}
	return out, nil
}

// Object refuses: there is none.
func (viewer) Object(context.Context, *v1alpha1.App, server.ObjectRef) (server.ObjectView, error) {
	return server.ObjectView{}, fault.New(fault.Unsupported, "the objects of this fleet do not exist")
}

// Events gives none.
func (viewer) Events(context.Context, *v1alpha1.App) ([]server.LiveEvent, error) { return nil, nil }
