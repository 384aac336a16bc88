package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/server"
)

// viewers has whoever has the page's token look at objects that do not exist either.
type viewers struct{ server.People }

func (p viewers) Of(r *http.Request) (server.Person, bool) {
	person, ok := p.People.Of(r)
	return viewer{person}, ok
}

// viewer is somebody who may read everything.
type viewer struct{ server.Person }

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
