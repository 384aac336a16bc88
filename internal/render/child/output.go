package child

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/render/wire"
)

// chunk is the size of an Objects frame, in bytes, at which it is sent.
const chunk = 256 << 10

// output is what a renderer found.
type output struct {
	objects []object.Object
	done    wire.Done
}

// send checks the objects and sends them; the trailer is left to the caller.
func (s *session) send(out *output) error {
	if err := s.check(out.objects); err != nil {
		return err
	}
	if len(out.objects) == 0 {
		s.warn(render.WarnEmpty, "the render gives no object", fault.Place{File: s.req.Path})
	}
	digest := sha256.New()
	var buffer bytes.Buffer
	flush := func() error {
		if buffer.Len() == 0 {
			return nil
		}
		buffer.WriteByte(']')
		digest.Write(buffer.Bytes())
		err := s.conn.Buffer(wire.TypeObjects, buffer.Bytes())
		buffer.Reset()
		return err
	}
	size := int64(0)
	for _, o := range out.objects {
		data := object.Canonical(o.Fields)
		size += int64(len(data))
		if err := s.within(o, int64(len(data)), size); err != nil {
			return err
		}
		separator := byte(',')
		if buffer.Len() == 0 {
			separator = '['
		}
		buffer.WriteByte(separator)
		buffer.WriteString(`{"place":`)
		buffer.Write(object.Canonical(o.Place))
		buffer.WriteString(`,"fields":`)
		buffer.Write(data)
		buffer.WriteByte('}')
		if buffer.Len() > chunk {
			if err := s.note(flush()); err != nil {
				return err
			}
		}
	}
	if err := s.note(flush()); err != nil {
		return err
	}
	out.done.Objects, out.done.Digest = len(out.objects), hex.EncodeToString(digest.Sum(nil))
	out.done.Warnings = s.warnings
	return nil
}

// note remembers that the conversation broke.
func (s *session) note(err error) error {
	if err != nil {
		s.broken = err
	}
	return err
}

// within checks the limits on size.
func (s *session) within(o object.Object, one, all int64) error {
	switch limits := s.req.Limits; {
	case one > limits.Object:
		return fault.New(fault.RenderLimit, "%s is larger than %d KiB", o.ID(), limits.Object>>10).At(o.Place).WithCode(render.CodeObject)
	case all > limits.Output:
		return fault.New(fault.RenderLimit, "the objects are larger than %d MiB", limits.Output>>20).WithCode(render.CodeOutput)
	}
	return nil
}

// check demands of each object what makes it one, and that each is written once.
func (s *session) check(objects []object.Object) error {
	if len(objects) > s.req.Limits.Objects {
		return fault.New(fault.RenderLimit, "there are %d objects, more than %d", len(objects), s.req.Limits.Objects).WithCode(render.CodeObjects)
	}
	seen := make(map[object.ID]object.Object, len(objects))
	for _, o := range objects {
		if err := wellFormed(o); err != nil {
			return err
		}
		if o.Name() == "" {
			continue // a hook, which gets a name of its own in each phase of each revision
		}
		if first, twice := seen[o.ID()]; twice {
			return fault.New(fault.DuplicateObject, "%s is written twice, first in %s", o.ID(), orUnknown(first.Place)).At(o.Place).
				WithNext("remove one of them")
		}
		seen[o.ID()] = o
	}
	return nil
}

func orUnknown(p fault.Place) string {
	if s := p.String(); s != "" {
		return s
	}
	return "another file"
}

// wellFormed tells whether the fields are those of an object.
func wellFormed(o object.Object) error {
	invalid := func(format string, args ...any) *fault.Fault {
		return fault.New(fault.InvalidObject, format, args...).At(o.Place)
	}
	metadata, isMap := o.Fields["metadata"].(map[string]any)
	switch generateName, _ := metadata["generateName"].(string); {
	case o.APIVersion() == "" || o.Kind() == "":
		return invalid("%s has no %s", unnamed(o), missing(o)).WithNext("a file that is not a manifest can be left out with `plain: {exclude: […]}` in plumb.yaml")
	case !isMap:
		return invalid("this %s has no metadata", o.Kind())
	case o.Name() == "" && generateName != "":
		if marks, _, err := object.MarksOf(o); err == nil && (marks.Hook || marks.Skip) {
			return nil
		}
		return invalid("this %s has generateName %q instead of a name, so each apply would make another one", o.Kind(), generateName).
			WithCode(render.CodeNoName).WithNext("give it a name, or make it a hook")
	case o.Name() == "":
		return invalid("this %s has no metadata.name", o.Kind()).WithCode(render.CodeNoName)
	}
	return nil
}

func missing(o object.Object) string {
	switch {
	case o.APIVersion() != "":
		return "kind"
	case o.Kind() != "":
		return "apiVersion"
	}
	return "apiVersion and no kind"
}

func unnamed(o object.Object) string {
	if kind := o.Kind(); kind != "" {
		return fmt.Sprintf("this %s", kind)
	}
	return "this document"
}
