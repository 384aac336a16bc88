// Package health says how a live object is, and why: from its status, its conditions and its generation.
//
// The order of judgement: being deleted; a generation that its controller has not seen; the first own rule for the kind
// (Compile); the built-in rule for the kind; conditions of the kstatus convention (Ready, Available, Healthy, Stalled,
// Reconciling); else existence. A custom resource that writes no status is Healthy as soon as it exists: an own rule is
// the cure.
//
// The package never asks an API server, never reads a clock, and never waits: it judges one object at one time.
//
// Start at Assess.
package health

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/object"
)

// Verdict is how one object is. Message names the cause in a few words; it may be empty if the object is Healthy.
type Verdict struct {
	Health  v1alpha1.Health
	Message string
}

// Assess judges a live object. now is the time of the judgement.
func Assess(o object.Object, rules []Compiled, now time.Time) Verdict {
	return short(assess(o, rules, now))
}

func assess(o object.Object, rules []Compiled, now time.Time) Verdict {
	if v, ok := deleting(o, now); ok {
		return v
	}
	if v, ok := unseen(o); ok {
		return v
	}
	for _, rule := range rules {
		if rule.matches(o.ID().Group, o.ID().Kind) {
			return rule.assess(o)
		}
	}
	if judge, ok := builtIn[o.ID().GroupKind()]; ok {
		return judge(o)
	}
	if existenceOnly(o.ID().Group) {
		return healthy("")
	}
	return byConditions(o)
}

// NeedsStatus tells whether the health of a kind depends on more than that the object exists, so that whole objects must
// be watched and not their metadata alone.
func NeedsStatus(kind schema.GroupKind, rules []Compiled) bool {
	for _, rule := range rules {
		if rule.matches(kind.Group, kind.Kind) {
			return true
		}
	}
	if _, ok := builtIn[(object.ID{Group: kind.Group, Kind: kind.Kind}).GroupKind()]; ok {
		return true
	}
	return !existenceOnly(kind.Group)
}

// existenceOnly tells whether a group holds only kinds of Kubernetes itself: those without a built-in rule are Healthy
// once they exist. Ingress is one on purpose: many controllers never write an address into it.
func existenceOnly(group string) bool {
	return !strings.Contains(group, ".") || kubernetesGroups[group]
}

var kubernetesGroups = map[string]bool{
	"admissionregistration.k8s.io": true, "authentication.k8s.io": true, "authorization.k8s.io": true, "certificates.k8s.io": true,
	"coordination.k8s.io": true, "discovery.k8s.io": true, "events.k8s.io": true, "flowcontrol.apiserver.k8s.io": true,
	"networking.k8s.io": true, "node.k8s.io": true, "rbac.authorization.k8s.io": true, "resource.k8s.io": true,
	"scheduling.k8s.io": true, "storage.k8s.io": true,
}

// severity orders the words of health, the worst last. A judgement that failed is worse than work under way, and a known
// failure is the worst.
var severity = map[v1alpha1.Health]int{
	v1alpha1.Healthy: 0, v1alpha1.Suspended: 1, v1alpha1.Progressing: 2, v1alpha1.Unknown: 3, v1alpha1.Missing: 4, v1alpha1.Degraded: 5,
}

// Worst gives the first of the worst Verdicts; Healthy if there is none.
func Worst(verdicts []Verdict) Verdict {
	worst := Verdict{Health: v1alpha1.Healthy}
	for i, v := range verdicts {
		if i == 0 || severity[v.Health] > severity[worst.Health] {
			worst = v
		}
	}
	return worst
}

func deleting(o object.Object, now time.Time) (Verdict, bool) {
	meta := at(o, "metadata")
	since, ok := meta["deletionTimestamp"].(string)
	if !ok {
		return Verdict{}, false
	}
	message := "being deleted"
	if t, err := time.Parse(time.RFC3339, since); err == nil && now.Sub(t) >= time.Minute {
		message += fmt.Sprintf(" for %s", now.Sub(t).Truncate(time.Minute))
	}
	if finalizers := texts(meta["finalizers"]); len(finalizers) > 0 {
		message += ", waits for " + strings.Join(finalizers, ", ")
	}
	return progressing("%s", message), true
}

// unseen finds a status that is of an older generation than the object.
func unseen(o object.Object) (Verdict, bool) {
	generation, ok := number(at(o, "metadata"), "generation")
	if !ok {
		return Verdict{}, false
	}
	observed, ok := number(at(o, "status"), "observedGeneration")
	if !ok || observed >= generation {
		return Verdict{}, false
	}
	return progressing("its controller has not seen the last change yet"), true
}

// byConditions judges by the conditions that controllers agreed on (kstatus). Of Ready, Available and Healthy the first
// that is there counts; if it is not True, the object is Progressing: only Stalled says that it will not come right.
func byConditions(o object.Object) Verdict {
	conditions := conditionsOf(o)
	if c, ok := conditions["Stalled"]; ok && c.is("True") {
		return degraded("%s", c.text())
	}
	if c, ok := conditions["Reconciling"]; ok && c.is("True") {
		return progressing("%s", c.text())
	}
	generation, _ := number(at(o, "metadata"), "generation")
	for _, kind := range []string{"Ready", "Available", "Healthy"} {
		c, ok := conditions[kind]
		switch {
		case !ok:
			continue
		case c.generation > 0 && c.generation < generation:
			return progressing("its condition %s is of an older generation", kind)
		case c.is("True"):
			return healthy(c.message)
		}
		return progressing("not %s: %s", strings.ToLower(kind), c.text())
	}
	return healthy("")
}

type condition struct {
	status, reason, message string
	generation              int64
}

func (c condition) is(status string) bool { return c.status == status }

// text gives "reason: message", or what there is of it.
func (c condition) text() string {
	switch {
	case c.message == "":
		return c.reason
	case c.reason == "" || strings.Contains(c.message, c.reason):
		return c.message
	}
	return c.reason + ": " + c.message
}

func conditionsOf(o object.Object) map[string]condition {
	found := map[string]condition{}
	for _, c := range maps(at(o, "status")["conditions"]) {
		generation, _ := number(c, "observedGeneration")
		found[text(c, "type")] = condition{text(c, "status"), text(c, "reason"), text(c, "message"), generation}
	}
	return found
}

func healthy(message string) Verdict { return Verdict{v1alpha1.Healthy, message} }

func progressing(format string, args ...any) Verdict {
	return Verdict{v1alpha1.Progressing, fmt.Sprintf(format, args...)}
}

func degraded(format string, args ...any) Verdict {
	return Verdict{v1alpha1.Degraded, fmt.Sprintf(format, args...)}
}

func suspended(message string) Verdict { return Verdict{v1alpha1.Suspended, message} }

// maxMessage is how many bytes of a message are kept: a status row shows one line.
const maxMessage = 300

func short(v Verdict) Verdict {
	v.Message = oneLine(v.Message)
	return v
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= maxMessage {
		return s
	}
	return strings.ToValidUTF8(s[:maxMessage], "") + "…"
}

// at gives a map inside an object; nil, which reads as empty, if it is not there or no map.
func at(o object.Object, keys ...string) map[string]any {
	m := o.Fields
	for _, k := range keys {
		m, _ = m[k].(map[string]any)
	}
	return m
}

func maps(v any) []map[string]any {
	list, _ := v.([]any)
	found := make([]map[string]any, 0, len(list))
	for _, e := range list {
		if m, ok := e.(map[string]any); ok {
			found = append(found, m)
		}
	}
	return found
}

func texts(v any) []string {
	list, _ := v.([]any)
	var found []string
	for _, e := range list {
		if s, ok := e.(string); ok {
			found = append(found, s)
		}
	}
	return found
}

func text(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}

func number(m map[string]any, key string) (int64, bool) {
	switch n := m[key].(type) {
	case int64:
		return n, true
	case float64:
		return int64(n), true
	}
	return 0, false
}

// count gives a number, or another if it is not there.
func count(m map[string]any, key string, otherwise int64) int64 {
	if n, ok := number(m, key); ok {
		return n
	}
	return otherwise
}
