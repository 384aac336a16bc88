package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"plumb.dev/plumb/internal/object"
)

func parse(t testing.TB, text string) object.Object {
	t.Helper()
	objects, _, err := object.Parse([]byte(text), "f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return objects[0]
}

const secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n"

func TestObject(t *testing.T) {
	for _, tt := range []struct{ reason, in, want string }{
		{"the values of a Secret, not its keys", secret + "type: Opaque\ndata: {a: eA==, b: eQ==}\nstringData: {c: z}\n",
			secret + "type: Opaque\ndata: {a: ‹redacted›, b: ‹redacted›}\nstringData: {c: ‹redacted›}\n"},
		{"a Secret whose data is no map", secret + "data: hunter2\n", secret + "data: ‹redacted›\n"},
		{"kubectl's copy of all fields, of any kind", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {kubectl.kubernetes.io/last-applied-configuration: '{}', x: z}}\n",
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {x: z}}\n"},
		{"another tool's copy of a Secret", secret[:len(secret)-len("{name: a}\n")] + "{name: a, annotations: {kapp.k14s.io/original: '{\"data\":{\"a\":\"eA==\"}}', note: mine}}\n",
			secret[:len(secret)-len("{name: a}\n")] + "{name: a, annotations: {kapp.k14s.io/original: ‹redacted›, note: mine}}\n"},
		{"a kind of another group that has the same name", "apiVersion: example.com/v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: b}\n", "apiVersion: example.com/v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: b}\n"},
		{"anything else stays", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: b}\n", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: b}\n"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			o := parse(t, tt.in)
			before := o.Digest()
			if diff := cmp.Diff(parse(t, tt.want).Fields, Object(o).Fields); diff != "" {
				t.Error(diff)
			}
			if o.Digest() != before {
				t.Error("the original was changed")
			}
		})
	}
}

func TestText(t *testing.T) {
	const value = `hunter2"pass/word`
	for _, tt := range []struct {
		reason, in, want string
		known            []Secret
	}{
		{"as it is", "Invalid value: " + value + ": bad", "Invalid value: ‹redacted›: bad", []Secret{Hide(value)}},
		{"as Go quotes it", fmt.Sprintf("Invalid value: %q", value), `Invalid value: "‹redacted›"`, []Secret{Hide(value)}},
		{"in base64", base64.StdEncoding.EncodeToString([]byte("abcdef")), Marker, []Secret{Hide("abcdef")}},
		{"a short value stands in ordinary words", "the cat sat", "the cat sat", []Secret{Hide("cat")}},
		{"of two values the longer first", "password1 password12", Marker + " " + Marker, []Secret{Hide("password1"), Hide("password12")}},
		{"a line of a value of several lines", "x BEGIN-KEY y", "x ‹redacted› y", []Secret{Hide("BEGIN-KEY\nabcdefg\nEND-KEY")}},
		{"nothing known", "anything", "anything", nil},
		{"an empty value", "anything", "anything", []Secret{Hide("")}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			if got := Text(tt.in, tt.known...); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestNeedles(t *testing.T) {
	needles := Needles(
		parse(t, secret+"data: {a: aHVudGVyMg==, b: 'not base64!'}\nstringData: {c: other-value}\n"),
		parse(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: public-value}\n"),
	)
	if got := Text("hunter2 / not base64! / other-value / public-value", needles...); got != "‹redacted› / ‹redacted› / ‹redacted› / public-value" {
		t.Error(got)
	}
}

// A Secret does not come out of any of the ways by which values come out of a process by mistake.
func TestSecretDoesNotPrint(t *testing.T) {
	s := Hide("hunter2")
	outer := struct {
		S Secret
		P *Secret
		L []Secret
		M map[string]Secret
	}{s, &s, []Secret{s}, map[string]Secret{"k": s}}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
		fmt.Fprintf(&out, verb+"\n", s)
		fmt.Fprintf(&out, verb+"\n", outer)
	}
	j, err := json.Marshal(outer)
	y, errY := yaml.Marshal(outer)
	if err != nil || errY != nil {
		t.Fatal(err, errY)
	}
	out.Write(append(j, y...))
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "s", s, "o", outer)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "s", s, "o", outer)
	fmt.Fprint(&out, s, outer, errors.New(s.String()), fmt.Errorf("%v %w", s, errors.New("x")))
	if strings.Contains(out.String(), "hunter") || strings.Contains(out.String(), "68756e746572") {
		t.Error(out.String())
	}
	if s.Reveal() != "hunter2" || s.IsZero() || !(Secret{}).IsZero() {
		t.Error("the value is lost")
	}
}

func TestHidden(t *testing.T) {
	secretID, configMapID := object.ID{Kind: "Secret", Name: "a"}, object.ID{Kind: "ConfigMap", Name: "a"}
	for _, tt := range []struct {
		reason string
		id     object.ID
		path   string
		want   bool
	}{
		{"data of a Secret", secretID, "data.a", true},
		{"all of it", secretID, "data", true},
		{"its text", secretID, "stringData.a", true},
		{"its type", secretID, "type", false},
		{"data of a ConfigMap", configMapID, "data.a", false},
		{"kubectl's copy", configMapID, `metadata.annotations["kubectl.kubernetes.io/last-applied-configuration"]`, true},
		{"another annotation", configMapID, "metadata.annotations.a", false},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			path, err := object.ParsePath(tt.path)
			if err != nil || Hidden(tt.id, path) != tt.want {
				t.Error(err)
			}
			if got := Value(tt.id, path, "v"); (got == Marker) != tt.want {
				t.Error(got)
			}
		})
	}
	entry := map[string]any{"kind": "User", "name": "ann"}
	for _, path := range []object.Path{{object.Field("subjects"), object.Item(object.Key{Name: "name", Value: "ann"})}, {object.Field("subjects"), object.Index(0)}} {
		if got := Value(object.ID{Group: "rbac.authorization.k8s.io", Kind: "RoleBinding", Name: "a"}, path, entry); fmt.Sprint(got) != fmt.Sprint(entry) {
			t.Errorf("the entry at %s of a list is %v", path, got)
		}
	}
	if got := Value(configMapID, object.Fields("metadata"), map[string]any{"annotations": map[string]any{lastApplied: "x", "a": "b"}}); fmt.Sprint(got) != "map[annotations:map[a:b]]" {
		t.Error(got)
	}
}

func TestShort(t *testing.T) {
	for _, tt := range []struct {
		in   any
		want string
	}{
		{nil, ""}, {"a\n b", "a b"}, {int64(3), "3"}, {true, "true"}, {map[string]any{"a": []any{"<"}}, `{"a":["<"]}`},
		{strings.Repeat("ä", 100), strings.Repeat("ä", 60) + "…"},
	} {
		if got := Short(tt.in); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// A value of a Secret that stands in another object is taken out before the text is cut: what is left of it would be no value.
func TestShortWithoutWhatIsKnown(t *testing.T) {
	f := NewFilter(Hide("correct-horse-battery"))
	for _, tt := range []struct {
		in   any
		want string
	}{
		{"correct-horse-battery", Marker}, {nil, ""}, {int64(3), "3"}, {"postgres://a:correct-horse-battery@db", "postgres://a:" + Marker + "@db"},
		{[]any{map[string]any{"name": "A", "value": "correct-horse-battery"}}, `[{"name":"A","value":"` + Marker + `"}]`},
		{strings.Repeat("x", maxShort-8) + "correct-horse-battery", strings.Repeat("x", maxShort-8) + "‹redac…"},
	} {
		if got := f.Short(tt.in); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

func TestTextNeverHoldsAValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringN(MinNeedle, 40, -1).Draw(t, "value")
		around := rapid.SliceOfN(rapid.String(), 3, 3).Draw(t, "around")
		checkText(t, value, around[0], around[1], around[2])
	})
}

// However much of a value stands at the end of what was read, none of it is shown; nor is any of a value that stands before it.
func TestABeginningShowsNoBeginning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.StringOfN(rapid.RuneFrom([]rune("abc")), 0, 40, -1) // few, so that values overlap
		value := rapid.StringOfN(rapid.RuneFrom([]rune("abcXYZ")), MinNeedle, 60, -1).Draw(t, "value")
		other := rapid.StringOfN(rapid.RuneFrom([]rune("abcXYZ")), MinNeedle, 12, -1).Draw(t, "other")
		before := letters.Draw(t, "before") + rapid.SampledFrom([]string{"", other, other + "."}).Draw(t, "beside")
		forms := formsOf(value)
		form := rapid.SampledFrom(forms).Draw(t, "form")
		cut := rapid.IntRange(1, len(form)).Draw(t, "cut")
		got := NewFilter(Hide(value), Hide(other)).Beginning(before + form[:cut])
		shown := strings.TrimSuffix(got, Marker)
		if shown == got {
			t.Fatalf("%q: nothing is hidden at the end of %q", got, before+form[:cut])
		}
		if len(strings.ReplaceAll(shown, Marker, "")) > len(before) {
			t.Fatalf("%q shows some of %q, cut to %q", got, value, form[:cut])
		}
		if strings.Contains(shown, value) || strings.Contains(shown, other) {
			t.Fatalf("%q holds a value", got)
		}
	})
}

func TestBeginning(t *testing.T) {
	for _, tt := range []struct{ reason, in, want string }{
		{"it ends with something else", "the end", "the end"},
		{"the first byte of a value may be the beginning of it", "it is h", "it is ‹redacted›"},
		{"half of a value", "it is hunter2-hun", "it is ‹redacted›"},
		{"a whole value", "it is hunter2-hunter2", "it is ‹redacted›"},
		{"a value before, and the beginning of one", "hunter2-hunter2 is hunter", "‹redacted› is ‹redacted›"},
		{"a value that ends where another begins", "it is a-password-hunt", "it is ‹redacted›"},
		{"a value that reaches into the beginning of another", "it is overlap-hun", "it is ‹redacted›"},
		{"of several beginnings the longest", "it is hunter2-h", "it is ‹redacted›"},
	} {
		f := NewFilter(Hide("hunter2-hunter2"), Hide("a-password-"), Hide("overlap-h"))
		if got := strings.ReplaceAll(f.Beginning(tt.in), Marker+Marker, Marker); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.reason, got, tt.want)
		}
	}
}

type failer interface{ Fatalf(string, ...any) }

func checkText(t failer, value, a, b, c string) {
	if len(strings.TrimSpace(value)) < MinNeedle || strings.Contains(Marker, strings.TrimSpace(value)) {
		return
	}
	text := a + value + b + fmt.Sprintf("%q", value) + c + base64.StdEncoding.EncodeToString([]byte(value)) + a
	got := Text(text, Hide(value), Hide(b))
	if strings.Contains(got, value) {
		t.Fatalf("%q is in %q", value, got)
	}
	whole := base64.StdEncoding.EncodeToString([]byte(value))
	if len(whole) > MinNeedle && strings.Contains(got, whole) {
		t.Fatalf("base64 of %q is in %q", value, got)
	}
	inside := base64.StdEncoding.EncodeToString([]byte(a + value + c))
	decoded, err := base64.StdEncoding.DecodeString(Text(inside, Hide(value)))
	if err == nil && len(value) >= 2*MinNeedle && strings.Contains(string(decoded), value) {
		t.Fatalf("%q can be decoded", value)
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("hunter2-hunter2", "a", "b", "c")
	f.Add("‹redacted›", "‹red", "acted›", "x")
	f.Add("aaaaaaaaaaaa", "aaaaaaaa", "aaa", "aaaa")
	f.Fuzz(func(t *testing.T, value, a, b, c string) {
		checkText(t, value, a, b, c)
		o := object.Object{Fields: map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "a"}, "data": map[string]any{"k": value}, "stringData": map[string]any{"l": value}}}
		if shown := string(Object(o).JSON()); len(value) >= 12 && !strings.Contains(Marker, value) && strings.Contains(shown, string(object.Canonical(value))) {
			t.Fatalf("%q is in %s", value, shown)
		}
	})
}
