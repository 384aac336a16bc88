package people

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/cluster"
	"plumb.dev/plumb/internal/diff"
	"plumb.dev/plumb/internal/fault"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/origin"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/redact"
	"plumb.dev/plumb/internal/server"
)

// Limits of one object.
const (
	ownersUp     = 4       // how many owners an object may have above it to be an app's child
	yamlAtMost   = 1 << 20 // bytes of YAML that are shown of one object
	fieldsAtMost = 500     // differences that are told
)

// Object gives one object of an app, or of what the app's workloads made: as it is, as Git has it, and what differs.
func (p *Person) Object(ctx context.Context, app *v1alpha1.App, ref server.ObjectRef) (server.ObjectView, error) {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	id := object.ID{Group: ref.Group, Kind: ref.Kind, Namespace: ref.Namespace, Name: ref.Name}
	desired, _ := p.people.options.Agent.Desired(ctx, app.Namespace, app.Name)
	want, inGit := desired.find(id)
	version := cmp.Or(ref.Version, "v1")
	if inGit {
		version = want.Version()
	}
	hidden, err := p.hides(ctx, "get", id, version)
	if err != nil {
		return server.ObjectView{}, err
	}
	if hidden != "" {
		return server.ObjectView{}, mayNot(Verdict{Why: hidden})
	}
	live, entries, err := p.eyes.Get(ctx, id, version)
	gone := cluster.IsGone(err)
	if err != nil && !gone {
		return server.ObjectView{}, err
	}
	if !inGit {
		if err := p.belongs(ctx, app, id, live, gone); err != nil {
			return server.ObjectView{}, err
		}
	}
	v := view{id: id, hide: redact.NewFilter(append(redact.Needles(desired.Objects...), redact.Needles(live)...)...), out: server.ObjectView{Missing: gone}}
	if inGit {
		v.git(want, desired.Revision)
	}
	if !gone {
		v.live(live, entries)
	}
	if inGit && !gone {
		changes := differing(want, live, entries, app, desired.Ignore)
		changes = changes[:min(len(changes), fieldsAtMost)]
		v.differences(changes, places(ctx, want, desired, changes))
	}
	v.healed(app)
	return v.out, nil
}

// belongs tells whether an object is of an app: in its Inventory, or made by what is.
func (p *Person) belongs(ctx context.Context, app *v1alpha1.App, id object.ID, live object.Object, gone bool) error {
	strange := fault.New(fault.PathNotFound, "%s is no object of %s/%s", id, app.Namespace, app.Name)
	inventory, err := p.inventory(ctx, app)
	if err != nil {
		return err
	}
	has := func(id object.ID) bool {
		return slices.ContainsFunc(inventory, func(e v1alpha1.InventoryEntry) bool {
			return e.Group == id.Group && e.Kind == id.Kind && e.Namespace == id.Namespace && e.Name == id.Name
		})
	}
	for range ownersUp {
		if has(id) {
			return nil
		}
		meta := metaOf(live)
		owner := metav1.GetControllerOf(&meta)
		if gone || owner == nil {
			return strange
		}
		gv, err := schema.ParseGroupVersion(owner.APIVersion)
		if err != nil {
			return strange
		}
		id = object.ID{Group: gv.Group, Kind: owner.Kind, Namespace: id.Namespace, Name: owner.Name}
		if has(id) {
			return nil
		}
		hidden, err := p.hides(ctx, "get", id, gv.Version)
		if err != nil || hidden != "" {
			return strange
		}
		if live, _, err = p.eyes.Get(ctx, id, gv.Version); err != nil || metaOf(live).UID != owner.UID {
			return strange
		}
	}
	return strange
}

// view is the answer about one object while it is made.
type view struct {
	id   object.ID
	hide redact.Filter
	out  server.ObjectView
}

func (v *view) git(want object.Object, revision string) {
	v.out.Desired, v.out.Revision = v.yamlOf(want), revision
	if want.Place.File != "" {
		v.out.File = &server.FileLine{Path: want.Place.File, Line: want.Place.Line}
	}
}

func (v *view) live(live object.Object, entries []metav1.ManagedFieldsEntry) {
	v.out.Live = v.yamlOf(object.Remove(live, object.Fields("metadata", "managedFields")))
	for _, e := range entries {
		m := server.FieldManager{Manager: e.Manager, Operation: string(e.Operation), Subresource: e.Subresource}
		if e.Time != nil {
			m.Time = e.Time.Time
		}
		v.out.Managers = append(v.out.Managers, m)
	}
	slices.SortStableFunc(v.out.Managers, func(a, b server.FieldManager) int { return b.Time.Compare(a.Time) })
}

// yamlOf gives what may be shown of an object as YAML. Values of Secrets that stand elsewhere in it are taken out too: tools
// keep copies of whole objects in annotations of their own.
func (v *view) yamlOf(o object.Object) string {
	shown := v.hide.Object(redact.Object(o))
	v.out.Redacted = v.out.Redacted || shown.Digest() != o.Digest()
	data, err := yaml.JSONToYAML(shown.JSON())
	if err != nil {
		return ""
	}
	text := v.hide.Text(string(data))
	v.out.Redacted = v.out.Redacted || text != string(data)
	if len(text) > yamlAtMost {
		return strings.ToValidUTF8(text[:yamlAtMost], "") + "\n# and more: kubectl get shows all of it\n"
	}
	return text
}

// differing gives the fields that differ from Git, but for those that the app's settings ignore.
func differing(want, live object.Object, entries []metav1.ManagedFieldsEntry, app *v1alpha1.App, ignore []v1alpha1.IgnoreRule) []diff.Change {
	manager := object.Manager(app.Namespace, app.Name)
	changes := append(diff.Drift(want, live, entries, manager), diff.AddedChanges(live, diff.Foreign(want, entries, manager))...)
	rules := plan.RulesFor(ignore, want.ID())
	return slices.DeleteFunc(changes, func(c diff.Change) bool {
		return slices.ContainsFunc(rules, func(rule v1alpha1.IgnoreRule) bool { return plan.Ignores(rule, c.Manager, c.Field) })
	})
}

// places gives where Git says the fields of changes, for people who want to keep what is live.
func places(ctx context.Context, want object.Object, desired Desired, changes []diff.Change) []*server.FileLine {
	out := make([]*server.FileLine, len(changes))
	if desired.Origins == nil || len(changes) == 0 {
		return out
	}
	var fields []origin.Field
	var which []int
	for i, c := range changes {
		path, err := object.ParsePath(c.Field)
		if err != nil {
			continue
		}
		fields, which = append(fields, origin.Field{Path: path, Git: c.Git, Live: c.Live}), append(which, i)
	}
	for i, from := range desired.Origins(ctx, want, fields) {
		if from.Place.File != "" || from.Says != "" {
			out[which[i]] = &server.FileLine{Path: from.Place.File, Line: from.Place.Line, Says: from.Says}
		}
	}
	return out
}

// differences says which fields differ from Git, who has written them when, and where Git says them.
func (v *view) differences(changes []diff.Change, places []*server.FileLine) {
	for i, c := range changes {
		v.out.Fields = append(v.out.Fields, server.FieldDiff{
			Field: c.Field, Kind: c.Kind, Git: v.value(c.Git), Live: v.value(c.Live),
			Manager: c.Manager, Operation: c.Operation, Subresource: c.Subresource, Time: c.Time, File: places[i],
		})
	}
}

// value gives a value without those of Secrets that stand in it.
func (v *view) value(value any) any {
	if value == nil {
		return nil
	}
	text := string(object.Canonical(value))
	shown := v.hide.Text(text)
	if shown == text {
		return value
	}
	v.out.Redacted = true
	return redact.Marker
}

// healed adds what was put right of the object of late, as the App's status tells it.
func (v *view) healed(app *v1alpha1.App) {
	for _, d := range app.Status.Drift {
		if d.Object != v.id.String() || d.Healed == nil || d.Field == "" {
			continue
		}
		f := server.FieldDiff{
			Field: d.Field, Kind: d.Kind, Manager: d.Manager, Operation: d.Operation, Subresource: d.Subresource,
			Git: v.hide.Text(d.Git), Live: v.hide.Text(d.Live), Healed: d.Healed.Time,
		}
		if d.Time != nil {
			f.Time = d.Time.Time
		}
		v.out.Fields = append(v.out.Fields, f)
	}
}

// Limits of events.
const (
	eventsRead  = 20_000 // per namespace: they come by name, and the newest may be the last
	eventsKept  = 2000   // while they are read
	eventsShown = 200
)

// Events gives the newest events about the objects of an app, what those made, and the App itself.
func (p *Person) Events(ctx context.Context, app *v1alpha1.App) ([]server.LiveEvent, error) {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	entries, err := p.inventory(ctx, app)
	if err != nil {
		return nil, err
	}
	desired, _ := p.people.options.Agent.Desired(ctx, app.Namespace, app.Name)
	e := eventful{app: app, hide: redact.NewFilter(redact.Needles(desired.Objects...)...), names: map[object.ID]bool{}}
	namespaces := []string{app.Namespace}
	for _, entry := range entries {
		e.names[object.ID{Kind: entry.Kind, Namespace: entry.Namespace, Name: entry.Name}] = true
		if entry.Namespace != "" && !slices.Contains(namespaces, entry.Namespace) {
			namespaces = append(namespaces, entry.Namespace)
		}
	}
	refused := 0
	var why Verdict
	for _, namespace := range namespaces {
		if v := p.mayOne(ctx, Right{Verb: "list", Resource: "events", Namespace: namespace}); !v.OK {
			refused, why = refused+1, v
			continue
		}
		if _, err := p.eyes.Walk(ctx, object.ID{Kind: "Event", Namespace: namespace}, "v1", "", eventsRead, e.take); err != nil {
			return nil, err
		}
	}
	if refused == len(namespaces) {
		return nil, mayNot(why)
	}
	e.newest()
	return e.found, nil
}

// eventful gathers the events that are about an app.
type eventful struct {
	app   *v1alpha1.App
	hide  redact.Filter
	names map[object.ID]bool // without group: an event may leave it out
	found []server.LiveEvent
}

func (e *eventful) take(o object.Object) {
	about, _ := o.Fields["involvedObject"].(map[string]any)
	id := object.ID{Kind: text(about, "kind"), Namespace: cmp.Or(text(about, "namespace"), o.Namespace()), Name: text(about, "name")}
	if !e.concerns(id) {
		return
	}
	event := server.LiveEvent{
		Type: text(o.Fields, "type"), Reason: text(o.Fields, "reason"), Object: id.Kind + "/" + id.Namespace + "/" + id.Name,
		Message: cut(e.hide.Text(text(o.Fields, "message")), maxMessage), Count: 1, Time: eventTime(o),
	}
	if n, ok := o.Fields["count"].(int64); ok && n > 0 {
		event.Count = int(n)
	}
	if series, ok := o.Fields["series"].(map[string]any); ok {
		if n, ok := series["count"].(int64); ok && n > 0 {
			event.Count = int(n)
		}
	}
	if e.found = append(e.found, event); len(e.found) >= eventsKept {
		e.newest()
	}
}

// newest keeps those that are shown.
func (e *eventful) newest() {
	slices.SortStableFunc(e.found, func(a, b server.LiveEvent) int { return b.Time.Compare(a.Time) })
	e.found = e.found[:min(len(e.found), eventsShown)]
}

// concerns tells whether an event is about the App, an object of it, or one that a workload of it has made: controllers name
// those after the workload, with what generated names have behind it.
func (e *eventful) concerns(id object.ID) bool {
	if id.Kind == "App" && id.Namespace == e.app.Namespace && id.Name == e.app.Name || e.names[id] {
		return true
	}
	for _, made := range madeBy[id.Kind] {
		part := made.name.FindStringSubmatch(id.Name)
		if part != nil && e.names[object.ID{Kind: made.by, Namespace: id.Namespace, Name: part[1]}] {
			return true
		}
	}
	return len(id.Name) == longest && madeBy[id.Kind] != nil && e.begun(id)
}

// longest is how long a generated name is of which the beginning was cut, so that the end has room.
const longest, generated = 63, 5

// begun tells whether a name that was cut begins as that of a workload.
func (e *eventful) begun(id object.ID) bool {
	for _, made := range madeBy[id.Kind] {
		for name := range e.names {
			if name.Kind == made.by && name.Namespace == id.Namespace && strings.HasPrefix(name.Name+"-", id.Name[:min(len(name.Name)+1, longest-generated)]) {
				return true
			}
		}
	}
	return false
}

// madeBy has for the kinds that workloads make how their names come from that of the workload. A name that merely begins alike is
// another's: web-admin-0 is of web-admin, not of web.
var madeBy = map[string][]struct {
	by   string
	name *regexp.Regexp
}{
	"ReplicaSet": {{"Deployment", ofTemplate}, {"Rollout", ofTemplate}},
	"Job":        {{"CronJob", ofTime}},
	"Pod": {
		{"Deployment", ofTemplateAndRandom}, {"Rollout", ofTemplateAndRandom}, {"CronJob", ofTimeAndRandom}, {"StatefulSet", ofOrdinal},
		{"ReplicaSet", ofRandom}, {"DaemonSet", ofRandom}, {"Job", ofRandom},
	},
}

// What stands behind a name. Random letters are those that make no words, and the hash of a template is a number of 32 bits whose
// digits are written as ten of them (apimachinery's rand.SafeEncodeString); two in ten thousand have fewer than seven. A CronJob's
// Job has the minute of its time.
var (
	ofRandom            = regexp.MustCompile(`^(.+)-[b-df-hj-np-tv-xz2456789]{5}$`)
	ofTemplate          = regexp.MustCompile(`^(.+)-[4-9bcdf]{7,10}$`)
	ofTemplateAndRandom = regexp.MustCompile(`^(.+)-[4-9bcdf]{7,10}-[b-df-hj-np-tv-xz2456789]{5}$`)
	ofOrdinal           = regexp.MustCompile(`^(.+)-[0-9]+$`)
	ofTime              = regexp.MustCompile(`^(.+)-[0-9]{8}$`)
	ofTimeAndRandom     = regexp.MustCompile(`^(.+)-[0-9]{8}-[b-df-hj-np-tv-xz2456789]{5}$`)
)

// eventTime gives when an event happened last.
func eventTime(o object.Object) time.Time {
	series, _ := o.Fields["series"].(map[string]any)
	for _, s := range []string{text(series, "lastObservedTime"), text(o.Fields, "lastTimestamp"), text(o.Fields, "eventTime"), text(o.Fields, "firstTimestamp")} {
		if at, err := time.Parse(time.RFC3339Nano, s); err == nil {
			return at
		}
	}
	return time.Time{}
}

func text(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}
