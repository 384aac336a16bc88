package people

import (
	"context"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/server"
)

// Limits of what is asked about rights.
const (
	rightsFor   = 30 * time.Second // how long an answer holds
	rightsKept  = 4096             // answers per person
	rightsAtOne = 8                // questions at once, per person
)

// The words of rights are those of the table of routes.
type (
	// Right is one verb on one kind of object.
	Right = server.Right
	// Verdict is whether a person has a right; if not, why, in words that say who has to grant what.
	Verdict = server.Verdict
)

// resourceOf gives the resource of a right as people write it: pods/log, apps.plumb.dev.
func resourceOf(r Right) string {
	name := r.Resource
	if r.Group != "" {
		name += "." + r.Group
	}
	if r.Subresource != "" {
		name += "/" + r.Subresource
	}
	return name
}

// textOf says what a right is: "the verb sync on apps.plumb.dev in team-pay".
func textOf(r Right) string {
	where := " in all namespaces"
	if r.Namespace != "" {
		where = " in " + r.Namespace
	}
	return "the verb " + r.Verb + " on " + resourceOf(r) + where
}

// rights asks the API server, as the person, what the person may. Answers hold for rightsFor.
type rights struct {
	who   string // as the words name the person
	ask   func(context.Context, Right) (allowed bool, said string, err error)
	now   func() time.Time
	slots chan struct{}

	mu    sync.Mutex
	known map[Right]answer
}

type answer struct {
	verdict Verdict
	at      time.Time
}

func newRights(who string, now func() time.Time, ask func(context.Context, Right) (bool, string, error)) *rights {
	return &rights{who: who, ask: ask, now: now, slots: make(chan struct{}, rightsAtOne), known: map[Right]answer{}}
}

// may gives a verdict on each right, in their order. What cannot be asked is denied, with an error, and asked again the next time.
func (r *rights) may(ctx context.Context, all ...Right) ([]Verdict, error) {
	verdicts := make([]Verdict, len(all))
	var group errgroup.Group
	for i, right := range all {
		if v, ok := r.remembered(right); ok {
			verdicts[i] = v
			continue
		}
		group.Go(func() (err error) {
			verdicts[i], err = r.judge(ctx, right)
			return err
		})
	}
	return verdicts, group.Wait()
}

func (r *rights) remembered(right Right) (Verdict, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known, ok := r.known[right]
	return known.verdict, ok && r.now().Sub(known.at) < rightsFor
}

func (r *rights) judge(ctx context.Context, right Right) (Verdict, error) {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return unasked(r.who, right, ctx.Err())
	}
	if v, ok := r.remembered(right); ok { // somebody has asked meanwhile
		return v, nil
	}
	asked := r.now()
	allowed, said, err := r.ask(ctx, right)
	if err != nil {
		return unasked(r.who, right, err)
	}
	v := Verdict{OK: allowed}
	if !allowed {
		v.Why = lacking(r.who, right, said)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) >= rightsKept {
		clear(r.known) // they are asked again, those that are needed
	}
	r.known[right] = answer{verdict: v, at: asked}
	return v, nil
}

// unasked is the verdict where nobody knows: no.
func unasked(who string, right Right, err error) (Verdict, error) {
	f := fault.New(fault.Unreachable, "the API server does not say whether %s has %s: %w", who, textOf(right), err).WithNext("try again")
	if apierrors.IsUnauthorized(err) {
		f = fault.New(fault.CredentialsRefused, "the API server does not accept the login of %s any more: %w", who, err).WithNext("log in again")
	}
	return Verdict{Why: f.Message}, f
}

// lacking says that a right is missing, and who gives it.
func lacking(who string, right Right, said string) string {
	text := who + " has not " + textOf(right)
	if role := roleOf(right); role != "" {
		text += "; the ClusterRole " + role + " grants it"
	}
	if said = strings.TrimSpace(said); said != "" {
		text += " (" + said + ")"
	}
	return text
}

// roleOf names the role of an installation, or of Kubernetes, that grants a right; "" if none is made for that.
func roleOf(right Right) string {
	reads := right.Verb == "get" || right.Verb == "list" || right.Verb == "watch"
	switch {
	case right.Group == v1alpha1.GroupVersion.Group && reads:
		return "plumb-viewer"
	case right.Group == v1alpha1.GroupVersion.Group && (right.Verb == "patch" || right.Verb == "sync" || right.Verb == "pause" || right.Verb == "revert"):
		return "plumb-operator"
	case right.Resource == "secrets" && right.Group == "":
		return ""
	case reads && right.Namespace != "" && builtIn[right.Group]:
		return "view"
	}
	return ""
}

// builtIn are the API groups whose namespaced kinds Kubernetes' own role view covers.
var builtIn = map[string]bool{"": true, "apps": true, "batch": true, "autoscaling": true, "networking.k8s.io": true, "policy": true, "events.k8s.io": true}
