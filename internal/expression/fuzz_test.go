package expression

import "testing"

// FuzzCompile: an expression of a repository is refused, or ends within what it may cost, whatever it says.
func FuzzCompile(f *testing.F) {
	for _, text := range []string{
		"true", "self.spec.replicas == 3", "self.a.all(x, x.exists(y, y == x))", "self.s.matches('(a+)+$')", "'a' + self.s", "has(self.a) ? 1 : 2",
		"[1,2,3].map(x, x * x).filter(x, x > 1)", "quantity('1Gi').isGreaterThan(quantity('1Mi'))", "self[?'a'].orValue('b') == 'b'", "1 / 0 == 1", "{'a': [1]}.a[0] == 1",
	} {
		f.Add(text)
	}
	l, err := New(Variable{Name: "self"})
	if err != nil {
		f.Fatal(err)
	}
	self := map[string]any{"s": "aaaaaaaaaaaaaaaaaaaaaaaa!", "a": []any{int64(1), "x", nil, map[string]any{"b": true}}, "spec": map[string]any{"replicas": int64(3)}}
	f.Fuzz(func(t *testing.T, text string) {
		for _, want := range []Answer{Bool, Text} {
			e, err := l.Compile(text, want)
			if err != nil {
				continue
			}
			answer, _, err := e.Eval(map[string]any{"self": self})
			if err != nil && answer != nil {
				t.Errorf("%v, and %v", answer, err)
			}
		}
	})
}
