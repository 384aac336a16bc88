package object

import "strings"

// keyedList is a list whose entries the API server tells apart by keys, and of which kubectl apply takes duplicates.
type keyedList struct {
	path string // [*] goes through all entries
	keys []string
}

// In a pod's spec (k8s.io/api core/v1, the listMapKey marks).
var podLists = func() []keyedList {
	lists := []keyedList{
		{"volumes", []string{"name"}},
		{"imagePullSecrets", []string{"name"}},
		{"hostAliases", []string{"ip"}},
		{"topologySpreadConstraints", []string{"topologyKey", "whenUnsatisfiable"}},
	}
	for _, containers := range []string{"containers", "initContainers", "ephemeralContainers"} {
		lists = append(lists, keyedList{containers, []string{"name"}},
			keyedList{containers + "[*].env", []string{"name"}},
			keyedList{containers + "[*].ports", []string{"containerPort", "protocol"}},
			keyedList{containers + "[*].volumeMounts", []string{"mountPath"}},
			keyedList{containers + "[*].volumeDevices", []string{"devicePath"}})
	}
	return lists
}()

// podSpecs says where a kind holds a pod's spec.
var podSpecs = map[string]string{
	"/Pod": "spec", "/ReplicationController": "spec.template.spec", "/PodTemplate": "template.spec",
	"apps/Deployment": "spec.template.spec", "apps/ReplicaSet": "spec.template.spec", "apps/StatefulSet": "spec.template.spec",
	"apps/DaemonSet": "spec.template.spec", "batch/Job": "spec.template.spec", "batch/CronJob": "spec.jobTemplate.spec.template.spec",
}

var kindLists = map[string][]keyedList{
	"/Service":        {{"spec.ports", []string{"port", "protocol"}}},
	"/ServiceAccount": {{"secrets", []string{"name"}}, {"imagePullSecrets", []string{"name"}}},
	"admissionregistration.k8s.io/MutatingWebhookConfiguration":   {{"webhooks", []string{"name"}}},
	"admissionregistration.k8s.io/ValidatingWebhookConfiguration": {{"webhooks", []string{"name"}}},
}

// keyedListsOf gives the lists of a kind, outer ones first, with their full paths.
func keyedListsOf(id ID) []keyedList {
	kind := id.Group + "/" + id.Kind
	lists := kindLists[kind]
	spec, ok := podSpecs[kind]
	if !ok {
		return lists
	}
	for _, l := range podLists {
		lists = append(lists[:len(lists):len(lists)], keyedList{spec + "." + l.path, l.keys})
	}
	return lists
}

// PodSpecPath gives where a built-in kind holds a pod's spec; false if it has none.
func PodSpecPath(id ID) (Path, bool) {
	spec, ok := podSpecs[id.Group+"/"+id.Kind]
	if !ok {
		return nil, false
	}
	return Fields(strings.Split(spec, ".")...), true
}

func (n *normaliser) keyedLists() error {
	for _, l := range keyedListsOf(n.o.ID()) {
		if err := n.dedupe(n.o.Fields, strings.Split(l.path, "."), l.keys, nil); err != nil {
			return err
		}
	}
	return nil
}

// dedupe walks to the lists that the path names and keeps of each key the last entry, at its place.
func (n *normaliser) dedupe(m map[string]any, path, keys []string, at Path) error {
	name, each := strings.CutSuffix(path[0], "[*]")
	at = at.Join(Field(name))
	if !each && len(path) > 1 {
		if next, ok := m[name].(map[string]any); ok {
			return n.dedupe(next, path[1:], keys, at)
		}
		return nil
	}
	list, ok := m[name].([]any)
	if !ok {
		return nil
	}
	if !each {
		m[name] = n.lastOfEach(list, keys, at)
		return nil
	}
	for i, e := range list {
		if item, ok := e.(map[string]any); ok {
			step := Index(i)
			if s, ok := item["name"].(string); ok {
				step = Item(Key{"name", s})
			}
			if err := n.dedupe(item, path[1:], keys, at.Join(step)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (n *normaliser) lastOfEach(list []any, keys []string, at Path) []any {
	last := make(map[string]int, len(list))
	twice := false
	for i, e := range list {
		if step, ok := itemStep(e, keys); ok {
			_, before := last[Path{step}.String()]
			twice = twice || before
			last[Path{step}.String()] = i
		}
	}
	if !twice {
		return list
	}
	out := make([]any, 0, len(list))
	for i, e := range list {
		step, ok := itemStep(e, keys)
		if !ok || last[Path{step}.String()] == i {
			out = append(out, e)
			continue
		}
		winner := list[last[Path{step}.String()]].(map[string]any)
		n.warn("DUPLICATE_ENTRY", "%s stands more than once; the last entry counts%s", at.Join(step), lost(e.(map[string]any), winner))
		mergeHostnames(e.(map[string]any), winner)
	}
	return out
}

// itemStep gives the step that names an entry by its keys; false if it does not have them.
func itemStep(e any, keys []string) (Step, bool) {
	item, ok := e.(map[string]any)
	if !ok {
		return Step{}, false
	}
	found := make([]Key, 0, len(keys))
	for _, k := range keys {
		v, ok := item[k]
		if !ok {
			v = defaultKey(k)
		}
		if !scalar(v) || v == "" || v == nil {
			return Step{}, false
		}
		found = append(found, Key{k, Text(v)})
	}
	return Item(found...), true
}

// lost names a port's name that goes with its entry: a Service may refer to it.
func lost(entry, winner map[string]any) string {
	name, _ := entry["name"].(string)
	if name == "" || name == winner["name"] || entry["containerPort"] == nil {
		return ""
	}
	return ", and the name " + name + " is gone"
}

// mergeHostnames keeps what both entries of hostAliases say: the kubelet writes both.
func mergeHostnames(entry, winner map[string]any) {
	if entry["ip"] == nil {
		return
	}
	first, _ := entry["hostnames"].([]any)
	second, _ := winner["hostnames"].([]any)
	if len(first) > 0 {
		winner["hostnames"] = append(append([]any(nil), first...), second...)
	}
}
