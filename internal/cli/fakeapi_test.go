package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/yaml"
)

// fakeAPI serves recorded objects as an API server would, for scripts that need one: list, get, watch, merge patch, who am
// I, and the agent's Lease. It knows no rules; the end-to-end suite runs the same verbs against a real API server.
type fakeAPI struct {
	mu       sync.Mutex
	version  int
	objects  map[string]map[string]any // by "apps/namespace/name"
	watchers map[chan map[string]any]string
	forbid   map[string]bool // resources that nobody may touch
	behind   map[string]bool // resources whose watches tell nothing for now
	leaseAge time.Duration   // negative: there is no Lease
	echo     bool            // answer requests to sync and to give back as the agent does
	requests []string
	agent    http.Handler // what the agent itself answers below /agent
}

var plurals = map[string]string{"App": "apps", "Repo": "repos", "Inventory": "inventories", "Entry": "entries", "Cluster": "clusters"}

func newFakeAPI() *fakeAPI {
	return &fakeAPI{objects: map[string]map[string]any{}, watchers: map[chan map[string]any]string{}, forbid: map[string]bool{}, behind: map[string]bool{}}
}

// put stores the objects of YAML documents and tells the watchers.
func (f *fakeAPI) put(documents []byte) error {
	for _, doc := range bytes.Split(documents, []byte("\n---\n")) {
		var o map[string]any
		if err := yaml.Unmarshal(doc, &o); err != nil {
			return err
		}
		if o == nil {
			continue
		}
		f.mu.Lock()
		f.store(o)
		f.mu.Unlock()
	}
	return nil
}

func (f *fakeAPI) store(o map[string]any) {
	f.version++
	meta := o["metadata"].(map[string]any)
	if meta["namespace"] == nil {
		meta["namespace"] = "plumb-system"
	}
	meta["resourceVersion"] = strconv.Itoa(f.version)
	o["apiVersion"] = "plumb.dev/v1alpha1"
	resource := plurals[o["kind"].(string)]
	key := fmt.Sprintf("%s/%s/%s", resource, meta["namespace"], meta["name"])
	kind := "MODIFIED"
	if f.objects[key] == nil {
		kind = "ADDED"
	}
	f.objects[key] = o
	f.tell(resource, map[string]any{"type": kind, "object": o})
}

func (f *fakeAPI) tell(resource string, event map[string]any) {
	data, _ := json.Marshal(event)
	for watcher, of := range f.watchers {
		if of == resource && !f.behind[resource] {
			var fresh map[string]any
			_ = json.Unmarshal(data, &fresh)
			watcher <- fresh
		}
	}
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if rest, ok := strings.CutPrefix(r.URL.Path, "/agent"); ok && f.agent != nil {
		r.URL.Path = rest
		f.agent.ServeHTTP(w, r)
		return
	}
	f.mu.Lock()
	f.requests = append(f.requests, r.Method+" "+r.URL.RequestURI())
	f.mu.Unlock()
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/") // apis group version [namespaces ns] resource [name]
	if len(parts) < 4 {
		status(w, 404, "NotFound", "the server could not find the requested resource")
		return
	}
	namespace, rest := "", parts[3:]
	if rest[0] == "namespaces" && len(rest) > 2 {
		namespace, rest = rest[1], rest[2:]
	}
	name := ""
	if len(rest) > 1 {
		name = rest[1]
	}
	f.serve(w, r, rest[0], namespace, name)
}

func (f *fakeAPI) serve(w http.ResponseWriter, r *http.Request, resource, namespace, name string) {
	f.mu.Lock()
	denied := f.forbid[resource] || namespace == "" && f.forbid[resource+"/all"]
	f.mu.Unlock()
	switch {
	case denied:
		status(w, 403, "Forbidden", resource+`.plumb.dev is forbidden: User "lena@acme.io" cannot `+strings.ToLower(r.Method)+` resource "`+resource+`"`)
	case resource == "leases":
		f.lease(w)
	case resource == "selfsubjectreviews":
		user := r.Header.Get("Impersonate-User")
		if user == "" {
			user = "lena@acme.io"
		}
		reply(w, 201, map[string]any{"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "status": map[string]any{"userInfo": map[string]any{"username": user}}})
	case resource != "apps" && resource != "repos" && resource != "inventories" && resource != "entries" && resource != "clusters":
		status(w, 404, "NotFound", "the server could not find the requested resource")
	case r.Method == http.MethodPatch:
		f.patch(w, r, resource+"/"+namespace+"/"+name)
	case r.URL.Query().Get("watch") == "true":
		f.watch(w, r, resource, namespace)
	default:
		f.list(w, resource, namespace, r.URL.Query().Get("labelSelector"))
	}
}

func (f *fakeAPI) lease(w http.ResponseWriter) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.leaseAge < 0 {
		status(w, 404, "NotFound", `leases.coordination.k8s.io "plumb-agent" not found`)
		return
	}
	renewed := testNow.Add(-f.leaseAge).UTC().Format("2006-01-02T15:04:05.000000Z07:00")
	reply(w, 200, map[string]any{
		"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
		"metadata": map[string]any{"name": "plumb-agent", "namespace": "plumb-system"}, "spec": map[string]any{"renewTime": renewed},
	})
}

func (f *fakeAPI) list(w http.ResponseWriter, resource, namespace, selector string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	items := []any{}
	for _, key := range sortedKeys(f.objects) {
		if strings.HasPrefix(key, resource+"/"+namespace) && chosen(f.objects[key], selector) {
			items = append(items, f.objects[key])
		}
	}
	kind := map[string]string{"apps": "AppList", "repos": "RepoList", "inventories": "InventoryList", "entries": "EntryList", "clusters": "ClusterList"}[resource]
	reply(w, 200, map[string]any{"apiVersion": "plumb.dev/v1alpha1", "kind": kind, "metadata": map[string]any{"resourceVersion": strconv.Itoa(f.version)}, "items": items})
}

// chosen tells whether an object has the label that a selector of one label asks for.
func chosen(o map[string]any, selector string) bool {
	label, value, _ := strings.Cut(selector, "=")
	labels, _ := o["metadata"].(map[string]any)["labels"].(map[string]any)
	return label == "" || labels[label] == value
}

func sortedKeys(m map[string]map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (f *fakeAPI) watch(w http.ResponseWriter, r *http.Request, resource, namespace string) {
	events := make(chan map[string]any, 100)
	f.mu.Lock()
	since, _ := strconv.Atoi(r.URL.Query().Get("resourceVersion"))
	for _, key := range sortedKeys(f.objects) { // what came between the list and the watch
		version, _ := strconv.Atoi(f.objects[key]["metadata"].(map[string]any)["resourceVersion"].(string))
		if strings.HasPrefix(key, resource+"/"+namespace) && version > since {
			events <- map[string]any{"type": "MODIFIED", "object": f.objects[key]}
		}
	}
	f.watchers[events] = resource
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.watchers, events)
		f.mu.Unlock()
	}()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(200)
	w.(http.Flusher).Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case event := <-events:
			_ = json.NewEncoder(w).Encode(event)
			w.(http.Flusher).Flush()
		}
	}
}

func (f *fakeAPI) patch(w http.ResponseWriter, r *http.Request, key string) {
	body, _ := io.ReadAll(r.Body)
	var patch map[string]any
	_ = json.Unmarshal(body, &patch)
	f.mu.Lock()
	defer f.mu.Unlock()
	o := f.objects[key]
	if o == nil {
		status(w, 404, "NotFound", key+" not found")
		return
	}
	data, _ := json.Marshal(o)
	var fresh map[string]any
	_ = json.Unmarshal(data, &fresh)
	mergePatch(fresh, patch)
	if f.echo {
		annotations, _ := fresh["metadata"].(map[string]any)["annotations"].(map[string]any)
		mergePatch(fresh, map[string]any{"status": map[string]any{"handled": map[string]any{
			"sync": annotations["plumb.dev/sync"], "giveBack": annotations["plumb.dev/give-back"],
		}}})
	}
	f.store(fresh)
	reply(w, 200, fresh)
}

// mergePatch is RFC 7386.
func mergePatch(into, patch map[string]any) {
	for k, v := range patch {
		switch v := v.(type) {
		case nil:
			delete(into, k)
		case map[string]any:
			inner, ok := into[k].(map[string]any)
			if !ok {
				inner = map[string]any{}
			}
			mergePatch(inner, v)
			into[k] = inner
		default:
			into[k] = v
		}
	}
}

func status(w http.ResponseWriter, code int, reason, message string) {
	reply(w, code, map[string]any{"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message})
}

func reply(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}
