package board

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"syscall"
	"testing"

	"plumb.dev/plumb/api/v1alpha1"
)

// large makes a board of apps in eight places each.
func large(b *testing.B, apps int) *Board {
	b.Helper()
	board := New("large")
	places := []string{"dev", "staging", "prod@eu-1", "prod@eu-2", "prod@us-1", "prod@us-2", "prod@ap-1", "prod@ap-2"}
	for n := range apps {
		for i, place := range places {
			state := v1alpha1.States[0]
			if (n+i)%9 != 0 {
				state = v1alpha1.StateOK
			}
			board.Put(target("plumb-system", fmt.Sprintf("app-%d/%s", n, place), state, n%5000))
		}
	}
	return board
}

// processor tells what a turn takes of the processor: other than the time that passes, it is the same on a busy machine.
func processor(b *testing.B) func() {
	used := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	begun := used()
	return func() { b.ReportMetric(float64(used()-begun)/1e6/float64(b.N), "cpu-ms/op") }
}

// 10,000 apps answer the first page in under 50 ms, here in eight places each.
func BenchmarkTenThousandApps(b *testing.B) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	board := large(b, 10000)
	runtime.GC()
	runtime.ReadMemStats(&after)
	list := func(q Query) func(*testing.B) {
		return func(b *testing.B) {
			defer processor(b)()
			for b.Loop() {
				page, err := board.List(all, q)
				if err != nil {
					b.Fatal(err)
				}
				if err := json.NewEncoder(io.Discard).Encode(page); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.Run("first page", list(Query{}))
	b.Run("chosen", list(Query{State: []string{"failed"}, Env: []string{"prod"}}))
	b.Run("searched", list(Query{Text: "app-77 eu-1"}))
	b.Run("searched for what many have", list(Query{Text: "prod eu"}))
	b.Run("fleet", func(b *testing.B) {
		defer processor(b)()
		for b.Loop() {
			if err := board.Snapshot(all, Agent{}, now).WriteJSON(io.Discard); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("one change", func(b *testing.B) {
		defer processor(b)()
		for n := 0; b.Loop(); n++ {
			board.Put(target("plumb-system", fmt.Sprintf("app-%d/dev", n%10000), v1alpha1.States[n%6], n%9000))
		}
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB")
	})
}
