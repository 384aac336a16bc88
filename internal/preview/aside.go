package preview

import (
	"context"
	"strings"
	"sync"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/schema"
)

// What is done about an object of which the API server cannot be asked: it is checked against the schema of its kind, from
// the definition that the change brings, or from the API server's own description of its kinds.

// documents keeps the OpenAPI documents that were read for one look, by group and version.
type documents struct {
	mu   sync.Mutex
	read map[[2]string][]byte
}

// DefinitionsOf gives the definitions of kinds that come or change between two renders, by the kind that each defines.
func DefinitionsOf(before, after []object.Object) map[string]object.Object {
	old := map[object.ID]string{}
	for _, o := range before {
		if _, ok := schema.Defines(o); ok {
			old[o.ID()] = o.Digest()
		}
	}
	out := map[string]object.Object{}
	for _, o := range after {
		if kind, ok := schema.Defines(o); ok && old[o.ID()] != o.Digest() {
			out[kind.GroupKind()] = o
		}
	}
	return out
}

// definition gives the definition of an object's kind that the same change brings.
func (p *Previewer) definition(of side, o object.Object) (object.Object, bool) {
	kind := o.ID().GroupKind()
	if d, ok := of.definitions[kind]; ok {
		return d, true
	}
	d, ok := p.Definitions[kind]
	return d, ok
}

// namespaced tells whether objects of a kind have a namespace, also of kinds that another app's part of the change brings.
func (p *Previewer) namespaced(ctx context.Context) func(object.Object) bool {
	return func(o object.Object) bool {
		if d, ok := p.Definitions[o.ID().GroupKind()]; ok {
			scope, _ := object.Get(d, object.Fields("spec", "scope"))
			return scope != "Cluster"
		}
		return p.Namespaced(ctx, o)
	}
}

// bySchema answers for the API server as far as the schema of the kind goes. why says why it cannot be asked.
func (p *Previewer) bySchema(ctx context.Context, s *sight, of side, o object.Object, why string) error {
	known, ok := p.schemaOf(ctx, s, of, o)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if !ok {
		return s.put(o, answer{object: o, local: true}, why)
	}
	a := answer{object: o, local: true, schema: true}
	if problems := known.Check(o); len(problems) > 0 {
		a.err = fault.New(fault.Rejected, "%s: it does not fit the schema of its kind: %s", o.ID(), strings.Join(problems, "; ")).At(o.Place)
	}
	return s.put(o, a, why)
}

// schemaOf gives the schema of an object's kind; false if nobody has one.
func (p *Previewer) schemaOf(ctx context.Context, s *sight, of side, o object.Object) (*schema.Schema, bool) {
	if d, ok := p.definition(of, o); ok {
		return schema.OfDefinition(d, o.Version())
	}
	if p.Document == nil {
		return nil, false
	}
	s.schemas.mu.Lock()
	defer s.schemas.mu.Unlock()
	id := o.ID()
	key := [2]string{id.Group, o.Version()}
	document, read := s.schemas.read[key]
	if !read {
		var err error
		if document, err = p.Document(ctx, id.Group, o.Version()); err != nil {
			document = nil // without it the object is compared unchecked, which is said
		}
		if s.schemas.read == nil {
			s.schemas.read = map[[2]string][]byte{}
		}
		s.schemas.read[key] = document
	}
	if document == nil {
		return nil, false
	}
	known, ok, err := schema.OfDocument(document, id.Group, o.Version(), id.Kind)
	return known, ok && err == nil
}
