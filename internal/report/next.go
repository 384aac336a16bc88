package report

import (
	"fmt"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
)

// Next gives the next step for a target: one command or one change in Git; "" if nothing needs doing.
func (t Target) Next() string {
	address, st := t.Address(), t.App.Status
	switch {
	case st.State == "" && st.AsOf == nil:
		return "plumb sync " + address
	case t.State == v1alpha1.StateUnknown && t.Ending():
		return nextOfEnd(t.App)
	case t.State == v1alpha1.StateUnknown:
		return nextOfSilence
	case t.State == v1alpha1.StateOK:
		return ""
	case t.Ending() && t.State != v1alpha1.StateFailed:
		return fmt.Sprintf("wait; or leave what there still is in place: kubectl -n %s annotate --overwrite app %s %s=orphan", t.App.Namespace, t.App.Name, v1alpha1.AnnotationDelete)
	case t.State == v1alpha1.StateFailed && proposed(st) != nil:
		return fmt.Sprintf("review and merge pull request #%d: %s", st.Revert.Pull, Clean(st.Revert.URL))
	case t.State == v1alpha1.StateFailed && t.advice() != "":
		return t.advice()
	case heldCount(st) > 0 && t.State != v1alpha1.StateFailed: // consent does not mend a failure
		if lines := t.ConsentLines(); len(lines) > 1 { // one of them would leave something held
			return fmt.Sprintf("commit to the branch (an empty commit will do) with the %d lines that plumb why %s names as consent", len(lines), address)
		}
		return "commit to the branch (an empty commit will do) with the line:  " + t.ConsentLines()[0]
	}
	if next := nextOfReason(t.Reason(), address, t.App); next != "" {
		return next + t.orBack()
	}
	switch t.State {
	case v1alpha1.StateRolling, v1alpha1.StateWaiting:
		return "plumb wait " + address
	case v1alpha1.StatePaused:
		return "plumb resume " + address
	}
	return "plumb sync " + address + " tries again now"
}

// advice is the next step that the fault itself names; "" if it names none.
func (t Target) advice() string {
	ready := meta.FindStatusCondition(t.App.Status.Conditions, v1alpha1.ConditionReady)
	if summary := t.App.Status.Summary; ready != nil && summary != "" && strings.HasPrefix(ready.Message, summary) {
		return Clean(beyond(ready.Message, summary))
	}
	return ""
}

// lastGood is the revision that was ok before the one that fails the app; "" if none is remembered or nothing failed.
func (t Target) lastGood() string {
	rows := t.App.Status.History
	if t.State != v1alpha1.StateFailed || len(rows) == 0 || rows[0].Result == string(v1alpha1.ResultOK) {
		return ""
	}
	for _, row := range rows[1:] {
		if row.Result == string(v1alpha1.ResultOK) && row.Revision != rows[0].Revision {
			return row.Revision
		}
	}
	return ""
}

// orBack offers the way back beside the way to the cause, where a change broke what was ok.
func (t Target) orBack() string {
	if reason := t.Reason(); reason != fault.HealthDegraded && reason != fault.HealthTimeout || t.lastGood() == "" {
		return ""
	}
	return "; or back to " + short(t.lastGood()) + ": plumb rollback " + t.Address()
}

// Reason gives the reason of the Ready condition; "" if there is none.
func (t Target) Reason() fault.Reason {
	if ready := meta.FindStatusCondition(t.App.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		return fault.Reason(ready.Reason)
	}
	return ""
}

func nextOfReason(reason fault.Reason, address string, app v1alpha1.App) string {
	account := app.Spec.ServiceAccount
	if account == "" {
		account = "plumb-deployer"
	}
	switch reason {
	case fault.RenderFailed, fault.RenderTimeout, fault.RenderLimit, fault.PathEscape, fault.RemoteRefused,
		fault.DuplicateObject, fault.InvalidObject, fault.InvalidSettings:
		return "plumb render " + address + " shows the same in your clone; then commit the correction"
	case fault.PathNotFound, fault.Ambiguous, fault.DuplicateApp, fault.NameInvalid, fault.NoCluster, fault.ClusterUnknown:
		return "plumb apps --explain shows in your clone how each folder is read"
	case fault.Forbidden:
		return fmt.Sprintf("kubectl auth can-i --list --as system:serviceaccount:%s:%s; then grant what is missing", app.Namespace, account)
	case fault.ServiceAccountMissing:
		return fmt.Sprintf("kubectl -n %s create serviceaccount %s; then bind it to a role", app.Namespace, account)
	case fault.HealthDegraded, fault.HealthTimeout:
		return nextOfHealth(app)
	case fault.Drifted, fault.Fight:
		return "commit the live value, stop whoever writes it, or add an ignore rule with a why to plumb.yaml"
	case fault.Paused, fault.Held:
		return "plumb resume " + address
	case fault.PolicyDenied:
		return "plumb check shows in your clone what the policies have against the commit; mend it, or commit an exception that ends"
	case fault.NeedsSync:
		return "plumb sync " + address
	case fault.ReadOnly:
		return "plumb diff shows every field; an agent without --read-only applies it"
	case fault.WaitingForApp:
		return nextOfWait(app)
	case fault.DependencyCycle:
		return "take one after out; plumb apps --explain shows the order in your clone"
	case fault.FetchFailed, fault.CredentialsRefused, fault.SourceStale, fault.RevisionNotFound:
		return "check the address, the revision and the Secret of the repository; then plumb sync " + address
	}
	return ""
}

// nextOfWait leads to the app that is waited for.
func nextOfWait(app v1alpha1.App) string {
	for _, w := range app.Status.WaitingFor {
		if w.Kind == "App" {
			return Clean("plumb why " + w.Name)
		}
	}
	return ""
}

// nextOfHealth leads to the blocking object, and where it is a pod of it that crashes, to what that has said last.
func nextOfHealth(app v1alpha1.App) string {
	b := app.Status.Blocking
	if b == nil {
		return ""
	}
	namespace := ""
	if b.Namespace != "" {
		namespace = "-n " + b.Namespace + " "
	}
	what := b.Kind + " " + b.Name
	if m := podTrouble.FindStringSubmatch(b.Message); m != nil {
		if pod, reason, container := m[1], m[2], m[3]; reason == "CrashLoopBackOff" && container != "" {
			return Clean(fmt.Sprintf("kubectl %slogs %s -c %s --previous", namespace, pod, container))
		}
		what = "pod " + m[1]
	}
	return Clean(fmt.Sprintf("kubectl %sdescribe %s", namespace, what))
}

// podTrouble reads what the agent says of a pod that keeps its workload from being healthy: pod, reason, container.
var podTrouble = regexp.MustCompile(`^pod ([a-z0-9.-]+): (\w+):(?: container ([a-z0-9-]+))?`)

// ConsentLines gives the commit message lines that would let the held deletions happen: one for the app, and one for each
// Namespace, which only goes by name (resources.md §7.3).
func (t Target) ConsentLines() []string {
	held := t.App.Status.HeldDeletions
	if heldCount(t.App.Status) == 0 {
		return nil
	}
	lines, others := []string{}, heldCount(t.App.Status) > len(held)
	for _, h := range held {
		if isNamespace(h.Object) {
			lines = append(lines, "Plumb-Allow-Delete: "+t.Address()+" "+Clean(h.Object))
			continue
		}
		others = true
	}
	if others {
		lines = append([]string{"Plumb-Allow-Delete: " + t.Address()}, lines...)
	}
	return lines
}

func isNamespace(object string) bool {
	const kind = "Namespace/"
	return len(object) > len(kind) && object[:len(kind)] == kind
}
