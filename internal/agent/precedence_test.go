package agent

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestBooksWaitForUsersObjects(t *testing.T) {
	for _, row := range []struct {
		reason string
		slots  int
		other  time.Duration // how long another turn is at work on users' objects
		queued time.Duration // how long an app waits for its turn
		hurry  time.Duration // when a newer commit comes; 0 is never
		want   time.Duration
	}{
		{"alone, nothing is waited for", 2, 0, 0, 0, 0},
		{"while another app is applied", 2, time.Second, 0, 0, time.Second},
		{"while an app has not had its turn", 2, 2 * time.Second, time.Second, 0, 2 * time.Second},
		{"not for ever", 2, time.Minute, 0, 0, bookPatience},
		{"not when a newer commit is here", 2, time.Minute, 0, time.Second, time.Second},
		{"the slot is free meanwhile", 1, time.Second, 0, 0, time.Second},
	} {
		t.Run(row.reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				var entered atomic.Bool
				entered.Store(row.other == 0)
				p := newPrecedence(row.slots, func() int {
					if entered.Load() && time.Since(begun) >= row.queued {
						return 0
					}
					return 1
				})
				hurry := make(chan struct{})
				if row.hurry > 0 {
					time.AfterFunc(row.hurry, func() { close(hurry) })
				}
				first := p.enter()
				if row.other > 0 {
					go func() {
						second := p.enter()
						entered.Store(true)
						time.Sleep(row.other)
						second.leave()
					}()
					synctest.Wait()
				}
				shed := false
				first.yield(t.Context(), hurry, func() { shed = true })
				if shed != (row.want > 0) {
					t.Errorf("objects were let go: %t", shed)
				}
				if waited := time.Since(begun); waited != row.want {
					t.Errorf("waited %s, want %s", waited, row.want)
				}
				first.leave()
				time.Sleep(2 * time.Minute)
				p.isEmpty(t)
			})
		})
	}
}

func TestOnlySoManyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPrecedence(maxBehind+2, func() int { return 1 })
		begun := time.Now()
		for range maxBehind {
			go func() {
				pl := p.enter()
				defer pl.leave()
				pl.yield(t.Context(), nil, func() {})
			}()
		}
		synctest.Wait()
		pl := p.enter()
		pl.yield(t.Context(), nil, func() {})
		pl.leave()
		if waited := time.Since(begun); waited != 0 {
			t.Errorf("one too many waited %s", waited)
		}
		time.Sleep(time.Minute)
		p.isEmpty(t)
	})
}

func (p *precedence) isEmpty(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.slots) != 0 || p.ahead != 0 || p.behind != 0 {
		t.Errorf("at the end: %d slots, %d ahead, %d behind", len(p.slots), p.ahead, p.behind)
	}
}
