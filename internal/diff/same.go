package diff

import (
	"bytes"
	"sort"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"plumb.dev/plumb/internal/object"
)

// same tells whether two values mean the same to an API server: it writes quantities ("1000m" is "1") and durations
// ("60m" is "1h0m0s") its own way, fills in fields of maps, and leaves out what is zero.
func same(git, live any) bool {
	switch g := git.(type) {
	case map[string]any:
		l, ok := live.(map[string]any)
		if !ok {
			return false
		}
		for k, v := range g {
			if e, ok := l[k]; ok && !same(v, e) || !ok && !zero(v) {
				return false
			}
		}
		return true
	case []any:
		l, ok := live.([]any)
		if !ok || len(l) != len(g) {
			return false
		}
		for i := range g {
			if !same(g[i], l[i]) {
				return false
			}
		}
		return true
	}
	if bytes.Equal(object.Canonical(git), object.Canonical(live)) {
		return true
	}
	return sameQuantity(git, live) || sameDuration(git, live)
}

func sameQuantity(a, b any) bool {
	if _, ok := a.(map[string]any); ok {
		return false
	}
	x, errX := resource.ParseQuantity(object.Text(a))
	y, errY := resource.ParseQuantity(object.Text(b))
	return errX == nil && errY == nil && x.Cmp(y) == 0
}

func sameDuration(a, b any) bool {
	s, okA := a.(string)
	t, okB := b.(string)
	if !okA || !okB {
		return false
	}
	x, errX := time.ParseDuration(s)
	y, errY := time.ParseDuration(t)
	return errX == nil && errY == nil && x == y
}

// zero tells whether a value is what a field is that is not there.
func zero(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case int64:
		return v == 0
	case float64:
		return v == 0
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// usualKeys are the keys by which entries of lists are told apart, the more telling first; those of ports by the field's name.
var usualKeys = [][]string{
	{"name"}, {"mountPath"}, {"devicePath"}, {"ip"}, {"topologyKey", "whenUnsatisfiable"}, {"type"}, {"uid"}, {"host"}, {"key"}, {"id"},
}

var portKeys = [][]string{{"containerPort", "protocol"}, {"port", "protocol"}, {"name"}}

// listKeys gives keys that every entry of the lists has and that tell all entries of each list apart; nil if there are none.
func listKeys(path object.Path, lists ...[]any) []string {
	candidates := usualKeys
	if name, _ := path[len(path)-1].Key(); name == "ports" {
		candidates = portKeys
	}
	for _, keys := range candidates {
		if tellApart(keys, lists) {
			return keys
		}
	}
	return nil
}

func tellApart(keys []string, lists [][]any) bool {
	some := false
	for _, list := range lists {
		seen := make(map[string]bool, len(list))
		for _, e := range list {
			item, ok := e.(map[string]any)
			if !ok || zero(item[keys[0]]) {
				return false
			}
			switch item[keys[0]].(type) {
			case map[string]any, []any:
				return false
			}
			name := object.Path{itemStep(e, keys)}.String()
			if seen[name] {
				return false
			}
			seen[name], some = true, true
		}
	}
	return some
}

// itemStep names an entry of a list by its keys. A port without protocol is of TCP.
func itemStep(e any, keys []string) object.Step {
	item, _ := e.(map[string]any)
	var found []object.Key
	for _, k := range keys {
		v, ok := item[k]
		if !ok && k == "protocol" {
			v, ok = "TCP", true
		}
		if ok {
			found = append(found, object.Key{Name: k, Value: object.Text(v)})
		}
	}
	return object.Item(found...)
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
