package cluster

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/health"
	"plumb.dev/plumb/internal/object"
)

var configMap = object.ID{Kind: "ConfigMap", Namespace: "web", Name: "a"}

// watched gives the store of one kind, as a reflector fills it, and what it told its listener.
func watched(full bool) (*Facts, *kindFacts, *news) {
	told := &news{}
	f := &Facts{kinds: map[schema.GroupKind]*kindFacts{}, changed: told.add, rules: func(object.ID) Rules { return Rules{} }}
	k := &kindFacts{
		facts: f, gk: schema.GroupKind{Kind: "ConfigMap"}, full: full, begun: time.Now(), stop: func() {}, life: context.Background(),
		synced: make(chan struct{}), byID: map[object.ID]Fact{}, answered: map[object.ID]Fact{},
	}
	f.kinds[k.gk] = k
	return f, k, told
}

type news struct {
	mu  sync.Mutex
	ids []object.ID
}

func (n *news) add(id object.ID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ids = append(n.ids, id)
}

func (n *news) take() []object.ID {
	n.mu.Lock()
	defer n.mu.Unlock()
	ids := n.ids
	n.ids = nil
	return ids
}

func managed(uid, version string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: configMap.Namespace, Name: configMap.Name, UID: types.UID(uid), ResourceVersion: version,
		Labels: map[string]string{v1alpha1.LabelManaged: "true"}, Annotations: map[string]string{v1alpha1.AnnotationOwner: "plumb-system/web:u1"},
	}
}

func event(uid, version string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: managed(uid, version)}
}

// story is a sequence of what a watch tells and of what our own applies are answered, and what is known after it.
type story struct {
	reason string
	tell   func(f *Facts, k *kindFacts)
	want   string // "uid@version"; "" = not there
}

var stories = []story{
	{"a list, then a change", func(_ *Facts, k *kindFacts) {
		_ = k.Replace([]any{event("1", "5")}, "6")
		_ = k.Update(event("1", "7"))
	}, "1@7"},
	{"our apply is known before the watch tells", func(f *Facts, k *kindFacts) {
		_ = k.Replace(nil, "6")
		f.Observe(configMap, managed("1", "7"))
	}, "1@7"},
	{"the echo of an older state does not undo it", func(f *Facts, k *kindFacts) {
		_ = k.Replace([]any{event("1", "5")}, "6")
		f.Observe(configMap, managed("1", "9"))
		_ = k.Update(event("1", "8"))
	}, "1@9"},
	{"an answer that is read late does not bring a deleted object back", func(f *Facts, k *kindFacts) {
		_ = k.Replace(nil, "6")
		_ = k.Add(event("1", "7"))
		_ = k.Delete(event("1", "8"))
		f.Observe(configMap, managed("1", "7"))
	}, ""},
	{"the end of the old object is not the end of the one we made in its place", func(f *Facts, k *kindFacts) {
		_ = k.Replace([]any{event("1", "5")}, "6")
		f.Observe(configMap, managed("2", "9"))
		_ = k.Update(event("1", "7"))
		_ = k.Delete(event("1", "8"))
	}, "2@9"},
	{"a label that was taken off and is back by our apply", func(f *Facts, k *kindFacts) {
		_ = k.Replace([]any{event("1", "5")}, "6")
		f.Observe(configMap, managed("1", "8"))
		_ = k.Delete(event("1", "7"))
	}, "1@8"},
	{"a deletion after our apply", func(f *Facts, k *kindFacts) {
		_ = k.Replace([]any{event("1", "5")}, "6")
		f.Observe(configMap, managed("1", "7"))
		_ = k.Delete(event("1", "8"))
	}, ""},
	{"a list that is older than our apply does not undo it", func(f *Facts, k *kindFacts) {
		_ = k.Replace(nil, "6")
		f.Observe(configMap, managed("1", "9"))
		_ = k.Replace(nil, "8")
	}, "1@9"},
	{"a list that does not have an object which the watch told of", func(_ *Facts, k *kindFacts) {
		_ = k.Replace([]any{event("1", "5")}, "6")
		_ = k.Replace(nil, "8")
	}, ""},
	{"an API server that was restored from a backup: versions go back", func(_ *Facts, k *kindFacts) {
		_ = k.Replace([]any{event("1", "500")}, "600")
		_ = k.Update(event("1", "700"))
		_ = k.Replace([]any{event("1", "40")}, "50")
		_ = k.Update(event("1", "60"))
	}, "1@60"},
	{"objects that a backup does not have", func(_ *Facts, k *kindFacts) {
		_ = k.Replace([]any{event("1", "500")}, "600")
		_ = k.Replace(nil, "50")
	}, ""},
	{"versions that are no numbers are taken as they come", func(_ *Facts, k *kindFacts) {
		_ = k.Replace([]any{event("1", "b")}, "c")
		_ = k.Update(event("1", "a"))
	}, "1@a"},
}

func TestFacts(t *testing.T) {
	for _, s := range stories {
		t.Run(s.reason, func(t *testing.T) {
			f, k, _ := watched(false)
			s.tell(f, k)
			got := ""
			if fact, ok := f.Get(configMap); ok {
				got = fact.UID + "@" + fact.Version
			}
			if got != s.want {
				t.Errorf("known %q, want %q", got, s.want)
			}
		})
	}
}

func TestFactsTellOnlyNews(t *testing.T) {
	f, k, told := watched(false)
	_ = k.Replace([]any{event("1", "5")}, "6")
	if got := told.take(); !slices.Equal(got, []object.ID{configMap}) {
		t.Errorf("the first list told of %v", got)
	}
	_ = k.Replace([]any{event("1", "5")}, "9")
	f.Observe(configMap, managed("1", "12"))
	_ = k.Update(event("1", "12"))
	if got := told.take(); len(got) != 0 {
		t.Errorf("the same list again and the echo of our own apply told of %v", got)
	}
	_ = k.Delete(event("1", "13"))
	_ = k.Delete(event("1", "13"))
	if got := told.take(); !slices.Equal(got, []object.ID{configMap}) {
		t.Errorf("a deletion told of %v", got)
	}
}

func TestEchoesAreNotReadAgain(t *testing.T) {
	entry := func(field string) []metav1.ManagedFieldsEntry {
		return []metav1.ManagedFieldsEntry{{
			Manager: "plumb:plumb-system/web", Operation: metav1.ManagedFieldsOperationApply, APIVersion: "v1",
			FieldsV1: metav1.NewFieldsV1(`{"f:data":{"f:` + field + `":{}}}`),
		}}
	}
	for _, row := range []struct {
		reason string
		uid    string
		echo   string // its resourceVersion
		again  bool
	}{
		{"the echo of our apply is that apply", "1", "7", false},
		{"a later version is read", "1", "8", true},
		{"another object is read", "2", "7", true},
	} {
		t.Run(row.reason, func(t *testing.T) {
			f, k, _ := watched(false)
			_ = k.Replace(nil, "6")
			answer := managed("1", "7")
			answer.ManagedFields = entry("ours")
			f.Observe(configMap, answer)
			before, _ := f.Get(configMap)
			echo := event(row.uid, row.echo)
			echo.ManagedFields = entry("other")
			_ = k.Update(echo)
			after, _ := f.Get(configMap)
			if again := after.Owned != before.Owned; again != row.again {
				t.Errorf("read again: %t", again)
			}
			if len(k.answered) != 0 {
				t.Error("the answer is kept after its echo")
			}
		})
	}
}

func TestFirstListIsNotWaitedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, k, _ := watched(false)
		begun := time.Now()
		for range 3 {
			if err := errors.Join(f.Watch(t.Context(), t.Context(), configMap, "v1", false), f.Wait(t.Context(), configMap)); err != nil {
				t.Fatal(err)
			}
		}
		if waited := time.Since(begun); waited != firstList {
			t.Errorf("three looks at a kind that cannot be listed waited %s, want %s in all", waited, firstList)
		}
		if !f.Blind(configMap) {
			t.Error("what is not listed must not look as if it were not there")
		}
		_ = k.Replace(nil, "6")
		if f.Blind(configMap) {
			t.Error("the list is in")
		}
	})
}

func TestWholeObjectsFromNowOn(t *testing.T) {
	f, k, _ := watched(false)
	_ = k.Replace([]any{event("1", "5")}, "6")
	whole := &kindFacts{facts: f, gk: k.gk, full: true, byID: map[object.ID]Fact{}, answered: map[object.ID]Fact{}, synced: make(chan struct{})}
	whole.inherit(k)
	fact, ok := whole.byID[configMap]
	if !ok || fact.UID != "1" {
		t.Fatal("the facts went while the new watch has not listed yet")
	}
	if !fact.Stale() {
		t.Error("what was judged without its status counts as judged")
	}
}

func TestJudgeByNewRules(t *testing.T) {
	f, k, _ := watched(true)
	compiled, err := health.Compile([]v1alpha1.HealthRule{{Kind: "ConfigMap", Healthy: "self.data.done == 'yes'"}})
	if err != nil {
		t.Fatal(err)
	}
	live := unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "data": map[string]any{"done": "no"}}}
	live.SetNamespace(configMap.Namespace)
	live.SetName(configMap.Name)
	live.SetUID("1")
	live.SetResourceVersion("5")
	_ = k.Replace([]any{live.DeepCopy()}, "6")
	if fact, _ := f.Get(configMap); fact.Health.Health != v1alpha1.Healthy || fact.Rules != "" {
		t.Fatalf("judged without rules: %+v", fact)
	}
	f.rules = func(object.ID) Rules { return Rules{Compiled: compiled, Text: "rule"} }
	f.Judge(object.Object{Fields: live.Object})
	if fact, _ := f.Get(configMap); fact.Health.Health != v1alpha1.Progressing || fact.Rules != "rule" || fact.Stale() {
		t.Errorf("judged by the rule: %+v", fact)
	}
	live.SetUID("2")
	f.rules = func(object.ID) Rules { return Rules{Text: "other"} }
	f.Judge(object.Object{Fields: live.Object})
	if fact, _ := f.Get(configMap); fact.Rules != "rule" {
		t.Error("another object of the same name was taken in")
	}
}

func TestSecretsAreNeverReadWhole(t *testing.T) {
	f, _, _ := watched(false)
	k := &kindFacts{facts: f, gk: secrets, begun: time.Now(), synced: make(chan struct{}), byID: map[object.ID]Fact{}, answered: map[object.ID]Fact{}}
	close(k.synced)
	f.kinds[secrets] = k
	if err := f.Watch(t.Context(), t.Context(), object.ID{Kind: "Secret", Namespace: "web", Name: "s"}, "v1", true); err != nil {
		t.Fatal(err)
	}
	if f.kinds[secrets] != k || k.full {
		t.Error("a health rule made the agent watch Secrets with their data")
	}
}

func TestGathering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var calls []time.Duration
		begun := time.Now()
		g := &gathering{pause: definersPause, do: func() {
			mu.Lock()
			defer mu.Unlock()
			calls = append(calls, time.Since(begun))
		}}
		store := &versionsSeen{news: g.note}
		crd := func(name, version string) any {
			return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: version}}
		}
		_ = store.Replace([]any{crd("a", "1")}, "1")
		_ = store.Update(crd("a", "1"))
		time.Sleep(time.Second)
		_ = store.Add(crd("b", "2"))
		_ = store.Update(crd("b", "3"))
		time.Sleep(100 * time.Millisecond)
		_ = store.Delete(crd("a", "4"))
		time.Sleep(time.Second)
		_ = store.Replace([]any{crd("b", "3")}, "9")
		time.Sleep(time.Second)
		_ = store.Replace(nil, "10")
		time.Sleep(time.Second)
		mu.Lock()
		defer mu.Unlock()
		want := []time.Duration{time.Second + definersPause, 3100*time.Millisecond + definersPause}
		if !slices.Equal(calls, want) {
			t.Errorf("told at %v, want %v", calls, want)
		}
		if !maps.Equal(store.byName, map[string]string{}) {
			t.Errorf("kept %v", store.byName)
		}
	})
}
