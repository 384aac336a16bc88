package fleet

import (
	"encoding/json"
	"maps"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"plumb.dev/plumb/api/v1alpha1"
)

// Merge lays over on base (resources.md §6): what over sets wins; maps merge by key, helm.inline at every depth; lists
// replace, but ignore and health are appended. Neither argument is changed; the result may share parts with both.
// Merge is associative, but for a key of helm.inline that is a map at one level and something else at another.
func Merge(base, over v1alpha1.Settings) v1alpha1.Settings {
	out := base
	out.Skip = pick(base.Skip, over.Skip)
	out.Namespace = pickText(base.Namespace, over.Namespace)
	out.Sync = pickText(base.Sync, over.Sync)
	out.Heal = pick(base.Heal, over.Heal)
	out.Prune = pick(base.Prune, over.Prune)
	out.Wait = mergeWait(base.Wait, over.Wait)
	out.Ignore = slices.Concat(base.Ignore, over.Ignore)
	out.Health = slices.Concat(base.Health, over.Health)
	out.Render = pickText(base.Render, over.Render)
	out.Plain = mergePlain(base.Plain, over.Plain)
	out.Helm = mergeHelm(base.Helm, over.Helm)
	out.Kustomize = mergeKustomize(base.Kustomize, over.Kustomize)
	out.Replace = pickList(base.Replace, over.Replace)
	out.After = pickList(base.After, over.After)
	out.OnFailure = mergeOnFailure(base.OnFailure, over.OnFailure)
	return out
}

func mergeOnFailure(base, over *v1alpha1.OnFailure) *v1alpha1.OnFailure {
	if base == nil || over == nil {
		return pick(base, over)
	}
	return &v1alpha1.OnFailure{Revert: pickText(base.Revert, over.Revert), Within: pickText(base.Within, over.Within)}
}

func mergeWait(base, over *v1alpha1.Wait) *v1alpha1.Wait {
	if base == nil || over == nil {
		return pick(base, over)
	}
	return &v1alpha1.Wait{Timeout: pickText(base.Timeout, over.Timeout)}
}

func mergePlain(base, over *v1alpha1.PlainSettings) *v1alpha1.PlainSettings {
	if base == nil || over == nil {
		return pick(base, over)
	}
	return &v1alpha1.PlainSettings{
		Recurse: pick(base.Recurse, over.Recurse),
		Include: pickList(base.Include, over.Include),
		Exclude: pickList(base.Exclude, over.Exclude),
	}
}

func mergeHelm(base, over *v1alpha1.HelmSettings) *v1alpha1.HelmSettings {
	if base == nil || over == nil {
		return pick(base, over)
	}
	out := &v1alpha1.HelmSettings{
		Chart:    mergeChart(base.Chart, over.Chart),
		Release:  pickText(base.Release, over.Release),
		Values:   pickList(base.Values, over.Values),
		Set:      mergeTexts(base.Set, over.Set),
		SetFile:  mergeTexts(base.SetFile, over.SetFile),
		Inline:   mergeInline(base.Inline, over.Inline),
		SkipCRDs: pick(base.SkipCRDs, over.SkipCRDs),
	}
	return out
}

func mergeTexts(base, over map[string]string) map[string]string {
	if base == nil {
		return over
	}
	out := maps.Clone(base)
	maps.Copy(out, over)
	return out
}

func mergeKustomize(base, over *v1alpha1.KustomizeSettings) *v1alpha1.KustomizeSettings {
	if base == nil || over == nil {
		return pick(base, over)
	}
	return &v1alpha1.KustomizeSettings{
		Images:      pickList(base.Images, over.Images),
		Replicas:    pickList(base.Replicas, over.Replicas),
		NamePrefix:  pickText(base.NamePrefix, over.NamePrefix),
		NameSuffix:  pickText(base.NameSuffix, over.NameSuffix),
		Labels:      mergeTexts(base.Labels, over.Labels),
		Annotations: mergeTexts(base.Annotations, over.Annotations),
	}
}

// mergeChart lets a level say only the version, say. A digest is of one version: it goes with any other word about the chart.
func mergeChart(base, over *v1alpha1.ChartRef) *v1alpha1.ChartRef {
	if base == nil || over == nil {
		return pick(base, over)
	}
	out := &v1alpha1.ChartRef{
		Repo: pickText(base.Repo, over.Repo), Name: pickText(base.Name, over.Name), Version: pickText(base.Version, over.Version),
		Digest: over.Digest,
	}
	if out.Digest == "" && out.Repo == base.Repo && out.Name == base.Name && out.Version == base.Version {
		out.Digest = base.Digest
	}
	return out
}

// mergeInline merges two JSON objects by key, at every depth. A value that is not JSON loses to the other.
func mergeInline(base, over *apiextensionsv1.JSON) *apiextensionsv1.JSON {
	if base == nil || over == nil {
		return pick(base, over)
	}
	raw, err := mergeRaw(base.Raw, over.Raw)
	if err != nil {
		return over
	}
	return &apiextensionsv1.JSON{Raw: raw}
}

// mergeRaw works on raw values, so that a number keeps its digits.
func mergeRaw(base, over json.RawMessage) (json.RawMessage, error) {
	var b, o map[string]json.RawMessage
	if json.Unmarshal(base, &b) != nil || json.Unmarshal(over, &o) != nil || b == nil || o == nil {
		return over, nil
	}
	for key, value := range o {
		if old, ok := b[key]; ok {
			merged, err := mergeRaw(old, value)
			if err != nil {
				return nil, err
			}
			value = merged
		}
		b[key] = value
	}
	return json.Marshal(b)
}

func pick[T any](base, over *T) *T {
	if over != nil {
		return over
	}
	return base
}

func pickText(base, over string) string {
	if over != "" {
		return over
	}
	return base
}

// pickList lets an empty list replace: it was written; nil was not.
func pickList[T any](base, over []T) []T {
	if over != nil {
		return over
	}
	return base
}
