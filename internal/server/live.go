package server

import (
	"context"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
)

// What a person reads live of an app. It is read on the API server as that person, when it is asked for, and kept nowhere.

// Node is one object of an app, or a child of one: a ReplicaSet, a Job, a Pod.
type Node struct {
	Key       string    `json:"key" doc:"group/kind/namespace/name"`
	Parent    string    `json:"parent,omitempty" doc:"key of the object that owns it; empty for what Git has"`
	Group     string    `json:"group"`
	Version   string    `json:"version"`
	Kind      string    `json:"kind"`
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	Health    string    `json:"health" doc:"Healthy, Progressing, Degraded, Suspended, Missing, or Unknown where it may not be seen"`
	Message   string    `json:"message,omitempty"`
	Drifted   bool      `json:"drifted,omitempty"`
	Phase     string    `json:"phase,omitempty" doc:"of a hook: PreSync, Sync, PostSync, …"`
	Wave      int       `json:"wave,omitempty"`
	File      string    `json:"file,omitempty" doc:"file:line in Git"`
	UID       string    `json:"uid,omitempty"`
	Created   time.Time `json:"created,omitzero"`
	Hidden    string    `json:"hidden,omitempty" doc:"why this person may not see it live"`
}

// Resources are the objects of an app.
type Resources struct {
	Nodes     []Node `json:"nodes"`
	Truncated bool   `json:"truncated" doc:"there is more than is shown"`
}

// ObjectRef names an object.
type ObjectRef struct {
	Group     string `query:"group" maxLength:"253"`
	Version   string `query:"version" maxLength:"63"`
	Kind      string `query:"kind" required:"true" maxLength:"253"`
	Namespace string `query:"namespace" maxLength:"253"`
	Name      string `query:"name" required:"true" maxLength:"253"`
}

// FileLine is a place in Git.
type FileLine struct {
	Path string `json:"path" doc:"empty where it lies in no file of the repository"`
	Line int    `json:"line,omitempty" doc:"absent where only the file is known"`
	Says string `json:"says,omitempty" doc:"what stands there, for example replicaCount or images[0].newTag"`
}

// FieldDiff is one field that differs from Git, and who has written it.
type FieldDiff struct {
	Field       string    `json:"field"`
	Kind        string    `json:"kind" doc:"changed, removed, added or label"`
	Git         any       `json:"git,omitempty"`
	Live        any       `json:"live,omitempty"`
	Manager     string    `json:"manager,omitempty"`
	Operation   string    `json:"operation,omitempty"`
	Subresource string    `json:"subresource,omitempty"`
	Time        time.Time `json:"time,omitzero"`
	Healed      time.Time `json:"healed,omitzero" doc:"when it was put right; absent while it differs"`
	File        *FileLine `json:"file,omitempty" doc:"where Git says it, where that is known"`
}

// FieldManager is who owns fields of an object.
type FieldManager struct {
	Manager     string    `json:"manager"`
	Operation   string    `json:"operation"`
	Subresource string    `json:"subresource,omitempty"`
	Time        time.Time `json:"time,omitzero"`
}

// ObjectView is one object: as it is, as Git has it, and what differs. The values of Secrets are never in it.
type ObjectView struct {
	Live     string         `json:"live" doc:"YAML; empty if there is none"`
	Desired  string         `json:"desired" doc:"YAML of the render at the revision that is applied; empty if Git has none"`
	Revision string         `json:"revision,omitempty" doc:"that revision"`
	File     *FileLine      `json:"file,omitempty"`
	Fields   []FieldDiff    `json:"fields"`
	Managers []FieldManager `json:"managers"`
	Redacted bool           `json:"redacted" doc:"it holds values that are not shown"`
	Missing  bool           `json:"missing,omitempty" doc:"it is not in the cluster"`
}

// LiveEvent is an event of Kubernetes about an object of an app.
type LiveEvent struct {
	Time    time.Time `json:"time"`
	Type    string    `json:"type"`
	Reason  string    `json:"reason"`
	Object  string    `json:"object" doc:"Kind/namespace/name"`
	Message string    `json:"message"`
	Count   int       `json:"count"`
}

// LogQuery says whose log is read.
type LogQuery struct {
	Namespace string `query:"namespace" maxLength:"253" doc:"of the pod; default: any of the app's"`
	Pod       string `query:"pod" maxLength:"253" doc:"default: all pods of the app, at most ten"`
	Container string `query:"container" maxLength:"253" doc:"default: all of the pod"`
	Follow    bool   `query:"follow"`
	Tail      int    `query:"tail" minimum:"0" maximum:"5000" default:"200"`
}

// LogLine is one line of a log.
type LogLine struct {
	Pod       string    `json:"pod"`
	Container string    `json:"container"`
	Time      time.Time `json:"time,omitzero"`
	Text      string    `json:"text"`
}

// Can is whether a person may do something now; if not, why, and who could change that.
type Can struct {
	OK   bool   `json:"ok"`
	Why  string `json:"why,omitempty"`
	Does string `json:"does,omitempty" doc:"What it does, where that depends on how the app is: a retry names the hook"`
}

// Asked says that a request is written to the App; the agent carries it out.
type Asked struct {
	Accepted bool   `json:"accepted"`
	Text     string `json:"text"`
	URL      string `json:"url,omitempty" doc:"of the pull request of a revert"`
}

// Looker is a person who looks at live objects, as themselves.
type Looker interface {
	// Resources gives the objects of an app, with children also what those made.
	Resources(ctx context.Context, app *v1alpha1.App, children bool) (Resources, error)
	// Object gives one object of an app, or one that they made.
	Object(ctx context.Context, app *v1alpha1.App, ref ObjectRef) (ObjectView, error)
	// Events gives the newest events about them.
	Events(ctx context.Context, app *v1alpha1.App) ([]LiveEvent, error)
}

// Listener is a person who reads what containers say, and the record.
type Listener interface {
	// Logs gives each line to emit, one at a time, until all is said, ctx ends, or emit fails.
	Logs(ctx context.Context, app *v1alpha1.App, q LogQuery, emit func(LogLine) error) error
	// History gives the Entries of an app, in any order.
	History(ctx context.Context, app *v1alpha1.App) ([]v1alpha1.Entry, error)
}

// What reading live needs, beside the right on each kind that is read.
var (
	readsInventory = Right{Verb: "get", Group: v1alpha1.GroupVersion.Group, Resource: "inventories"}
	readsEntries   = Right{Verb: "list", Group: v1alpha1.GroupVersion.Group, Resource: "entries"}
)

func notLive() error {
	return fault.New(fault.Unsupported, "nothing is read live through this agent").WithNext("kubectl shows it")
}

// looker gives the app of an address, and who looks.
func (s *server) looker(ctx context.Context, of AppName) (Looker, *v1alpha1.App, error) {
	app, found := s.Reader.App(of.Namespace, of.Name)
	if !found {
		return nil, nil, noSuchApp()
	}
	who, ok := asker(ctx).(Looker)
	if !ok {
		return nil, nil, notLive()
	}
	return who, &app, nil
}

type resourcesQuery struct {
	AppName
	Children bool `query:"children" doc:"Also what the objects have made: ReplicaSets, Jobs, Pods"`
}

func (s *server) resources(ctx context.Context, in *resourcesQuery) (Resources, error) {
	who, app, err := s.looker(ctx, in.AppName)
	if err != nil {
		return Resources{}, err
	}
	return who.Resources(ctx, app, in.Children)
}

type objectQuery struct {
	AppName
	ObjectRef
}

func (s *server) object(ctx context.Context, in *objectQuery) (ObjectView, error) {
	who, app, err := s.looker(ctx, in.AppName)
	if err != nil {
		return ObjectView{}, err
	}
	view, err := who.Object(ctx, app, in.ObjectRef)
	view.Fields, view.Managers = orNone(view.Fields), orNone(view.Managers)
	return view, err
}

// LiveEvents is the newest events.
type LiveEvents struct {
	Items []LiveEvent `json:"items"`
}

func (s *server) liveEvents(ctx context.Context, in *AppName) (LiveEvents, error) {
	who, app, err := s.looker(ctx, *in)
	if err != nil {
		return LiveEvents{}, err
	}
	events, err := who.Events(ctx, app)
	return LiveEvents{Items: orNone(events)}, err
}

// LogEnd is the last event of a log, unless the reader goes first.
type LogEnd struct {
	Why string `json:"why,omitempty" doc:"Why it ended before all was said"`
}

// logs streams what containers say.
func (s *server) logs(w http.ResponseWriter, r *http.Request) {
	app, found := s.Reader.App(r.PathValue("namespace"), r.PathValue("name"))
	who, ok := asker(r.Context()).(Listener)
	q, err := logQueryOf(r.URL.Query())
	switch {
	case !found:
		refuseFault(w, noSuchApp())
		return
	case !ok:
		refuseFault(w, fault.Of(notLive(), fault.Unsupported))
		return
	case err != nil:
		refuseFault(w, fault.Of(err, fault.InvalidQuery))
		return
	}
	s.Tally.Streaming(StreamLogs, 1)
	defer s.Tally.Streaming(StreamLogs, -1)
	t := &logTeller{w: w}
	ctx, cancel := whileServed(r.Context())
	defer cancel()
	beating := make(chan struct{})
	go func() {
		defer close(beating)
		t.beat(ctx, cancel)
	}()
	err = who.Logs(ctx, &app, q, func(line LogLine) error { return t.send("line", line) })
	cancel()
	<-beating
	if err != nil && !t.begun() {
		refuseFault(w, fault.Of(err, fault.Unreachable))
		return
	}
	end := LogEnd{}
	if err != nil && r.Context().Err() == nil {
		end.Why = fault.Of(err, fault.Unreachable).Message
	}
	_ = t.send("end", end) // the reader is gone if this fails
}

// logTeller tells one reader of a log. The answer begins with the first line, so that a refusal can still be one.
type logTeller struct {
	mu  sync.Mutex
	w   http.ResponseWriter
	out *events
}

func (t *logTeller) begun() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.out != nil
}

func (t *logTeller) send(name string, data any) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.out == nil {
		t.out = newEvents(t.w)
	}
	return t.out.send(name, "", data)
}

// beat shows that the stream lives, and finds out whether its reader does.
func (t *logTeller) beat(ctx context.Context, end context.CancelFunc) {
	for pause(ctx, beatEvery) {
		if t.send("beat", LogEnd{}) != nil {
			end()
			return
		}
	}
}

func logQueryOf(v url.Values) (LogQuery, error) {
	q := LogQuery{Namespace: v.Get("namespace"), Pod: v.Get("pod"), Container: v.Get("container"), Tail: 200}
	for _, name := range []string{q.Namespace, q.Pod, q.Container} {
		if len(name) > 253 {
			return q, fault.New(fault.InvalidQuery, "a name has at most 253 characters")
		}
	}
	var err error
	if text := v.Get("follow"); text != "" {
		if q.Follow, err = strconv.ParseBool(text); err != nil {
			return q, fault.New(fault.InvalidQuery, "follow is true or false")
		}
	}
	if text := v.Get("tail"); text != "" {
		if q.Tail, err = strconv.Atoi(text); err != nil || q.Tail < 0 || q.Tail > 5000 {
			return q, fault.New(fault.InvalidQuery, "tail is a number of at most 5000")
		}
	}
	return q, nil
}

// logsOperation describes the stream of a log.
func logsOperation() *operation {
	return &operation{"logs", "What containers say, as server-sent events: line, beat, end", func(api huma.API, about huma.Operation) {
		text := &huma.Schema{Type: huma.TypeString}
		about.Parameters = []*huma.Param{
			{Name: "namespace", In: "path", Required: true, Schema: text}, {Name: "name", In: "path", Required: true, Schema: text},
			{Name: "namespace", In: "query", Description: "Of the pod; any of the app's, if it is left out", Schema: text},
			{Name: "pod", In: "query", Description: "All pods of the app, at most ten, if it is left out", Schema: text},
			{Name: "container", In: "query", Description: "All of the pod, if it is left out", Schema: text},
			{Name: "follow", In: "query", Description: "Also what comes", Schema: &huma.Schema{Type: huma.TypeBoolean}},
			{Name: "tail", In: "query", Description: "How many lines of the end of each; 200 if it is left out", Schema: &huma.Schema{Type: huma.TypeInteger}},
		}
		shapes := api.OpenAPI().Components.Schemas
		about.Responses = map[string]*huma.Response{"200": {
			Description: "Each line is an event line; end says that it is over, and why if it broke off.",
			Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{OneOf: []*huma.Schema{
				shapes.Schema(reflect.TypeFor[LogLine](), true, ""), shapes.Schema(reflect.TypeFor[LogEnd](), true, ""),
			}}}},
		}}
		api.OpenAPI().AddOperation(&about)
	}}
}
