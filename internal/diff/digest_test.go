package diff

import (
	"slices"
	"strings"
	"testing"

	"plumb.dev/plumb/internal/object"
)

func manifests(t *testing.T, text string) []object.Object {
	t.Helper()
	objects, _, err := object.Parse([]byte(text), "f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// TestDigest: what makes two changes the same change.
func TestDigest(t *testing.T) {
	const a, b = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: '1', y: '1'}\n---\n", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {x: '1'}\n---\n"
	const secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {p: hunter1}\n---\n"
	x2 := strings.Replace(a, "x: '1'", "x: '2'", 1)
	own := Digest(manifests(t, a+b), manifests(t, x2+b))
	for _, row := range []struct {
		reason        string
		before, after string
		same          bool
	}{
		{"the same change", a + b, x2 + b, true},
		{"in another order", b + a, x2 + b, true},
		{"beside what somebody else changed in the same object", strings.Replace(a, "y: '1'", "y: '9'", 1) + b, strings.Replace(x2, "y: '1'", "y: '9'", 1) + b, true},
		{"beside other objects", a, x2, true},
		{"to another value", a + b, strings.Replace(a, "x: '1'", "x: '3'", 1) + b, false},
		{"from another value", strings.Replace(a, "x: '1'", "x: '0'", 1), x2, false},
		{"of another object", a + b, a + strings.Replace(b, "x: '1'", "x: '2'", 1), false},
		{"with one object more", a, x2 + b, false},
		{"with one object less", a + b, x2, false},
		{"none", a, a, false},
	} {
		got := Digest(manifests(t, row.before), manifests(t, row.after))
		if (got == own) != row.same {
			t.Errorf("%s: %s, and the change at hand has %s", row.reason, got, own)
		}
	}
	if got := Digest(manifests(t, a), manifests(t, a)); got != "" {
		t.Errorf("nothing changes, and has the digest %s", got)
	}
	other := func(value string) string { return strings.Replace(secret, "hunter1", value, 1) }
	if Digest(manifests(t, secret), manifests(t, other("hunter2"))) != Digest(manifests(t, secret), manifests(t, other("x"))) {
		t.Error("the digest tells one value of a Secret from another")
	}
	if Digest(manifests(t, secret), manifests(t, other("hunter2"))) == "" {
		t.Error("that a Secret changes is no change")
	}
	if Digest(nil, manifests(t, secret)) != Digest(nil, manifests(t, other("hunter2"))) {
		t.Error("the digest tells one new Secret from another")
	}
	unnamed := strings.Replace(a, "name: a", "generateName: a-", 1)
	if Digest(manifests(t, unnamed+strings.Replace(unnamed, "'1'", "'2'", 1)), manifests(t, strings.Replace(unnamed, "'1'", "'2'", 1)+unnamed)) != "" {
		t.Error("the order of objects without names is a change")
	}
	objects := manifests(t, a+b+secret)
	slices.Reverse(objects)
	if Digest(nil, objects) != Digest(nil, manifests(t, a+b+secret)) {
		t.Error("the order of objects is a change")
	}
}
