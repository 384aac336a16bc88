package agent

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/redact"
)

// What is told of the log of a hook that failed: so many lines, of so many characters, out of so many bytes.
const (
	logLines      = 10
	logLineLength = 200
	logBytes      = 16 << 10
)

// secretsRead is how many Secrets of a pod are read to take their values out of its log. Of a pod with more nothing is told.
const secretsRead = 20

// failureLog is the end of the log of one failed run of a hook.
type failureLog struct {
	run   string // revision and attempt
	lines []string
}

// readLogs reads the logs of hooks that have failed, before anything is done about them: their delete policy may take the
// pods away.
func (t *turn) readLogs(ctx context.Context) {
	c := &t.app.course
	for _, s := range t.plan.Steps {
		if s.Run == nil || s.Run.State != plan.RunFailed || s.Action != plan.Refuse {
			continue
		}
		run := t.app.target + "/" + s.Phase + "/" + s.Run.Attempt
		if c.logs[s.ID].run == run {
			continue
		}
		if c.logs == nil {
			c.logs = map[object.ID]failureLog{}
		}
		c.logs[s.ID] = failureLog{run: run, lines: t.failedLog(ctx, s.ID)}
	}
}

// logs gives what was read of the hooks that have failed in the revision in hand; of the one that blocks, what a former life
// of the agent has told, where nothing is there any more.
func (t *turn) logs() map[object.ID][]string {
	a := t.app
	logs := map[object.ID][]string{}
	for id, log := range a.course.logs {
		if !strings.HasPrefix(log.run, a.target+"/") {
			continue
		}
		logs[id] = log.lines
		b := a.status.Blocking
		if len(log.lines) == 0 && b != nil && b.Kind == id.Kind && b.Namespace == id.Namespace && b.Name == id.Name && a.status.Target == a.target {
			logs[id] = b.Log
		}
	}
	return logs
}

// failedLog gives the end of the log of the pod that failed, read as the app's ServiceAccount, without the values of the
// Secrets of the app and of those that the pod reads. If one of these cannot be read, nothing is told.
func (t *turn) failedLog(ctx context.Context, id object.ID) []string {
	pod, ok := t.failedPod(ctx, id)
	if !ok {
		return nil
	}
	secrets, names := redact.Needles(t.objects...), secretsOf(pod)
	if len(names) > secretsRead {
		return []string{"its log is not shown: its pod reads too many Secrets, whose values it may hold"}
	}
	for _, name := range names {
		live, _, err := t.client.Get(ctx, object.ID{Kind: "Secret", Namespace: pod.Namespace(), Name: name}, "v1")
		switch {
		case cluster.IsGone(err):
		case err != nil:
			return []string{"its log is not shown: Secret " + name + ", whose values it may hold, could not be read"}
		default:
			secrets = append(secrets, redact.Needles(live)...)
		}
	}
	text, err := t.client.Log(ctx, pod.ID(), failedContainer(pod), logLines, logBytes)
	if err != nil {
		t.log.Debug("the log of a hook cannot be read", "object", pod.ID().String(), "error", err)
		return nil
	}
	hide := redact.NewFilter(secrets...).Text
	if len(text) >= logBytes { // it was cut
		hide = redact.NewFilter(secrets...).Beginning
	}
	var lines []string
	for line := range strings.Lines(hide(text)) {
		runes := []rune(strings.TrimRight(line, "\r\n"))
		if len(runes) > logLineLength {
			runes = append(runes[:logLineLength-1], '…')
		}
		lines = append(lines, strings.ToValidUTF8(string(runes), "�"))
	}
	return lines[max(0, len(lines)-logLines):]
}

// failedPod gives the pod of a hook that failed last.
func (t *turn) failedPod(ctx context.Context, id object.ID) (object.Object, bool) {
	if t.client == nil || !ownsPods(id) && id.GroupKind() != "Pod" {
		return object.Object{}, false
	}
	live, _, err := t.client.Get(ctx, id, t.app.versionOf(id))
	if err != nil {
		return object.Object{}, false
	}
	if id.Kind == "Pod" {
		return live, true
	}
	selector, err := selectorOf(live)
	if err != nil || selector == "" {
		return object.Object{}, false
	}
	pods, err := t.client.List(ctx, object.ID{Kind: "Pod", Namespace: id.Namespace}, "v1", selector, podsRead)
	if err != nil || len(pods) == 0 {
		return object.Object{}, false
	}
	return slices.MaxFunc(pods, func(a, b object.Object) int {
		return cmp.Or(strings.Compare(createdAt(a), createdAt(b)), strings.Compare(a.Name(), b.Name()))
	}), true
}

// createdAt gives the time at which an object was made, in a form that sorts.
func createdAt(o object.Object) string {
	meta, _ := o.Fields["metadata"].(map[string]any)
	at, _ := meta["creationTimestamp"].(string)
	if t, err := time.Parse(time.RFC3339, at); err == nil {
		return t.UTC().Format(time.RFC3339)
	}
	return ""
}

// failedContainer gives the first container of a pod that ended badly; if none did, its first.
func failedContainer(pod object.Object) string {
	status, _ := pod.Fields["status"].(map[string]any)
	for _, list := range []string{"initContainerStatuses", "containerStatuses"} {
		for _, c := range mapsOf(status[list]) {
			state, _ := c["state"].(map[string]any)
			end, _ := state["terminated"].(map[string]any)
			if code, ok := end["exitCode"].(int64); ok && code != 0 {
				name, _ := c["name"].(string)
				return name
			}
		}
	}
	spec, _ := pod.Fields["spec"].(map[string]any)
	for _, c := range mapsOf(spec["containers"]) {
		name, _ := c["name"].(string)
		return name
	}
	return ""
}

// secretsOf names the Secrets that a pod reads, sorted, wherever in its spec they are named.
func secretsOf(pod object.Object) []string {
	var names []string
	var walk func(key string, v any)
	walk = func(key string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, field := range []string{"name", "secretName"} {
				name, ok := v[field].(string)
				if ok && (field == "secretName" || key == "secretKeyRef" || key == "secretRef" || key == "secret") {
					names = append(names, name)
				}
			}
			for k, e := range v {
				walk(k, e)
			}
		case []any:
			for _, e := range v {
				walk(key, e)
			}
		}
	}
	walk("", pod.Fields["spec"])
	slices.Sort(names)
	return slices.Compact(names)
}

func mapsOf(v any) []map[string]any {
	list, _ := v.([]any)
	var found []map[string]any
	for _, e := range list {
		if m, ok := e.(map[string]any); ok {
			found = append(found, m)
		}
	}
	return found
}
