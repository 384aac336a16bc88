package preview

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
)

// predict asks the API server what it would make of every object of every side: once for each that differs.
func (p *Previewer) predict(ctx context.Context, s *sight, sides ...side) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(requests)
	asked := map[string]bool{}
	for _, side := range sides {
		for id, o := range side.objects {
			if key := question(o); !asked[key] && (side.steps[id].Action != plan.Refuse || s.hidden[id]) {
				asked[key] = true
				group.Go(func() error { return p.ask(ctx, s, side, o) })
			}
		}
	}
	return group.Wait()
}

// question names what is asked about an object.
func question(o object.Object) string { return o.ID().String() + " " + o.ID().Group + " " + o.Digest() }

func (p *Previewer) ask(ctx context.Context, s *sight, of side, o object.Object) error {
	if s.hidden[o.ID()] {
		return s.put(o, answer{object: o, local: true}, p.who()+" no right to read")
	}
	step := of.steps[o.ID()]
	made, err := p.Eyes.DryRun(ctx, o, s.manager)
	if err == nil && step.First {
		made, err = p.without(ctx, s, step, made)
	}
	switch _, defined := p.definition(of, o); {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return s.put(o, answer{object: made}, "")
	case cluster.IsNoRight(err) && !p.Applies:
		return s.put(o, answer{object: o, local: true}, p.who()+" no right to patch")
	case cluster.IsNoDryRun(err):
		return p.bySchema(ctx, s, of, o, "an admission webhook refuses dry runs")
	case cluster.IsNoNamespace(err, o.ID()):
		return p.bySchema(ctx, s, of, o, "the namespace does not exist yet")
	case cluster.IsUnserved(err):
		return p.bySchema(ctx, s, of, o, "the kind is not served yet")
	case answered(err) && defined && !fault.Is(err, fault.Forbidden) && !fault.Is(err, fault.ImmutableField):
		return p.bySchema(ctx, s, of, o, "its definition comes with the same change")
	case answered(err):
		return s.put(o, answer{object: o, local: true, err: err}, "")
	}
	return err
}

// who begins the sentences about rights.
func (p *Previewer) who() string {
	if p.Applies {
		return "its ServiceAccount has"
	}
	return "you have"
}

// without takes out of an answer what an apply would leave and the takeover takes along: fields of those from whom the
// object is taken that Git does not have, and their marks. What then takes its default is asked for once more; whoever may
// not ask sees it without.
func (p *Previewer) without(ctx context.Context, s *sight, step plan.Step, made object.Object) (object.Object, error) {
	answer, err := metadataOf(made)
	if err != nil {
		return made, err
	}
	moved, _ := diff.Migrate(s.fields[step.ID], s.manager, step.Takes)
	paths := diff.Dropped(moved, answer.ManagedFields, s.manager, step.Takes)
	for _, m := range step.Sheds {
		paths = append(paths, m.Path())
	}
	less := made
	for _, path := range paths {
		if step.HandCount && path.String() == "spec.replicas" {
			continue // the number that runs is handed over
		}
		less = object.Remove(less, path)
	}
	if bytes.Equal(less.JSON(), made.JSON()) {
		return made, nil
	}
	asked, err := p.Eyes.DryReplace(ctx, less, s.manager)
	if err != nil {
		return less, ctx.Err()
	}
	return asked, nil
}

// answered tells whether it was the API server that said no: it would say so to the agent too.
func answered(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status)
}

// put keeps an answer; aside says why the API server could not be asked, "" if it was.
func (s *sight) put(o object.Object, a answer, aside string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[question(o)] = a
	if aside != "" && !s.aside[o.ID()] {
		s.aside[o.ID()] = true
		s.asides[why{aside, a.schema}]++
	}
	return nil
}

// notes says which objects the API server was not asked about.
func (s *sight) notes() []string {
	var notes []string
	for why, n := range s.asides {
		what := "1 object is"
		if n > 1 {
			what = fmt.Sprintf("%d objects are", n)
		}
		checked := ""
		if why.schema {
			checked = ", and checked against the schema of the kind and nothing else"
		}
		notes = append(notes, what+" compared as rendered, without the API server's defaults"+checked+": "+why.text)
	}
	slices.Sort(notes)
	return notes
}
