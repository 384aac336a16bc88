package people

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/report"
	"plumb.dev/plumb/internal/server"
)

// What a person may read of an app, beyond its state.
const (
	readLogs    = "logs"
	readEvents  = "events"
	readEntries = "entries"
)

// revertedWithin is how long an answer waits for the pull request of a revert.
const revertedWithin = 20 * time.Second

// appRight is a verb on one App.
func appRight(app *v1alpha1.App, verb string) Right {
	return Right{Verb: verb, Group: v1alpha1.GroupVersion.Group, Resource: "apps", Namespace: app.Namespace, Name: app.Name}
}

// rightsTo gives what an action needs. That the API server's policies ask for the verb beside patch is their rule
// (deploy/manifests/policies.yaml); it is asked here too so that a button can say so.
func rightsTo(action string, app *v1alpha1.App) []Right {
	patch := appRight(app, "patch")
	switch action {
	case server.DoSync, server.DoRestore, server.DoRetry:
		return []Right{patch, appRight(app, "sync")}
	case server.DoPause, server.DoResume:
		return []Right{patch, appRight(app, "pause")}
	case server.DoRevert:
		return []Right{patch, appRight(app, "revert")}
	case readLogs:
		return []Right{{Verb: "get", Resource: "pods", Subresource: "log", Namespace: targetOf(app)}}
	case readEvents:
		return []Right{{Verb: "list", Resource: "events", Namespace: targetOf(app)}}
	}
	return []Right{{Verb: "list", Group: v1alpha1.GroupVersion.Group, Resource: "entries", Namespace: app.Namespace}}
}

// targetOf is the namespace that most of an app's objects are in.
func targetOf(app *v1alpha1.App) string {
	if app.Spec.Namespace != "" {
		return app.Spec.Namespace
	}
	return app.Namespace
}

// Can tells for each action whether the person may do it now; if not, why.
func (p *Person) Can(ctx context.Context, app *v1alpha1.App) map[string]server.Can {
	actions := []string{
		server.DoSync, server.DoRestore, server.DoPause, server.DoResume, server.DoRetry, server.DoRevert, readLogs, readEvents, readEntries,
	}
	var all []Right
	for _, action := range actions {
		all = append(all, rightsTo(action, app)...)
	}
	verdicts, _ := p.may(ctx, all...) // what could not be asked is denied, and says so
	can := map[string]server.Can{}
	for _, action := range actions {
		one := server.Can{OK: true}
		for range rightsTo(action, app) {
			if v := verdicts[0]; one.OK && !v.OK {
				one = server.Can{Why: v.Why}
			}
			verdicts = verdicts[1:]
		}
		if one.OK {
			if why := p.senseless(action, app); why != "" {
				one = server.Can{Why: why}
			}
		}
		if action == server.DoRetry && p.senseless(action, app) == "" {
			one.Does = retried(app)
		}
		can[action] = one
	}
	return can
}

// senseless tells why an action would do nothing now; "" if it would do something.
func (p *Person) senseless(action string, app *v1alpha1.App) string {
	switch action {
	case server.DoRestore:
		if !slices.ContainsFunc(app.Status.Drift, func(d v1alpha1.Drift) bool { return d.Healed == nil }) {
			return "nothing differs from Git"
		}
	case server.DoResume:
		if app.Spec.Pause == nil {
			return "it is not paused"
		}
	case server.DoRetry:
		if readyReason(app) != fault.HookFailed {
			return "no hook has failed"
		}
	case server.DoRevert:
		if _, err := p.people.options.Agent.Revertible(app.Namespace, app.Name, ""); err != nil {
			return fault.Of(err, fault.NotReverted).Message
		}
	}
	return ""
}

// retried says what a retry does: a pass runs every hook of the revision again that has failed, and none that has succeeded.
func retried(app *v1alpha1.App) string {
	text := "runs the failed hook again"
	if b := app.Status.Blocking; b != nil {
		id := object.ID{Kind: b.Kind, Namespace: b.Namespace, Name: b.Name}
		text = "runs hook " + id.String() + " again if it has come to its end, and whatever other hook has failed"
	}
	if target := app.Status.Target; target != "" {
		text += fmt.Sprintf(", at %.7s", target)
	}
	return text + "; hooks that succeeded do not run twice"
}

func readyReason(app *v1alpha1.App) fault.Reason {
	for _, c := range app.Status.Conditions {
		if c.Type == v1alpha1.ConditionReady {
			return fault.Reason(c.Reason)
		}
	}
	return ""
}

// Do asks for an action, as the person.
func (p *Person) Do(ctx context.Context, app *v1alpha1.App, a server.Action) (server.Asked, error) {
	switch a.Do {
	case server.DoSync, server.DoRestore, server.DoRetry:
		return p.askForPass(ctx, app, a.Do)
	case server.DoPause:
		return p.pause(ctx, app, a.Reason, a.Until)
	case server.DoResume:
		return p.resume(ctx, app)
	case server.DoRevert:
		return p.revert(ctx, app, a.To, a.Reason)
	}
	return server.Asked{}, fault.New(fault.Unsupported, "there is no action %q", a.Do)
}

// askForPass asks for a pass of an app: to sync, to restore or to retry, which differ in what people expect of it.
func (p *Person) askForPass(ctx context.Context, app *v1alpha1.App, action string) (server.Asked, error) {
	if why := p.senseless(action, app); why != "" {
		return server.Asked{}, fault.New(fault.Rejected, "%s/%s: %s", app.Namespace, app.Name, why)
	}
	marks := map[string]any{v1alpha1.AnnotationSync: p.newToken()}
	if err := p.write(ctx, app, action, map[string]any{"metadata": map[string]any{"annotations": marks}}); err != nil {
		return server.Asked{}, err
	}
	said := map[string]string{
		server.DoSync:    "asked for a pass",
		server.DoRestore: "asked for a pass that puts right what differs from Git",
		server.DoRetry:   "asked for a pass that " + retried(app),
	}
	return server.Asked{Accepted: true, Text: said[action]}, nil
}

// pause stops applying and healing an app, until the given time (zero: until somebody resumes it).
func (p *Person) pause(ctx context.Context, app *v1alpha1.App, reason string, until time.Time) (server.Asked, error) {
	reason = report.Clean(reason)
	switch {
	case reason == "" || len(reason) > 1024:
		return server.Asked{}, fault.New(fault.InvalidObject, "a pause needs a reason of at most 1024 bytes").WithNext("say why; everybody sees it")
	case !until.IsZero() && !until.After(p.people.now()):
		return server.Asked{}, fault.New(fault.InvalidObject, "the pause would have ended already").WithNext("give a time that is still to come, or none")
	}
	pause := map[string]any{"reason": reason, "by": p.name, "until": nil, "at": nil}
	text := "paused until somebody resumes it"
	if !until.IsZero() {
		pause["until"] = until.UTC().Format(time.RFC3339)
		text = "paused until " + until.UTC().Format(time.RFC3339)
	}
	if err := p.write(ctx, app, server.DoPause, map[string]any{"spec": map[string]any{"pause": pause}}); err != nil {
		return server.Asked{}, err
	}
	return server.Asked{Accepted: true, Text: text}, nil
}

// resume ends a pause.
func (p *Person) resume(ctx context.Context, app *v1alpha1.App) (server.Asked, error) {
	if why := p.senseless(server.DoResume, app); why != "" {
		return server.Asked{}, fault.New(fault.Rejected, "%s/%s: %s", app.Namespace, app.Name, why)
	}
	if err := p.write(ctx, app, server.DoResume, map[string]any{"spec": map[string]any{"pause": nil}}); err != nil {
		return server.Asked{}, err
	}
	return server.Asked{Accepted: true, Text: "resumed"}, nil
}

// revert asks the agent for the pull request that takes the newest change of an app back: to a commit, or to the last revision
// that was ok. The agent opens it with the credential of the Repo's forge; nothing is merged.
func (p *Person) revert(ctx context.Context, app *v1alpha1.App, to, reason string) (server.Asked, error) {
	if err := p.need(ctx, rightsTo(server.DoRevert, app)...); err != nil {
		return server.Asked{}, err
	}
	if _, err := p.people.options.Agent.Revertible(app.Namespace, app.Name, to); err != nil {
		return server.Asked{}, err
	}
	request := v1alpha1.RevertRequest{Token: p.newToken(), To: to, By: p.name, Reason: report.Clean(reason)}
	value, err := json.Marshal(request)
	if err != nil {
		return server.Asked{}, err
	}
	marks := map[string]any{v1alpha1.AnnotationRevert: string(value)}
	if err := p.write(ctx, app, server.DoRevert, map[string]any{"metadata": map[string]any{"annotations": marks}}); err != nil {
		return server.Asked{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, revertedWithin)
	defer cancel()
	answer, ok := p.people.options.Agent.Reverted(ctx, app.Namespace, app.Name, request.Token)
	switch {
	case !ok:
		return server.Asked{Accepted: true, Text: "asked for a revert; the pull request is still being made"}, nil
	case answer.Err != nil:
		return server.Asked{}, answer.Err
	case answer.Conflicts > 0:
		return server.Asked{Accepted: true, Text: "the pull request is open; people must mend conflicts in it", URL: answer.URL}, nil
	}
	return server.Asked{Accepted: true, Text: "the pull request is open: review and merge it", URL: answer.URL}, nil
}

// CanRevert tells whether the person may have a commit's part of an app taken back: it has to be the app's newest change.
func (p *Person) CanRevert(ctx context.Context, app *v1alpha1.App, commit string) server.Can {
	change, err := p.people.options.Agent.Revertible(app.Namespace, app.Name, "")
	if err != nil {
		return server.Can{Why: fault.Of(err, fault.NotReverted).Message}
	}
	if commit != change.Bad && !slices.Contains(change.ChangedBy, commit) {
		return server.Can{Why: fmt.Sprintf("its newest change is %.7s: a revert takes that back", change.Bad)}
	}
	if err := p.need(ctx, rightsTo(server.DoRevert, app)...); err != nil {
		return server.Can{Why: fault.Of(err, fault.Forbidden).Message}
	}
	return server.Can{OK: true, Does: fmt.Sprintf("takes %.7s back to %.7s, in a pull request", change.Bad, change.Good)}
}

// PreviewRevert shows what a revert of an app would be, to whoever may ask for it.
func (p *Person) PreviewRevert(ctx context.Context, app *v1alpha1.App, to string) (server.RevertPreview, error) {
	if err := p.need(ctx, rightsTo(server.DoRevert, app)...); err != nil {
		return server.RevertPreview{}, err
	}
	return p.people.options.Agent.PreviewRevert(ctx, app.Namespace, app.Name, to)
}

// write changes fields of an App as the person. The API server's policies judge it too; what they say is passed on.
func (p *Person) write(ctx context.Context, app *v1alpha1.App, action string, fields map[string]any) error {
	if err := p.need(ctx, rightsTo(action, app)...); err != nil {
		return err
	}
	data, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	_, err = answerOf(p.rest.Verb(http.MethodPatch).AbsPath(plumbPath(app.Namespace, "apps", app.Name)...).
		SetHeader("Content-Type", string(types.MergePatchType)).SetHeader("Accept", "application/json").
		Param("fieldManager", v1alpha1.ManagerPage).Param("fieldValidation", "Strict").Timeout(askFor).Body(data).Do(ctx))
	if err == nil {
		p.people.log.Info("a person acted", "by", p.name, "how", p.how, "action", action, "app", app.Namespace+"/"+app.Name)
		return nil
	}
	id := object.ID{Group: v1alpha1.GroupVersion.Group, Kind: "App", Namespace: app.Namespace, Name: app.Name}
	return cluster.Explain(err, id, p.name)
}

// newToken names a request.
func (p *Person) newToken() string {
	random := make([]byte, 6)
	_, _ = rand.Read(random) // never fails
	return p.people.now().UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(random)
}
