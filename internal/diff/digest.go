package diff

import (
	"bytes"
	"slices"

	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/redact"
)

// Digest names what changes from the objects before to the objects after: "" if nothing does, else the same text for the
// same changes, whatever the order of the objects and whatever else the objects hold. Two commits that change the same
// fields from and to the same values have one digest, also if somebody else changed other fields in between.
//
// The objects are as rendered: nothing of a cluster is in it. Values of Secrets are not in it either, only that they
// changed, so that a digest that is told betrays none.
func Digest(before, after []object.Object) string {
	was, is := byIdentity(before), byIdentity(after)
	var lines [][]byte
	say := func(id object.ID, what string, values ...any) {
		lines = append(lines, object.Canonical(append([]any{id.Group, id.Kind, id.Namespace, id.Name, what}, values...)))
	}
	for id, list := range is {
		for i, o := range list {
			switch {
			case i >= len(was[id]):
				say(id, "added", redact.Object(Bare(o)).Digest())
				continue
			case bytes.Equal(was[id][i].JSON(), o.JSON()):
				continue
			}
			for _, f := range Fields(Bare(was[id][i]), Bare(o)) {
				say(id, f.Kind, f.Field, f.From, f.To)
			}
		}
	}
	for id, list := range was {
		for range list[min(len(list), len(is[id])):] {
			say(id, "deleted")
		}
	}
	if len(lines) == 0 {
		return ""
	}
	slices.SortFunc(lines, bytes.Compare)
	return object.DigestBytes(append([]byte("changes 1\n"), bytes.Join(lines, []byte("\n"))...))
}

// byIdentity lists the objects of each identity: several only where the API server is to make the names (generateName).
func byIdentity(objects []object.Object) map[object.ID][]object.Object {
	out := map[object.ID][]object.Object{}
	for _, o := range objects {
		out[o.ID()] = append(out[o.ID()], o)
	}
	for _, list := range out {
		slices.SortStableFunc(list, func(a, b object.Object) int { return bytes.Compare(redact.Object(a).JSON(), redact.Object(b).JSON()) })
	}
	return out
}
