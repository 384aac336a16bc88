package preview

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/report"
)

// TestWithoutValues: what the API server says against an object is told, what it quotes of the object is not.
func TestWithoutValues(t *testing.T) {
	cause := func(field, message string) metav1.StatusCause {
		return metav1.StatusCause{Field: field, Message: message}
	}
	for _, row := range []struct {
		reason, message string
		causes          []metav1.StatusCause
		want            string
	}{
		{"a field that cannot be changed", "x", []metav1.StatusCause{cause("spec.selector", `Invalid value: {"matchLabels":{"a":"private"}}: field is immutable`)}, "spec.selector: invalid value: field is immutable"},
		{"a claim, with all of it behind", "x", []metav1.StatusCause{cause("spec", "Forbidden: spec is immutable after creation\n core.PersistentVolumeClaimSpec{\n- VolumeName: \"private\"")}, "spec: Forbidden: spec is immutable after creation"},
		{"a value with a colon", "x", []metav1.StatusCause{cause("a", `Invalid value: "private: private"`)}, "a: invalid value"},
		{"one of some values", "x", []metav1.StatusCause{cause("a", `Unsupported value: "private": supported values: "A", "B"`)}, "a: unsupported value"},
		{"a quota", `pods "x" is forbidden: exceeded quota: few, requested: pods=1, used: pods=3, limited: pods=3`, nil, `pods "x" is forbidden: exceeded quota: few`},
		{"a policy", `admission webhook "w" denied the request: no`, nil, `admission webhook "w" denied the request: no`},
		{"many causes", "x", slices.Repeat([]metav1.StatusCause{cause("a", "bad")}, 6), "a: bad; a: bad; a: bad; a: bad; a: bad"},
	} {
		err := &apierrors.StatusError{ErrStatus: metav1.Status{Message: row.message, Details: &metav1.StatusDetails{Causes: row.causes}}}
		if got := withoutValues(fault.New(fault.Rejected, "%w", err)); got != row.want {
			t.Errorf("%s: %q, want %q", row.reason, got, row.want)
		}
	}
	if got := withoutValues(fault.New(fault.Rejected, "%s", strings.Repeat("ä", 1000))); len(got) > longAnswer+len("…") {
		t.Errorf("%d bytes are repeated", len(got))
	}
}

// TestImages: which image takes which's place.
func TestImages(t *testing.T) {
	pod := func(kind, name, containers string) string {
		return "apiVersion: apps/v1\nkind: " + kind + "\nmetadata: {name: " + name + "}\nspec: {template: {spec: {containers: [" + containers + "]}}}\n"
	}
	cron := "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: c}\nspec: {jobTemplate: {spec: {template: {spec: {initContainers: [{name: i, image: 'i:IS'}]}}}}}\n"
	for _, row := range []struct {
		reason        string
		before, after []string
		want          []report.ImageChange
	}{
		{"another tag", []string{pod("Deployment", "a", "{name: a, image: 'a:1'}")}, []string{pod("Deployment", "a", "{name: a, image: 'a:2'}")}, []report.ImageChange{{From: "a:1", To: "a:2"}}},
		{"the same in two workloads is told once", []string{pod("Deployment", "a", "{name: a, image: 'a:1'}"), pod("DaemonSet", "b", "{name: a, image: 'a:1'}")},
			[]string{pod("Deployment", "a", "{name: a, image: 'a:2'}"), pod("DaemonSet", "b", "{name: a, image: 'a:2'}")}, []report.ImageChange{{From: "a:1", To: "a:2"}}},
		{"one that comes and one that goes", []string{pod("Deployment", "a", "{name: a, image: 'a:1'}, {name: old, image: 'old:1'}")}, []string{pod("Deployment", "a", "{name: a, image: 'a:1'}, {name: new, image: 'new:1'}")},
			[]report.ImageChange{{From: "old:1"}, {To: "new:1"}}},
		{"a workload that is used elsewhere already", []string{pod("Deployment", "a", "{name: a, image: 'a:1'}")}, []string{pod("Deployment", "a", "{name: a, image: 'a:1'}"), pod("Deployment", "b", "{name: a, image: 'a:1'}")}, nil},
		{"of a kind that holds pods deeper", []string{strings.Replace(cron, "IS", "1", 1)}, []string{strings.Replace(cron, "IS", "2", 1)}, []report.ImageChange{{From: "i:1", To: "i:2"}}},
		{"of a kind without pods", nil, []string{"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nspec: {containers: [{image: x}]}\n"}, nil},
	} {
		parseAll := func(list []string) (out []object.Object) {
			for _, text := range list {
				out = append(out, parse(t, text))
			}
			return out
		}
		if got := Images(parseAll(row.before), parseAll(row.after)); len(got)+len(row.want) > 0 && cmp.Diff(row.want, got) != "" {
			t.Errorf("%s: %s", row.reason, cmp.Diff(row.want, got))
		}
	}
}
