package origin

import (
	"testing"

	"plumb.dev/plumb/internal/object"
)

// FuzzCandidates holds for whatever a repository has: what is marked stands where it is said to stand, and the rest of the file is as
// it was.
func FuzzCandidates(f *testing.F) {
	for _, data := range []string{
		"replicas: 3\n", "a: |\n  b: 3\n  c: x=3\n", "- MODE=3\n- \"3\"\n", "x: {{ .Values.a | default 3 }}\n", "a: >\n  3\n  3\n", "3", "ä: 3 # 3\n", "a: &x 3\nb: *x\n", "{\"a\":3}", "\xff3", "a: !!int \"3\"\r\n",
	} {
		f.Add([]byte(data), "3")
	}
	f.Fuzz(func(t *testing.T, data []byte, needle string) {
		c := collector{question: Question{Files: []File{{Path: "f", Data: data}}}, seen: map[spot]*candidate{}}
		c.collect(0, wanted{path: object.Fields("a"), needles: []string{needle}})
		for i, found := range c.all {
			if found.start < 0 || found.start+len(found.text) > len(data) || string(data[found.start:found.start+len(found.text)]) != found.text {
				t.Fatalf("%q is said to stand at %d of %q", found.text, found.start, data)
			}
			if found.place.Line < 1 {
				t.Fatalf("%q has no line", found.text)
			}
			found.markAs(i)
			if got := len(replaced(data, []*candidate{found})); got != len(data)-len(found.text)+len(found.mark) {
				t.Fatalf("a mark for %q changes %d bytes of %q to %d", found.text, len(data), data, got)
			}
		}
	})
}
