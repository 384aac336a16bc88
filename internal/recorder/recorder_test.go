package recorder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/plan"
	"plumb.dev/plumb/internal/record"
)

// keptBooks is where Entries are, in memory: what was asked, and what is there.
type keptBooks struct {
	mu    sync.Mutex
	there map[string]v1alpha1.Entry
	asked []string
	fails int // so many requests are refused
}

func (b *keptBooks) ask(what string) error {
	b.asked = append(b.asked, what)
	if b.fails > 0 {
		b.fails--
		return errors.New("the API server is away")
	}
	return nil
}

func (b *keptBooks) PutEntry(_ context.Context, e *v1alpha1.Entry) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.ask("put " + string(e.Result)); err != nil {
		return err
	}
	b.there[e.Name] = *e
	return nil
}

func (b *keptBooks) EntryResults(context.Context, string, string) (map[string]v1alpha1.Result, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	results := map[string]v1alpha1.Result{}
	for name, e := range b.there {
		results[name] = e.Result
	}
	return results, b.ask("list")
}

func (b *keptBooks) DeleteEntry(_ context.Context, _, name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.there, name)
	return b.ask("delete")
}

// since gives what was asked since the last call.
func (b *keptBooks) since() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	asked := strings.Join(b.asked, ", ")
	b.asked = nil
	return asked
}

var recordedApp = plan.App{Namespace: "plumb-system", Name: "cart", UID: "u1", App: "cart", Cluster: "local"}

func revisionDraft(minute int, result string, sure bool) Draft {
	return seenDraft(time.Date(2026, 11, 20, 12, minute, 0, 0, time.UTC), fmt.Sprintf("%07d", minute), result, sure)
}

func seenDraft(at time.Time, revision, result string, sure bool) Draft {
	row := v1alpha1.HistoryRow{Revision: revision, Seen: &metav1.MicroTime{Time: at}, Result: result}
	return Draft{Entry: record.Revision(recordedApp, record.Row{HistoryRow: row}), Sure: sure}
}

func inBubble(t *testing.T, test func(t *testing.T, books *keptBooks, begin func() *Recorder)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		books := &keptBooks{there: map[string]v1alpha1.Entry{}}
		ctx, stop := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer stop()
		test(t, books, func() *Recorder {
			r, err := New(books, dir, slog.New(slog.DiscardHandler), func(context.Context) {})
			if err != nil {
				t.Fatal(err)
			}
			r.Run(ctx)
			return r
		})
	})
}

func TestAnEntryIsOneWrite(t *testing.T) {
	inBubble(t, func(t *testing.T, books *keptBooks, begin func() *Recorder) {
		r := begin()
		first := revisionDraft(1, "ok", true)
		first.First = true
		r.Put(first)
		synctest.Wait()
		if got := books.since(); got != "put ok" {
			t.Errorf("a new App's first Entry is %q, want one write", got)
		}
		r.Put(revisionDraft(2, "failed", true))
		synctest.Wait()
		r.Put(revisionDraft(2, "ok", true))
		synctest.Wait()
		if got := books.since(); got != "put failed, put ok" {
			t.Errorf("a revision that fails and recovers is %q, want two writes", got)
		}
		// The next life knows what was written, and asks nobody.
		if mark := begin().Mark("u1"); !mark.Known || mark.Name != revisionDraft(2, "ok", true).Entry.Name || mark.Result != "ok" {
			t.Errorf("the next life knows %+v", mark)
		}
		synctest.Wait()
		if got := books.since(); got != "" {
			t.Errorf("a start asks %q", got)
		}
	})
}

// The mark is at the revision that was put last, though a clock that was set back gives it the older name: else that would be
// put again and again, with less each time.
func TestTheMarkFollowsTheOrderOfRevisions(t *testing.T) {
	inBubble(t, func(t *testing.T, books *keptBooks, begin func() *Recorder) {
		r := begin()
		noon := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
		before, after := seenDraft(noon, "fffffff", "ok", true), seenDraft(noon.Add(-time.Hour), "0000000", "ok", true)
		r.Put(before)
		r.Put(after)
		if mark := r.Mark("u1"); !mark.Says(&after.Entry) {
			t.Errorf("%s was put last, and the mark is at %s", after.Entry.Name, mark.Name)
		}
		synctest.Wait()
		if mark := begin().Mark("u1"); !mark.Says(&after.Entry) {
			t.Errorf("%s was written last, and the mark is at %s", after.Entry.Name, mark.Name)
		}
	})
}

func TestWhatIsMissingIsWrittenAndWhatIsThereIsNot(t *testing.T) {
	inBubble(t, func(t *testing.T, books *keptBooks, begin func() *Recorder) {
		there := revisionDraft(1, "ok", true).Entry
		there.Summary = "with all that was known"
		books.there[there.Name] = there
		r := begin() // the cache is lost: nobody knows what was written
		r.Put(revisionDraft(1, "ok", false))
		r.Put(revisionDraft(2, "ok", false))
		synctest.Wait()
		if got := books.since(); got != "list, put ok" {
			t.Errorf("it asks %q, want one list and what is missing", got)
		}
		if books.there[there.Name].Summary != there.Summary {
			t.Error("an Entry that said more was written over")
		}
	})
}

func TestRefusedEntriesAreTriedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, books *keptBooks, begin func() *Recorder) {
		books.fails = 3
		r := begin()
		d := revisionDraft(1, "ok", true)
		d.First = true
		r.Put(d)
		synctest.Wait()
		if begin().Mark("u1").Known {
			t.Error("what was refused counts as written")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if _, ok := books.there[d.Entry.Name]; !ok {
			t.Errorf("it was given up after %q", books.since())
		}
	})
}

func TestAFightIsWrittenOnceAMinute(t *testing.T) {
	inBubble(t, func(t *testing.T, books *keptBooks, begin func() *Recorder) {
		r := begin()
		var open *v1alpha1.Entry
		for range 600 { // for ten minutes
			now := metav1.NewTime(time.Now())
			open = record.Healed(recordedApp, open, []v1alpha1.Drift{{Object: "ConfigMap/shop/a", Field: "data.a", Manager: "other", Seen: &now, Healed: &now}}, now.Time)
			r.Put(Draft{Entry: *open.DeepCopy(), Sure: true})
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := strings.Count(books.since(), "put"); n > 11 {
			t.Errorf("ten minutes of fight are %d writes", n)
		}
		if len(books.there) != 1 || books.there[open.Name].Corrections[0].Count != 600 {
			t.Errorf("%d Entries, of them %+v", len(books.there), books.there[open.Name].Corrections)
		}
	})
}

func TestTheOldestGo(t *testing.T) {
	inBubble(t, func(t *testing.T, books *keptBooks, begin func() *Recorder) {
		for minute := range entriesKept {
			e := revisionDraft(minute, "ok", true).Entry
			books.there[e.Name] = e
		}
		r := begin()
		r.Put(revisionDraft(entriesKept, "ok", true))
		synctest.Wait()
		if got := books.since(); got != "list, put ok, delete" {
			t.Errorf("it asks %q", got)
		}
		oldest := slices.MinFunc(slices.Collect(maps.Keys(books.there)), record.Older)
		if len(books.there) != entriesKept || oldest != revisionDraft(1, "ok", true).Entry.Name {
			t.Errorf("%d are left, the oldest is %s", len(books.there), oldest)
		}
	})
}

func TestNothingIsWrittenOfAnAppThatIsGone(t *testing.T) {
	inBubble(t, func(t *testing.T, books *keptBooks, begin func() *Recorder) {
		books.fails = 1 << 20
		r := begin()
		r.Put(revisionDraft(1, "ok", true))
		end := revisionDraft(2, "ok", true)
		end.Entry.Labels[v1alpha1.LabelRemoval] = "true"
		r.Put(end)
		synctest.Wait()
		r.Forget("u1")
		books.mu.Lock()
		books.fails = 0
		books.mu.Unlock()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if got := slices.Collect(maps.Keys(books.there)); !slices.Equal(got, []string{end.Entry.Name}) {
			t.Errorf("%v was written, want how the app ended", got)
		}
		if r.Mark("u1").Known {
			t.Error("an App that is gone has a mark")
		}
	})
}
