package recorder

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
)

// An Entry has the pull requests that the forge names. While that is silent the Entry is written without, and again once it
// answers; other Entries do not wait for a forge that has just given no answer.
func TestReviewsComeWithTheEntryOrLater(t *testing.T) {
	inBubble(t, func(t *testing.T, books *keptBooks, begin func() *Recorder) {
		var asked atomic.Int32
		var silent atomic.Bool
		r := begin()
		r.Asks(func(context.Context, *v1alpha1.Entry) ([]v1alpha1.PullLine, error) {
			if asked.Add(1); silent.Load() {
				return nil, errors.New("the forge is down")
			}
			return []v1alpha1.PullLine{{Number: 12, Author: "ada", Reviews: []v1alpha1.ReviewLine{{User: "lena", Verdict: "approved"}}}}, nil
		})
		pull := func(minute int) int {
			books.mu.Lock()
			defer books.mu.Unlock()
			if pulls := books.there[revisionDraft(minute, "ok", true).Entry.Name].Revision.Pulls; len(pulls) > 0 {
				return pulls[0].Number
			}
			return 0
		}
		first := revisionDraft(1, "ok", true)
		first.First = true
		r.Put(first)
		synctest.Wait()
		if got := books.since(); got != "put ok" || pull(1) != 12 || asked.Load() != 1 {
			t.Errorf("%q, pull request %d, asked %d times", got, pull(1), asked.Load())
		}
		silent.Store(true)
		r.Put(revisionDraft(2, "ok", true))
		r.Put(revisionDraft(3, "ok", true))
		synctest.Wait()
		if got := books.since(); got != "put ok, put ok" || pull(2) != 0 || asked.Load() != 2 {
			t.Errorf("%q, pull request %d, asked %d times: the record waits for nobody", got, pull(2), asked.Load())
		}
		silent.Store(false)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := books.since(); got != "put ok, put ok" || pull(2) != 12 || pull(3) != 12 || asked.Load() != 4 {
			t.Errorf("%q, pull requests %d and %d, asked %d times", got, pull(2), pull(3), asked.Load())
		}
	})
}

// What a forge never answers is not asked for ever.
func TestReviewsAreGivenUp(t *testing.T) {
	inBubble(t, func(t *testing.T, books *keptBooks, begin func() *Recorder) {
		asked := 0
		r := begin()
		r.Asks(func(context.Context, *v1alpha1.Entry) ([]v1alpha1.PullLine, error) {
			asked++
			return nil, errors.New("the forge is down")
		})
		r.Put(revisionDraft(1, "ok", true))
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if got := books.since(); got != "list, put ok" || asked != askTries {
			t.Errorf("%q, asked %d times", got, asked)
		}
	})
}
