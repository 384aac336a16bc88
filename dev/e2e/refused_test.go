package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

func init() {
	kinds["APIService"] = schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}
	kinds["Cog"] = schema.GroupVersionResource{Group: "cogs.example.com", Version: "v2", Resource: "cogs"}
	kinds["Lever"] = schema.GroupVersionResource{Group: "levers.example.com", Version: "v1", Resource: "levers"}
}

// A namespace that cannot go says what keeps it, by name: people look for that for hours.
func TestStuckNamespaceIsNamed(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "lingers")
	s.ok("lingers", s.commit("an app", files{"apps/lingers/a.yaml": configMap("settings", "a", "1")}))
	held := strings.Replace(configMap("held", "a", "1"), "metadata:\n", "metadata:\n  finalizers: [example.com/hold]\n", 1)
	s.create(inNamespace("lingers", held), "e2e")
	s.remove("Namespace/lingers")
	s.until("lingers", func(a appStatus) error {
		if a.State != "waiting" || !strings.Contains(a.Summary, "example.com/hold") {
			return errNotYet("%s", a)
		}
		return nil
	})
	s.patch("ConfigMap/lingers/held", "e2e", "metadata: {finalizers: null}")
	s.is("lingers", "ok", "Healthy")
}

// An object that names a namespace which nobody makes fails alone, with what to do. When the namespace is there, it is applied.
func TestNamespaceThatNobodyMakes(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "nowhere")
	lost := strings.Replace(configMap("lost", "a", "1"), "metadata:\n", "metadata:\n  namespace: nowhere-else\n", 1)
	s.commit("one is lost", files{"apps/nowhere/a.yaml": documentsOf(configMap("settings", "a", "1"), lost)})
	status := s.is("nowhere", "failed", "ApplyFailed")
	_, message := status.ready()
	s.says(message, "ConfigMap/nowhere-else/lost", "namespace nowhere-else does not exist", "put the Namespace into Git")
	s.live("ConfigMap/nowhere/settings")
	s.make("apiVersion: v1\nkind: Namespace\nmetadata: {name: nowhere-else}\n")
	s.is("nowhere", "ok", "Healthy")
	s.live("ConfigMap/nowhere-else/lost")
}

// cogs writes a definition with two versions, of which the second is stored, converted by a webhook or not at all.
func cogs(conversion string, versions ...string) string {
	text := `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: cogs.cogs.example.com}
spec:
  group: cogs.example.com
  names: {kind: Cog, plural: cogs}
  scope: Namespaced
  conversion: ` + conversion + "\n  versions:\n"
	for i, version := range versions {
		text += fmt.Sprintf("  - {name: %s, served: true, storage: %v, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}\n", version, i == len(versions)-1)
	}
	return text
}

// A definition gets a second version, and its objects are written in it, in one commit. While the webhook that converts them
// does not answer, the app says so, and nobody else is stopped; when it does, the app goes on.
func TestConversion(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "cogs")
	cog := func(version string) string {
		return "apiVersion: cogs.example.com/" + version + "\nkind: Cog\nmetadata: {name: one}\nspec: {version: " + version + "}\n"
	}
	s.ok("cogs", s.commit("v1", files{"apps/cogs/definition.yaml": cogs("{strategy: None}", "v1"), "apps/cogs/a.yaml": documentsOf(cog("v1"), configMap("settings", "a", "1"))}))
	url, bundle := tlsServer(t, func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Request struct {
				UID               string
				DesiredAPIVersion string
				Objects           []map[string]any
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for _, o := range in.Request.Objects {
			o["apiVersion"] = in.Request.DesiredAPIVersion
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "response": map[string]any{
			"uid": in.Request.UID, "convertedObjects": in.Request.Objects, "result": map[string]any{"status": "Success"},
		}})
	})
	by := func(url string) string {
		return fmt.Sprintf("{strategy: Webhook, webhook: {conversionReviewVersions: [v1], clientConfig: {url: %q, caBundle: %s}}}", url, bundle)
	}
	s.commit("v2, and nobody converts", files{"apps/cogs/definition.yaml": cogs(by("https://127.0.0.1:1/convert"), "v1", "v2"),
		"apps/cogs/a.yaml": documentsOf(cog("v2"), configMap("settings", "a", "2")), "apps/cogs-b/a.yaml": configMap("settings", "a", "1")})
	status := s.until("cogs", func(a appStatus) error {
		if a.State != "failed" {
			return errNotYet("%s", a)
		}
		return nil
	})
	_, message := status.ready()
	s.says(message, "Cog/cogs/one")
	s.is("cogs-b", "ok", "Healthy")
	s.has("ConfigMap/cogs/settings", "data.a", "2")
	third := s.commit("somebody converts", files{"apps/cogs/definition.yaml": cogs(by(url+"/convert"), "v1", "v2")})
	s.ok("cogs", third)
	s.has("Cog/cogs/one", "spec.version", "v2")
	s.ok("cogs", s.commit("no conversion", files{"apps/cogs/definition.yaml": cogs("{strategy: None}", "v1", "v2")}))
}

// An aggregated API that does not answer stops the apps that use its kinds, and says so; all others are delivered, healed
// and cleaned up as ever. When it is there, the app goes on by itself.
func TestAggregatedAPIDown(t *testing.T) {
	s := newScenario(t, lives(t), "levers")
	s.restarted()
	s.make("apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: v1.levers.example.com}\nspec: {group: levers.example.com, version: v1, groupPriorityMinimum: 1000, versionPriority: 10, insecureSkipTLSVerify: true, service: {namespace: default, name: nobody}}\n")
	t.Cleanup(func() { s.discard("APIService/v1.levers.example.com") })
	first := s.commit("a lever", files{
		"apps/levers/a.yaml":   documentsOf(configMap("settings", "a", "1"), "apiVersion: levers.example.com/v1\nkind: Lever\nmetadata: {name: one}\nspec: {size: 3}\n"),
		"apps/levers-b/a.yaml": documentsOf(deployment("web", 1, "registry.example/web:1"), configMap("settings", "a", "1"), configMap("old", "a", "1")),
	})
	s.ok("levers-b", first)
	status := s.until("levers", func(a appStatus) error {
		if a.State != "failed" {
			return errNotYet("%s", a)
		}
		return nil
	})
	_, message := status.ready()
	s.says(message, "Lever")
	t.Logf("the app says: %s", message)
	s.has("ConfigMap/levers/settings", "data.a", "1")
	s.restarted() // and for an agent that knows nothing else
	second := s.commit("the others go on", files{"apps/levers-b/a.yaml": documentsOf(deployment("web", 1, "registry.example/web:2"), configMap("settings", "a", "2"))})
	s.ok("levers-b", second)
	s.gone("ConfigMap/levers-b/old")
	s.patch("ConfigMap/levers-b/settings", "kubectl-edit", "data: {a: \"3\"}")
	s.has("ConfigMap/levers-b/settings", "data.a", "2")
	s.discard("APIService/v1.levers.example.com")
	s.make(definitionOf("levers.example.com", "v1", "Lever", "levers"))
	s.is("levers", "ok", "Healthy")
	s.live("Lever/levers/one")
}

// Definitions and other objects may be as large as the API server takes; what is larger is named before it is sent.
func TestLargeObjects(t *testing.T) {
	t.Parallel()
	s := newScenario(t, shared(t), "bulky")
	text := strings.Repeat("what a field is for, at length. ", 12<<10) // 384 KiB: more than an annotation may hold
	large := strings.Replace(definitionOf("bulky.example.com", "v1", "Bulk", "bulks"), "openAPIV3Schema: {type: object", "openAPIV3Schema: {description: \""+text+"\", type: object", 1)
	s.ok("bulky", s.commit("a large definition", files{"apps/bulky/a.yaml": large, "apps/bulky/b.yaml": configMap("large", "a", strings.Repeat("x", 900<<10))}))
	if n := len(fmt.Sprint(s.live("CustomResourceDefinition/bulks.bulky.example.com").Object)); n < 262144 {
		t.Errorf("the definition has %d bytes: this shows nothing", n)
	}
	s.commit("too large", files{"apps/bulky/b.yaml": configMap("large", "a", strings.Repeat("x", 1600<<10))})
	status := s.until("bulky", func(a appStatus) error {
		if a.State != "failed" {
			return errNotYet("%s", a)
		}
		return nil
	})
	s.says(status.Summary, "apps/bulky/b.yaml", "1572864", "OBJECT_TOO_LARGE")
}

// An app of five thousand objects is delivered, changed and kept: its Inventory is split, its status stays small.
func TestFiveThousandObjects(t *testing.T) {
	s := newScenario(t, lives(t), "legion")
	s.restarted()
	begun := time.Now()
	s.ok("legion", s.commit("five thousand", files{"apps/legion/a.yaml": settings(0, 5000)}))
	first := time.Since(begun)
	s.entries("legion", 4, 5001)
	begun = time.Now()
	before := s.now(t)
	s.ok("legion", s.commit("one of them", files{"apps/legion/b.yaml": configMap("more", "a", "1")}))
	second := time.Since(begun)
	if wrote := s.writesIn(before, "legion"); len(wrote) != 1 {
		t.Errorf("%d writes for one new object", len(wrote))
	}
	raw, err := json.Marshal(s.live("App/" + system + "/legion").Object["status"])
	if err != nil || len(raw) > 64<<10 {
		t.Errorf("the status has %d bytes, %v", len(raw), err)
	}
	for _, name := range s.inventories("legion") {
		if raw, err := json.Marshal(s.live("Inventory/" + system + "/" + name).Object["objects"]); err != nil || len(raw) > 300<<10 {
			t.Errorf("%s has %d bytes, %v", name, len(raw), err)
		}
	}
	s.patch("ConfigMap/legion/settings-4321", "kubectl-edit", "data: {a: \"9\"}")
	s.has("ConfigMap/legion/settings-4321", "data.a", "1")
	t.Logf("5,000 objects: first delivery %s, one more object %s, agent %s", first.Round(time.Millisecond), second.Round(time.Millisecond), s.memory())
	s.ok("legion", s.commit("few\n\nPlumb-Allow-Delete: legion", files{"apps/legion/a.yaml": settings(0, 10)}))
}

// memory gives the most memory that the agent has had, as the kernel says it.
func (s *scenario) memory() string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.agent.cmd.Process.Pid))
	if err != nil {
		return err.Error()
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return strings.TrimSpace(rest)
		}
	}
	return "unknown"
}
