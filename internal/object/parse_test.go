package object

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"plumb.dev/plumb/internal/fault"
)

const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n"

func TestParseAccepts(t *testing.T) {
	for _, tt := range []struct {
		reason string
		in     string
		want   []string // "Kind/name@line"
	}{
		{"an empty file holds nothing", "", nil},
		{"only comments", "# nothing here\n", nil},
		{"only separators", "---\n---\n", nil},
		{"a null document is skipped", "null\n---\n" + configMap, []string{"ConfigMap/a@3"}},
		{"the line is that of the first key, comments before it do not count", "# c\n\n---\n# d\n" + configMap, []string{"ConfigMap/a@5"}},
		{"a byte order mark", "\xef\xbb\xbf" + configMap, []string{"ConfigMap/a@1"}},
		{"CRLF", strings.ReplaceAll("---\n"+configMap, "\n", "\r\n"), []string{"ConfigMap/a@2"}},
		{"two documents", configMap + "---\n" + configMap, []string{"ConfigMap/a@1", "ConfigMap/a@6"}},
		{"JSON", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}`, []string{"ConfigMap/a@1"}},
		{"a stream of JSON", "{\"apiVersion\":\"v1\",\"kind\":\"A\",\"metadata\":{\"name\":\"a\"}}\n\n{\"apiVersion\":\"v1\",\"kind\":\"B\",\"metadata\":{\"name\":\"b\"}}", []string{"A/a@1", "B/b@3"}},
		{"JSON indented with tabs", "{\n\t\"apiVersion\":\"v1\",\n\t\"kind\":\"A\"}", []string{"A/@2"}},
		{"a flow mapping that is not JSON", "{apiVersion: v1, kind: A, metadata: {name: a}}", []string{"A/a@1"}},
		{"JSON documents with separators", "{\"apiVersion\":\"v1\",\"kind\":\"A\"}\n---\n{\"apiVersion\":\"v1\",\"kind\":\"B\"}\n", []string{"A/@1", "B/@3"}},
		{"the items of a List", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: A\n- kind: B\n  apiVersion: v1\n", []string{"A/@4", "B/@6"}},
		{"an empty List", "apiVersion: v1\nkind: List\nitems: []\n", nil},
		{"items of a typed list may leave out their type", "apiVersion: v1\nkind: ConfigMapList\nitems:\n- metadata: {name: a}\n", []string{"ConfigMap/a@4"}},
		{"Lists inside each other", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: List\n  items:\n  - {apiVersion: v1, kind: A}\n", []string{"A/@7"}},
		{"a kind whose name ends in List and has no items", "apiVersion: example.com/v1\nkind: AllowList\nmetadata: {name: a}\n", []string{"AllowList/a@1"}},
		{"--- in an indented block is text", configMap + "data:\n  x: |\n    ---\n    y\n", []string{"ConfigMap/a@1"}},
		{"an end of document", configMap + "...\n---\n" + configMap, []string{"ConfigMap/a@1", "ConfigMap/a@7"}},
		{"a very long key and line", configMap + "data:\n  ? " + strings.Repeat("k", 2000) + "\n  : " + strings.Repeat("v", 1<<20) + "\n", []string{"ConfigMap/a@1"}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			objects, _, err := Parse([]byte(tt.in), "f.yaml")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, o := range objects {
				got = append(got, fmt.Sprintf("%s/%s@%d", o.Kind(), o.Name(), o.Place.Line))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for i := 'b'; i < 'm'; i++ {
		bomb += fmt.Sprintf("%c: &%c [*%[3]c,*%[3]c,*%[3]c,*%[3]c,*%[3]c,*%[3]c,*%[3]c,*%[3]c,*%[3]c]\n", i, i, i-1)
	}
	for _, tt := range []struct {
		reason string
		in     string
		code   string
		line   int
		next   string
	}{
		{"aliases that double", bomb, "YAML_EXPANDED_SIZE", -1, ""},
		{"one large scalar, many aliases", "a: &a " + strings.Repeat("x", 10_000) + "\nb: [" + strings.Repeat("*a,", 50_000) + "]\n", "YAML_EXPANDED_SIZE", 2, ""},
		{"an alias to itself", "a: &a [*a]\n", "YAML_CYCLE", 1, ""},
		{"a merge of itself", "a: &a\n  <<: *a\n", "YAML_CYCLE", 2, ""},
		{"an unknown anchor", "a: *b\n", "YAML_SYNTAX", -1, ""},
		{"a file of more than 10 MiB", strings.Repeat("#", MaxFile+1), "FILE_TOO_LARGE", 0, ""},
		{"lists 10,001 deep", strings.Repeat("[", 10_001), "YAML_DEPTH", -1, ""},
		{"lists 9,000 deep", "a: " + strings.Repeat("[", 9000) + strings.Repeat("]", 9000), "YAML_DEPTH", -1, ""},
		{"JSON 9,000 deep", strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000), "YAML_DEPTH", -1, ""},
		{"too many documents", strings.Repeat("---\n", MaxObjects+10), "TOO_MANY_OBJECTS", -1, ""},
		{"too many items", "{apiVersion: v1, kind: List, items: [" + strings.Repeat("{apiVersion: v1, kind: A},", MaxObjects+1) + "]}", "TOO_MANY_OBJECTS", -1, ""},
		{"a list is no manifest", "- a\n- b\n", "NOT_AN_OBJECT", 1, ""},
		{"a text is no manifest", "# x\nhello\n", "NOT_AN_OBJECT", 2, ""},
		{"--- at column 1 of a block of text cuts the document", configMap + "data:\n  x: |\n    a\n---\n    b\n", "NOT_AN_OBJECT", 9, "of line 1"},
		{"a NUL byte", configMap + "data: {a: \"\x00\"}\n", "YAML_CONTROL_CHAR", 5, ""},
		{"a control character", configMap + "data: {a: \"\x1b[31m\"}\n", "YAML_CONTROL_CHAR", 5, ""},
		{"a byte order mark in the middle", configMap + "---\n\xef\xbb\xbf" + configMap, "YAML_CONTROL_CHAR", 6, ""},
		{"Latin-1", configMap + "data: {a: caf\xe9}\n", "NOT_UTF8", 5, "UTF-8"},
		{"UTF-16 with a mark", "\xff\xfea\x00:\x00 \x00b\x00", "NOT_UTF8", 0, "UTF-8"},
		{"UTF-16 without a mark", "a\x00p\x00i\x00V\x00e\x00r\x00s\x00", "NOT_UTF8", 0, "UTF-8"},
		{"gzip", "\x1f\x8b\x08\x00", "NOT_TEXT", 0, ""},
		{"a program", "\x7fELF\x02", "NOT_TEXT", 0, ""},
		{"any other binary", "\x00\x01\xfe\x80\x90abc\x00\xff", "NOT_TEXT", 0, ""},
		{"a tab to indent", configMap + "data:\n\ta: b\n", "YAML_SYNTAX", 6, "spaces"},
		{"a wrong indent", "a:\n  b: 1\n c: 2\n", "YAML_SYNTAX", 3, ""},
		{"a quote that does not end", "a: b\nc: \"d\n", "YAML_SYNTAX", -1, ""},
		{"a missing bracket", "a: b\nc: [d\ne: f\n", "YAML_SYNTAX", 3, ""},
		{"text after the end of the document", configMap + "...\n}garbage\n", "YAML_SYNTAX", -1, ""},
		{"a version of YAML that does not exist", "%YAML 3.0\n---\na: b\n", "YAML_SYNTAX", -1, ""},
		{"a key that stands twice", configMap + "data:\n  a: b\n  a: c\n", "YAML_DUPLICATE_KEY", 7, ""},
		{"keys that are the same once they are text", configMap + "data:\n  1: b\n  \"1\": c\n", "YAML_DUPLICATE_KEY", 7, ""},
		{"a key that stands twice in JSON", "{\"apiVersion\":\"v1\",\n\"kind\":\"A\",\n\"kind\":\"B\"}", "YAML_DUPLICATE_KEY", 3, ""},
		{"garbage after JSON", `{"apiVersion":"v1","kind":"A"} garbage`, "YAML_SYNTAX", -1, ""},
		{"comments in JSON", "{\"apiVersion\":\"v1\", // x\n\"kind\":\"A\"}", "OBJECT_MALFORMED", 1, ""},
		{"a list as a key", "[a]: z\n", "YAML_KEY", 1, ""},
		{"null as a key", "~: z\n", "YAML_KEY", 1, ""},
		{"infinity", configMap + "data: {a: .inf}\n", "NUMBER_RANGE", 5, ""},
		{"a tag of a program", configMap + "data: !!python/object:os.system {a: b}\n", "YAML_TAG", 5, ""},
		{"a tag of a template tool", configMap + "data: {a: !Ref b}\n", "YAML_TAG", 5, "quote"},
		{"a tag that the value does not fit", configMap + "data: {a: !!int b}\n", "YAML_TAG", 5, ""},
		{"!!binary that is not base64", configMap + "data: {a: !!binary '%%'}\n", "YAML_TAG", 5, "binaryData"},
		{"a merge of a text", "a:\n  <<: b\n", "YAML_MERGE", 2, ""},
		{"merges deeper than the limit", deepMerges(400), "YAML_DEPTH", -1, ""},
		{"template text as a value", configMap + "data:\n  a: {{ .Values.x }}\n", "YAML_KEY", 6, "template"},
		{"template text as a line", "{{- if .Values.x }}\n" + configMap + "{{- end }}\n", "YAML_SYNTAX", -1, "template"},
		{"a merge conflict", configMap + "data:\n<<<<<<< HEAD\n  a: 1\n=======\n  a: 2\n>>>>>>> branch\n", "MERGE_CONFLICT", 6, "resolve"},
		{"no kind", "apiVersion: v1\nmetadata: {name: a}\n", "OBJECT_MALFORMED", 1, "exclude"},
		{"no apiVersion", "\nkind: ConfigMap\n", "OBJECT_MALFORMED", 2, ""},
		{"an empty map", "{}\n", "OBJECT_MALFORMED", 1, ""},
		{"an item that is no object", "apiVersion: v1\nkind: List\nitems:\n- a\n", "NOT_AN_OBJECT", 4, ""},
		{"too many Lists inside each other", strings.Repeat("{apiVersion: v1, kind: List, items: [", 7) + strings.Repeat("]}", 7), "LIST_DEPTH", 1, ""},
		{"an object that etcd does not take", configMap + "data:\n  a: " + strings.Repeat("x", MaxObject) + "\n", "OBJECT_TOO_LARGE", 1, ""},
		{"an object that aliases make too large", configMap + "data:\n  a: &a " + strings.Repeat("x", 100_000) + "\n  b: [" + strings.Repeat("*a,", 20) + "]\n", "OBJECT_TOO_LARGE", 1, ""},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			began := time.Now()
			objects, _, err := Parse([]byte(tt.in), "f.yaml")
			var f *fault.Fault
			if !errors.As(err, &f) {
				t.Fatalf("got %d objects and error %v", len(objects), err)
			}
			if f.Code != tt.code || objects != nil {
				t.Errorf("code %s, want %s: %v", f.Code, tt.code, err)
			}
			if f.Place.File != "f.yaml" || tt.line >= 0 && f.Place.Line != tt.line {
				t.Errorf("place %v, want line %d: %v", f.Place, tt.line, err)
			}
			if !strings.Contains(f.Next, tt.next) {
				t.Errorf("next %q does not say %q", f.Next, tt.next)
			}
			if len(f.Error()) > 500 || time.Since(began) > 20*time.Second {
				t.Errorf("%d bytes of message after %v", len(f.Error()), time.Since(began))
			}
		})
	}
}

func deepMerges(n int) string {
	var b strings.Builder
	b.WriteString("m0: &m0 {a: b}\n")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "m%d: &m%d {<<: *m%d}\n", i, i, i-1)
	}
	return b.String()
}

func TestParseValues(t *testing.T) {
	for _, tt := range []struct {
		reason  string
		in      string
		want    any
		warning string
	}{
		{"integers are int64", "1", int64(1), ""},
		{"a mode is octal", "0644", int64(420), ""},
		{"hexadecimal", "0x1F", int64(31), ""},
		{"binary", "-0b101", int64(-5), ""},
		{"digits with underscores", "1_000", int64(1000), ""},
		{"a float", "1.5", 1.5, ""},
		{"a float without fraction is an integer, as after a round trip through JSON", "1.0", int64(1), ""},
		{"an exponent", "1e3", int64(1000), ""},
		{"2^63-1", "9223372036854775807", int64(9223372036854775807), ""},
		{"2^63 does not fit", "9223372036854775808", float64(9223372036854775808), "NUMBER_RANGE"},
		{"a commit that looks like a number beyond range is text", "12e4567", "12e4567", "NUMBER_RANGE"},
		{"base 60 is text", "1:30", "1:30", ""},
		{"a date is text", "2001-12-14", "2001-12-14", ""},
		{"yes is a boolean in YAML 1.1", "yes", true, ""},
		{"off too", "Off", false, ""},
		{"quoted it is text", "'yes'", "yes", ""},
		{"null", "~", nil, ""},
		{"a tag makes text of a number", "!!str 12", "12", ""},
		{"a tag makes a number of text", "!!int '12'", int64(12), ""},
		{"!!binary of a text", "!!binary aGVsbG8=", "hello", ""},
		{"a block", "|\n    a\n    b\n", "a\nb\n", ""},
		{"an alias", "[&x {b: 1}, *x]", []any{map[string]any{"b": int64(1)}, map[string]any{"b": int64(1)}}, ""},
		{"a merge; the key itself wins", "{<<: {b: 1, c: 1}, b: 2}", map[string]any{"b": int64(2), "c": int64(1)}, ""},
		{"of merged maps the first wins", "{<<: [{b: 1}, {b: 2, c: 2}]}", map[string]any{"b": int64(1), "c": int64(2)}, ""},
		{"a merge after the key replaces it, as kubectl does", "{b: 2, <<: {b: 1}}", map[string]any{"b": int64(1)}, "MERGE_ORDER"},
		{"a quoted << is a key", "{'<<': 1}", map[string]any{"<<": int64(1)}, ""},
		{"a key that is a boolean becomes text", "{on: 1}", map[string]any{"true": int64(1)}, "YAML_KEY"},
		{"a key that is a number becomes text", "{1: 1, 1.50: 2}", map[string]any{"1": int64(1), "1.5": int64(2)}, "YAML_KEY"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			objects, warnings, err := Parse([]byte(configMap+"x: "+tt.in+"\n"), "f.yaml")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, objects[0].Fields["x"]); diff != "" {
				t.Error(diff)
			}
			code := ""
			for _, w := range warnings {
				code = w.Code
			}
			if code != tt.warning {
				t.Errorf("warnings %v, want %q", warnings, tt.warning)
			}
		})
	}
}

// What kubectl reads (sigs.k8s.io/yaml, then JSON with int64) is what Parse reads, for all that both accept.
func TestParseIsKubectl(t *testing.T) {
	scalars := rapid.OneOf(
		rapid.SampledFrom([]string{"yes", "No", "on", "~", "null", "0644", "0o17", "0x1f", "1e3", "1.0", "-0.0", "1_0", "+1", ".5", "1.", "0b11", "-0b11", "0b+1", "0b-1", "-0b+1", "1e22", "9223372036854775808", "18446744073709551616", "08", "0x", "<<", "=", "''", `"1"`, "a b", "12e999", ".inf", "2001-01-01", "!!str 1", "!!float 1", "!!int 7"}),
		rapid.StringMatching(`[-+.0-9eExob_]{1,8}`),
		rapid.StringMatching(`[a-zA-Z~]{1,5}`),
	)
	rapid.Check(t, func(t *rapid.T) {
		text := configMap + "x:\n"
		for i := 0; i < rapid.IntRange(1, 4).Draw(t, "n"); i++ {
			text += fmt.Sprintf("  k%d: %s\n  ? %s\n  : [%s, {a: %s}]\n", i, scalars.Draw(t, "v"), scalars.Draw(t, "k"), scalars.Draw(t, "v"), scalars.Draw(t, "v"))
		}
		raw, err := yaml.YAMLToJSONStrict([]byte(text))
		if err != nil {
			return
		}
		objects, _, err := Parse([]byte(text), "f.yaml")
		if fault.Is(err, fault.InvalidObject) && strings.Contains(err.Error(), "YAML_DUPLICATE_KEY") {
			return // kubectl keeps one of the two
		}
		if err != nil && (strings.Contains(text, ".inf") || strings.Contains(err.Error(), "as infinity")) {
			return // keys that kubectl reads as .inf, and values that it drops with one of two equal keys
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		var want any
		decoder := json.NewDecoder(strings.NewReader(string(raw)))
		decoder.UseNumber()
		if err := decoder.Decode(&want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(fromNumbers(want), any(objects[0].Fields)); diff != "" {
			t.Fatalf("%s\n%s", text, diff)
		}
	})
}

// fromNumbers makes int64, else float64, as the API machinery does.
func fromNumbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = fromNumbers(e)
		}
	case []any:
		for i, e := range v {
			v[i] = fromNumbers(e)
		}
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		f, _ := v.Float64()
		return f
	}
	return v
}

func TestParseIsTheSameForEveryLineEnd(t *testing.T) {
	text := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: |\n    x\n    y\n  b: 'p\n    q'\n"
	digest := func(s string) string {
		objects, _, err := Parse([]byte(s), "f")
		if err != nil {
			t.Fatal(err)
		}
		return objects[0].Digest()
	}
	for _, end := range []string{"\r\n", "\r"} {
		if digest(text) != digest(strings.ReplaceAll(text, "\n", end)) {
			t.Errorf("another digest with %q", end)
		}
	}
}

func TestPlaceOf(t *testing.T) {
	file := `# a file
apiVersion: v1
kind: Service
metadata: {name: first}
---
apiVersion: v1
kind: List
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata:
    name: web
    annotations:
      example.com/a: b
  spec:
    template:
      spec:
        containers:
        - name: app
          image: x
          ports:
          - containerPort: 80
        - name: side
          image: y
`
	objects, _, err := Parse([]byte(file), "f.yaml")
	if err != nil || len(objects) != 2 {
		t.Fatal(err, objects)
	}
	for _, tt := range []struct{ reason, path, want string }{
		{"a field", "metadata.name", "f.yaml:12:5"},
		{"a key with dots", `metadata.annotations["example.com/a"]`, "f.yaml:14:7"},
		{"an entry by its name", "spec.template.spec.containers[name=side].image", "f.yaml:24:11"},
		{"an entry by position, as API servers write it", "spec.template.spec.containers[1].image", "f.yaml:24:11"},
		{"a port without protocol", "spec.template.spec.containers[name=app].ports[containerPort=80,protocol=TCP]", "f.yaml:22:13"},
		{"a field that is not there: the one around it", "spec.template.spec.containers[name=app].env[name=x]", "f.yaml:19:11"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			path, err := ParsePath(tt.path)
			if err != nil {
				t.Fatal(err)
			}
			if got := PlaceOf([]byte(file), objects[1], path).String(); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
	if got := PlaceOf([]byte("other: file\n"), objects[1], Fields("spec")); got != objects[1].Place {
		t.Errorf("another file gives the object's place, not %v", got)
	}
}

func TestParseNeverPanics(t *testing.T) {
	part := rapid.SampledFrom([]string{"a", ": ", "\n", "- ", "[", "]", "{", "}", ",", "&x ", "*x", "<<: ", "  ", "\t", "\"", "'", "|", ">", "!!str ", "! ", "# c", "---\n", "...\n", "%YAML 1.1\n", "? ", "1", "~", "\\u", "{{", "\r"})
	rapid.Check(t, func(t *rapid.T) {
		checkParse(t, []byte(strings.Join(rapid.SliceOfN(part, 0, 40).Draw(t, "parts"), "")))
	})
}

type failer interface{ Fatalf(string, ...any) }

func checkParse(t failer, data []byte) {
	objects, _, err := Parse(data, "f")
	if err == nil {
		for _, o := range objects {
			if o.Kind() == "" || o.APIVersion() == "" {
				t.Fatalf("an object without type: %s", o.JSON())
			}
			again, _, err := Parse(o.JSON(), "f")
			if err != nil || len(again) > 1 || len(again) == 1 && again[0].Digest() != o.Digest() {
				t.Fatalf("not the same after JSON: %s: %v", o.JSON(), err)
			}
			_, _, _ = Normalise(o)
			_ = PlaceOf(data, o, Fields("metadata", "name"))
		}
		return
	}
	var f *fault.Fault
	if !errors.As(err, &f) || f.Code == "" || f.Place.File != "f" {
		t.Fatalf("an error without code or place: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{configMap, configMap + "---\n" + configMap, `{"apiVersion":"v1","kind":"A","x":[1,2.5,"\ud83d\ude00"]}`, "a: &a [*a]", "<<: {a: b}", "{{ x }}", "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: A}]", "\xff\xfe"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkParse(t, data) })
}
