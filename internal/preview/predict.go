package preview

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// predict asks the API server what it would make of every object of every side: once for each that differs.
func (p *Previewer) predict(ctx context.Context, s *sight, sides [3]side) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(requests)
	asked := map[string]bool{}
	for _, side := range sides {
		for id, o := range side.objects {
			if key := question(o); !asked[key] && (side.steps[id].Action != plan.Refuse || s.hidden[id]) {
				asked[key] = true
				group.Go(func() error { return p.ask(ctx, s, id, o) })
			}
		}
	}
	return group.Wait()
}

// question names what is asked about an object.
func question(o object.Object) string { return o.ID().String() + " " + o.ID().Group + " " + o.Digest() }

func (p *Previewer) ask(ctx context.Context, s *sight, id object.ID, o object.Object) error {
	if s.hidden[id] {
		return s.put(o, answer{object: o, local: true}, "you have no right to read")
	}
	made, err := p.Eyes.DryRun(ctx, o, s.manager)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return s.put(o, answer{object: made}, "")
	case fault.Is(err, fault.Forbidden):
		return s.put(o, answer{object: o, local: true}, "you have no right to patch")
	case cluster.IsNoDryRun(err):
		return s.put(o, answer{object: o, local: true}, "an admission webhook refuses dry runs")
	case cluster.IsNoNamespace(err, id):
		return s.put(o, answer{object: o, local: true}, "the namespace does not exist yet")
	case cluster.IsUnserved(err):
		return s.put(o, answer{object: o, local: true}, "the kind is not served yet")
	case answered(err):
		return s.put(o, answer{object: o, local: true, err: err}, "")
	}
	return err
}

// answered tells whether it was the API server that said no: it would say so to the agent too.
func answered(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status)
}

func (s *sight) put(o object.Object, a answer, aside string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[question(o)] = a
	if aside != "" && !s.aside[o.ID()] {
		s.aside[o.ID()] = true
		s.asides[aside]++
	}
	return nil
}

// notes says which objects the API server was not asked about.
func (s *sight) notes() []string {
	var notes []string
	for _, why := range slices.Sorted(maps.Keys(s.asides)) {
		what := "1 object is"
		if n := s.asides[why]; n > 1 {
			what = fmt.Sprintf("%d objects are", n)
		}
		notes = append(notes, what+" compared as rendered, without the API server's defaults: "+why)
	}
	return notes
}
