package fleet

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
)

// ParseSettings reads the plumb.yaml beside an app, or in its env or cluster folder. file names it in faults.
// It fails with InvalidSettings, or with Unsupported for a field that is reserved.
func ParseSettings(file string, data []byte) (v1alpha1.Settings, *fault.Fault) {
	level, bad := parseLevel(file, data)
	return level.settings, bad
}

// ParseRoot reads the plumb.yaml at the root of a repository. file names it in faults.
// It fails with InvalidSettings, or with Unsupported for a field that is reserved.
func ParseRoot(file string, data []byte) (v1alpha1.RootFile, *fault.Fault) {
	root, _, bad := parseRoot(file, data)
	return root, bad
}

// level is one plumb.yaml of the chain root < app < env < cluster.
type level struct {
	file     string
	settings v1alpha1.Settings
	places   map[string]fault.Place
	fault    *fault.Fault
	exists   bool
}

func parseLevel(file string, data []byte) (level, *fault.Fault) {
	l := level{file: file, exists: true}
	l.places, l.fault = decode(file, data, &l.settings)
	if l.fault == nil {
		l.fault = firstFinding(file, l.places, checkSettings(l.settings, ""))
	}
	if l.fault != nil {
		l.settings = v1alpha1.Settings{}
	}
	return l, l.fault
}

func parseRoot(file string, data []byte) (v1alpha1.RootFile, map[string]fault.Place, *fault.Fault) {
	var root v1alpha1.RootFile
	places, bad := decode(file, data, &root)
	if bad == nil {
		bad = firstFinding(file, places, checkRoot(root))
	}
	if bad != nil {
		return v1alpha1.RootFile{}, nil, bad
	}
	return root, places, nil
}

// finding is something wrong with the value of a field.
type finding struct {
	path    string // dotted
	reason  fault.Reason
	message string // begins with the path's name
	next    string
}

// firstFinding makes a fault of the first finding, at the nearest field that is written in the file.
func firstFinding(file string, places map[string]fault.Place, found []finding) *fault.Fault {
	if len(found) == 0 {
		return nil
	}
	f := found[0]
	bad := fault.New(f.reason, "%s", f.message)
	bad.Next = f.next
	place := fault.Place{File: file}
	for path := f.path; path != ""; path = path[:max(0, strings.LastIndexAny(path, ".["))] {
		if at, ok := places[path]; ok {
			place = at
			break
		}
	}
	return bad.At(place)
}

func checkRoot(root v1alpha1.RootFile) []finding {
	found := checkEnvironments(root.Environments)
	found = append(found, checkSettings(root.Defaults, "defaults")...)
	if d := root.Limits.Deletions; d != nil {
		if d.Count != nil && *d.Count < 0 {
			found = append(found, invalid("limits.deletions.count", "must not be negative", ""))
		}
		if d.Percent != nil && (*d.Percent < 0 || *d.Percent > 100) {
			found = append(found, invalid("limits.deletions.percent", "must be between 0 and 100", ""))
		}
	}
	return append(found, checkPolicies(root.Policies)...)
}

// checkPolicies looks at the names of policy files; what is in the files is not the commit's delivery: package policy reads them.
func checkPolicies(patterns []string) []finding {
	var found []finding
	for i, pattern := range patterns {
		at := fmt.Sprintf("policies[%d]", i)
		_, err := path.Match(pattern, "")
		switch {
		case strings.ContainsAny(path.Dir(pattern), `*?[\`):
			found = append(found, invalid(at, fmt.Sprintf("is %q; a pattern may stand in the last segment only", clip(pattern)), "for example policies/*.yaml"))
		case err != nil || !fs.ValidPath(pattern) || pattern == ".":
			found = append(found, invalid(at, fmt.Sprintf("is %q, which is no path inside the repository", clip(pattern)), "for example policies/*.yaml"))
		case !strings.HasSuffix(pattern, ".yaml") && !strings.HasSuffix(pattern, ".yml"):
			found = append(found, invalid(at, fmt.Sprintf("is %q, which does not end with .yaml", clip(pattern)), "for example policies/*.yaml"))
		}
	}
	return found
}

func checkEnvironments(environments []v1alpha1.Environment) []finding {
	var found []finding
	first := map[string]int{}
	for i, e := range environments {
		path := fmt.Sprintf("environments[%d]", i)
		before, twice := first[e.Name]
		switch {
		case e.Name == "":
			found = append(found, invalid(path, "needs a name", ""))
		case !isName(e.Name):
			bad := invalid(path+".name", fmt.Sprintf("is %q, which is not a DNS label of at most %d characters", e.Name, maxName), "")
			bad.reason = fault.NameInvalid
			found = append(found, bad)
		case twice:
			found = append(found, invalid(path+".name", fmt.Sprintf("is %q again, as in environments[%d]", e.Name, before), "keep one of the two"))
		}
		first[e.Name] = i
		if _, err := parseSelector(e.Clusters); err != nil {
			found = append(found, invalid(path+".clusters", "is not a label selector: "+err.Error(), "write a map of labels, or {matchLabels, matchExpressions}"))
		}
	}
	return found
}

// parseSelector reads a label selector: a map of labels, or {matchLabels, matchExpressions}. nil gives nil.
func parseSelector(raw *apiextensionsv1.JSON) (labels.Selector, error) {
	if raw == nil {
		return nil, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw.Raw, &fields); err != nil {
		return nil, err
	}
	_, byLabels := fields["matchLabels"]
	_, byExpressions := fields["matchExpressions"]
	var selector metav1.LabelSelector
	if byLabels || byExpressions {
		if err := unmarshalStrict(raw.Raw, &selector); err != nil {
			return nil, err
		}
	} else if err := json.Unmarshal(raw.Raw, &selector.MatchLabels); err != nil {
		return nil, fmt.Errorf("the values of labels are texts: write them in quotes")
	}
	return metav1.LabelSelectorAsSelector(&selector)
}

func unmarshalStrict(data []byte, out any) error {
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	return d.Decode(out)
}

// checkSettings looks at the values of one level; path is "" or "defaults". What only a render can judge (globs, CEL,
// the form of a field's path, files that exist) is not looked at here.
func checkSettings(s v1alpha1.Settings, path string) []finding {
	var found []finding
	at := func(name string) string { return join(path, name) }
	if s.Sync != "" && s.Sync != "auto" && s.Sync != "manual" {
		found = append(found, oneOf(at("sync"), s.Sync, "auto", "manual"))
	}
	if s.Render != "" && s.Render != Helm && s.Render != Kustomize && s.Render != Plain {
		found = append(found, oneOf(at("render"), s.Render, Helm, Kustomize, Plain))
	}
	if s.Wait != nil && s.Wait.Timeout != "" {
		if d, err := time.ParseDuration(s.Wait.Timeout); err != nil || d <= 0 {
			found = append(found, invalid(at("wait.timeout"), fmt.Sprintf("is %q, which is not a duration", clip(s.Wait.Timeout)), "write for example 10m"))
		}
	}
	if s.Namespace != "" {
		if err := checkTemplate(s.Namespace); err != nil {
			found = append(found, invalid(at("namespace"), err.Error(), ""))
		}
	}
	if s.Helm != nil && s.Helm.Release != "" && (len(s.Helm.Release) > 53 || !isClusterName(s.Helm.Release)) {
		found = append(found, invalid(at("helm.release"), fmt.Sprintf("is %q, which is not a name of at most 53 lower-case letters, digits, dashes and dots", clip(s.Helm.Release)), ""))
	}
	if s.Helm != nil {
		found = append(found, checkChart(s.Helm.Chart, at("helm.chart"))...)
	}
	for i, name := range s.After {
		if _, err := ParseAddress(name); err != nil {
			found = append(found, invalid(at(fmt.Sprintf("after[%d]", i)), fmt.Sprintf("is %q, which is not the address of an app", clip(name)), "write app, app/env or app/env@cluster"))
		}
	}
	found = append(found, checkOnFailure(s.OnFailure, at("onFailure"))...)
	found = append(found, checkKustomize(s.Kustomize, at("kustomize"))...)
	found = append(found, checkIgnore(s.Ignore, at("ignore"))...)
	found = append(found, checkHealth(s.Health, at("health"))...)
	return append(found, checkReplace(s.Replace, at("replace"))...)
}

func checkOnFailure(o *v1alpha1.OnFailure, path string) []finding {
	if o == nil {
		return nil
	}
	var found []finding
	if o.Revert != "" && o.Revert != v1alpha1.RevertByPull && o.Revert != v1alpha1.RevertNone {
		found = append(found, oneOf(path+".revert", o.Revert, v1alpha1.RevertByPull, v1alpha1.RevertNone))
	}
	if d, err := time.ParseDuration(o.Within); o.Within != "" && (err != nil || d < time.Minute || d > 24*time.Hour) {
		found = append(found, invalid(path+".within", fmt.Sprintf("is %q, which is not a duration of 1m to 24h", clip(o.Within)), "write for example 10m"))
	}
	return found
}

func checkIgnore(rules []v1alpha1.IgnoreRule, path string) []finding {
	var found []finding
	for i, r := range rules {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case r.Kind == "":
			found = append(found, invalid(at, "needs a kind", `"*" is every kind`))
		case r.Field == "" && r.Manager == "":
			found = append(found, invalid(at, "needs a field or a manager", "for example field: spec.replicas"))
		case r.Field != "" && r.Manager != "":
			found = append(found, invalid(at, "has a field and a manager; a rule has one of the two", "write two rules"))
		case strings.TrimSpace(r.Why) == "":
			found = append(found, invalid(at, "needs a why", `people read it beside the difference, for example why: "HPA owns it"`))
		}
	}
	return found
}

func checkHealth(rules []v1alpha1.HealthRule, path string) []finding {
	var found []finding
	for i, r := range rules {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case r.Kind == "":
			found = append(found, invalid(at, "needs a kind", "for example kind: example.com/Widget"))
		case r.Healthy == "" && r.Degraded == "" && r.Suspended == "":
			found = append(found, invalid(at, "needs at least one of healthy, degraded, suspended", ""))
		}
	}
	return found
}

// neverReplaced are kinds whose deletion loses data or other objects (resources.md §6.2).
var neverReplaced = map[string]bool{
	"PersistentVolumeClaim": true, "StatefulSet": true, "Namespace": true, "CustomResourceDefinition": true,
}

func checkReplace(refs []v1alpha1.ObjectRef, path string) []finding {
	var found []finding
	for i, r := range refs {
		at := fmt.Sprintf("%s[%d]", path, i)
		kind := r.Kind[strings.LastIndex(r.Kind, "/")+1:]
		switch {
		case r.Kind == "":
			found = append(found, invalid(at, "needs a kind", ""))
		case kind == "*":
			found = append(found, invalid(at+".kind", "must name one kind", ""))
		case neverReplaced[kind]:
			found = append(found, invalid(at+".kind", "is "+kind+", which is never deleted and created again", "delete the object by hand if that is meant"))
		}
	}
	return found
}

func invalid(path, says, next string) finding {
	return finding{path: path, reason: fault.InvalidSettings, message: path + " " + says, next: next}
}

func oneOf(path, got string, words ...string) finding {
	says := fmt.Sprintf("is %q, but must be %s or %s", clip(got), strings.Join(words[:len(words)-1], ", "), words[len(words)-1])
	next := ""
	if near := nearest(got, words); near != "" {
		next = "did you mean " + near + "?"
	}
	return invalid(path, says, next)
}
