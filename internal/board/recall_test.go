package board

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/report"
)

// entryOf makes an Entry of cart-dev at commit c2, as the record has it.
func entryOf(author, subject string, result v1alpha1.Result, pulls ...v1alpha1.PullLine) *v1alpha1.Entry {
	return &v1alpha1.Entry{ObjectMeta: metav1.ObjectMeta{Namespace: "a"}, App: "cart-dev", Result: result, Revision: &v1alpha1.RevisionEntry{
		Commit: v1alpha1.CommitLine{ID: "c2", Author: author, Subject: subject}, Seen: at2(-20), Pulls: pulls,
	}}
}

// The record is read beside the passes: what those have told is newer.
func TestThePastDoesNotWin(t *testing.T) {
	reviewed := v1alpha1.PullLine{Number: 482, Author: "dana", Reviews: []v1alpha1.ReviewLine{{User: "ilya", Verdict: "approved"}}}
	asked := v1alpha1.PullLine{Number: 482, Author: "dana"}
	rolling := v1alpha1.HistoryRow{Revision: "c2", Seen: at2(-20), Applied: at2(-19)}
	for _, row := range []struct {
		reason                        string
		before                        func(*Board)
		recall                        *v1alpha1.Entry
		author, subject, state, pulls string
	}{
		{
			"nobody has told who wrote it", func(*Board) {}, entryOf("old", "as recorded", v1alpha1.ResultOK, asked),
			"old", "as recorded", "rolling", "0 reviews",
		},
		{
			"the mirror has told who wrote it", func(b *Board) {
				b.PutCommit("a/fleet", v1alpha1.CommitLine{ID: "c2", Author: "dana", Subject: "cart: 2.8.1"})
			}, entryOf("old", "as recorded", v1alpha1.ResultOK), "dana", "cart: 2.8.1", "rolling", "",
		},
		{
			"the mirror has told who wrote it, the record has the pull request", func(b *Board) {
				b.PutCommit("a/fleet", v1alpha1.CommitLine{ID: "c2", Author: "dana", Subject: "cart: 2.8.1"})
			}, entryOf("old", "as recorded", v1alpha1.ResultOK, asked), "dana", "cart: 2.8.1", "rolling", "0 reviews",
		},
		{
			"the forge has told meanwhile who reviewed it", func(b *Board) {
				b.PutEntry("a/fleet", entryOf("dana", "cart: 2.8.1", "", reviewed))
			}, entryOf("dana", "cart: 2.8.1", v1alpha1.ResultOK, asked), "dana", "cart: 2.8.1", "rolling", "1 reviews",
		},
		{
			"it is tried again: the record is of the attempt before", func(*Board) {}, entryOf("dana", "cart: 2.8.1", v1alpha1.ResultFailed),
			"dana", "cart: 2.8.1", "rolling", "",
		},
	} {
		t.Run(row.reason, func(t *testing.T) {
			b := New("life")
			b.Put(went("a", "cart/dev", v1alpha1.StateRolling, rolling))
			row.before(b)
			b.RecallEntry("a/fleet", row.recall)
			c, ok := b.Change(all, "a/fleet", "c2")
			if !ok || c.Author != row.author || c.Subject != row.subject || c.Targets[0].State != row.state {
				t.Errorf("%s by %s, %+v", c.Subject, c.Author, c.Targets)
			}
			pulls := ""
			if c.Pull != nil {
				pulls = string('0'+rune(len(c.Pull.Reviews))) + " reviews"
			}
			if pulls != row.pulls {
				t.Errorf("the pull request: %q, want %q", pulls, row.pulls)
			}
			if shown, _ := b.Row(all, "a/cart-dev"); shown.Change == nil || shown.Change.Author != row.author {
				t.Errorf("the row tells %+v", shown.Change)
			}
		})
	}
}

// A commit that is not remembered any more fills a row in that says nothing, and no other.
func TestTheForgottenPastDoesNotWin(t *testing.T) {
	b := New("life")
	b.history.floor = now.Add(time.Hour).UnixMicro()
	b.Put(went("a", "cart/dev", v1alpha1.StateRolling, v1alpha1.HistoryRow{Revision: "c2", Seen: at2(-20)}))
	b.RecallEntry("a/fleet", entryOf("dana", "first", v1alpha1.ResultOK))
	b.RecallEntry("a/fleet", entryOf("omar", "second", v1alpha1.ResultOK))
	if row, _ := b.Row(all, "a/cart-dev"); row.Change == nil || row.Change.Author != "dana" {
		t.Errorf("%+v", row.Change)
	}
}

func TestAPullRequestThatWasDroppedDoesNotComeBack(t *testing.T) {
	plan := func(head string) report.PullPlan {
		return report.PullPlan{Repo: "a/fleet", Number: 7, Head: head, Branch: "main"}
	}
	for _, row := range []struct {
		reason string
		before func(*Board)
		want   string
	}{
		{"nothing was heard of it", func(*Board) {}, "kept"},
		{"it was planned anew", func(b *Board) { b.PutPull(plan("new")) }, "new"},
		{"it was merged", func(b *Board) { b.PutPull(plan("new")); b.DropPull("a/fleet", 7) }, ""},
		{"it was closed while nothing was known of it", func(b *Board) { b.DropPull("a/fleet", 7) }, ""},
		{"its Repo is gone", func(b *Board) { b.DropPull("a/fleet", 0) }, ""},
		{"another one was merged", func(b *Board) { b.DropPull("a/fleet", 8) }, "kept"},
	} {
		b := New("life")
		row.before(b)
		b.RecallPull(plan("kept"))
		b.Recalled()
		got := ""
		if pulls := pullsOf(t, b, all); len(pulls) > 0 {
			got = pulls[0].Head
		}
		if got != row.want {
			t.Errorf("%s: %q, want %q", row.reason, got, row.want)
		}
		if b.DropPull("a/fleet", 7); len(b.heard) > 0 {
			t.Error("what is heard is kept for good")
		}
	}
}
