package origin

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
)

// settings takes the scalars of the settings, but for those that name files, charts and releases.
func (c *collector) settings(v any, at []any) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if len(at) == 1 && slices.Contains([]string{"chart", "release", "values", "setFile", "skipCRDs"}, key) {
				continue
			}
			c.settings(v[key], append(slices.Clip(at), key))
		}
		return
	case []any:
		for i, item := range v {
			c.settings(item, append(slices.Clip(at), i))
		}
		return
	case nil:
		return
	}
	text := settingText(v)
	if !c.matches(text) {
		return
	}
	keys := keysOf(at)
	_, boolean := v.(bool)
	c.add(&candidate{
		place: c.settingPlace(keys, text), setting: at, text: text, says: strings.Join(keys, "."), boolean: boolean || text == "true" || text == "false",
		identity: last(keys) == "name", likely: c.likely(last(strings.Split(last(keys), "."))),
	})
}

func settingText(v any) string {
	if n, ok := v.(float64); ok && n == float64(int64(n)) {
		return strconv.FormatInt(int64(n), 10)
	}
	return object.Text(v)
}

// settingPlace finds where a setting is written: in the file nearest to the app that says it, at the end of some path. The render proves
// the setting and not its line, so that a file which says it twice is told without one.
func (c *collector) settingPlace(keys []string, text string) fault.Place {
	for _, f := range c.question.SettingsFiles {
		var found []*yaml.Node
		for _, root := range parse(f.Data).roots {
			found = append(found, settingNodes(root, nil, keys, text, 0)...)
		}
		switch len(found) {
		case 0:
		case 1:
			return fault.Place{File: f.Path, Line: found[0].Line, Column: found[0].Column}
		default:
			return fault.Place{File: f.Path}
		}
	}
	return fault.Place{}
}

func settingNodes(n *yaml.Node, at, keys []string, text string, depth int) []*yaml.Node {
	if depth > deepest {
		return nil
	}
	if n.Kind == yaml.ScalarNode {
		if n.Value == text && len(at) >= len(keys) && slices.Equal(at[len(at)-len(keys):], keys) {
			return []*yaml.Node{n}
		}
		return nil
	}
	var found []*yaml.Node
	for i, child := range n.Content {
		below := at
		if n.Kind == yaml.MappingNode {
			if i%2 == 0 {
				continue
			}
			below = append(slices.Clip(at), n.Content[i-1].Value)
		}
		found = append(found, settingNodes(child, below, keys, text, depth+1)...)
	}
	return found
}

// keysOf leaves positions in lists out: levels of settings are merged, which moves them.
func keysOf(at []any) []string {
	var keys []string
	for _, step := range at {
		if key, ok := step.(string); ok {
			keys = append(keys, key)
		}
	}
	return keys
}

// settings gives the settings as JSON, without what names files.
func (q Question) settings() map[string]any {
	out := map[string]any{}
	if q.Helm != nil {
		out["helm"] = q.Helm
	}
	if q.Kustomize != nil {
		out["kustomize"] = q.Kustomize
	}
	data, err := json.Marshal(out)
	if err != nil {
		return nil
	}
	var plain map[string]any
	if json.Unmarshal(data, &plain) != nil {
		return nil
	}
	return plain
}

// put replaces a scalar of settings, and leaves it what it was: a number, a truth or a text.
func put(in any, at []any, mark string) {
	for len(at) > 1 {
		in, at = step(in, at[0]), at[1:]
	}
	var value any = mark
	switch step(in, at[0]).(type) {
	case float64:
		if n, err := strconv.ParseFloat(mark, 64); err == nil {
			value = n
		}
	case bool:
		value = mark == "true"
	}
	switch in := in.(type) {
	case map[string]any:
		in[at[0].(string)] = value
	case []any:
		in[at[0].(int)] = value
	}
}

func step(in, at any) any {
	switch in := in.(type) {
	case map[string]any:
		key, _ := at.(string)
		return in[key]
	case []any:
		if i, ok := at.(int); ok && i < len(in) {
			return in[i]
		}
	}
	return nil
}
