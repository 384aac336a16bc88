package server

import (
	"context"
	"encoding/hex"
	"strconv"
	"strings"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/board"
)

// HistoryPage is a page of the record of an app.
type HistoryPage struct{ board.Part[v1alpha1.Entry] }

// historyQuery chooses Entries.
type historyQuery struct {
	AppName
	Q      string   `query:"q" maxLength:"200" doc:"Words that are all found in an Entry: commit, subject, author, pull request, trouble, field, manager"`
	Result []string `query:"result" maxItems:"10" doc:"ok, failed, held, superseded or healed"`
	Kind   []string `query:"kind" maxItems:"2" doc:"revision or drift"`
	Author []string `query:"author" maxItems:"100"`
	Sort   string   `query:"sort" enum:"newest,oldest" default:"newest"`
	Limit  int      `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor string   `query:"cursor" maxLength:"4000" doc:"next of the page before"`
}

func (s *server) history(ctx context.Context, in *historyQuery) (HistoryPage, error) {
	app, found := s.Reader.App(in.Namespace, in.Name)
	if !found {
		return HistoryPage{}, noSuchApp()
	}
	who, ok := asker(ctx).(Listener)
	if !ok {
		return HistoryPage{}, notLive()
	}
	entries, err := who.History(ctx, &app)
	if err != nil {
		return HistoryPage{}, err
	}
	page, _, err := entryListing.Of(entries, board.ListQuery{
		Text: in.Q, Chosen: map[string][]string{"result": in.Result, "kind": in.Kind, "author": in.Author}, Sort: in.Sort, Limit: in.Limit, Cursor: in.Cursor,
	})
	return HistoryPage{page}, err
}

// entryListing orders Entries by their names, which are in the order of time.
var entryListing = board.Listing[v1alpha1.Entry]{
	ID:   func(e *v1alpha1.Entry) string { return e.Name },
	Text: textOfEntry,
	Columns: map[string]func(*v1alpha1.Entry) string{
		"result": func(e *v1alpha1.Entry) string { return string(e.Result) },
		"kind":   kindOfEntry,
		"author": authorOfEntry,
	},
	Orders: []board.Order[v1alpha1.Entry]{
		{Name: "newest", Key: func(e *v1alpha1.Entry) string { return backwards(e.Name) }},
		{Name: "oldest", Key: func(*v1alpha1.Entry) string { return "" }},
	},
}

func kindOfEntry(e *v1alpha1.Entry) string {
	if e.Revision == nil {
		return "drift"
	}
	return "revision"
}

func authorOfEntry(e *v1alpha1.Entry) string {
	if e.Revision == nil {
		return ""
	}
	return e.Revision.Commit.Author
}

// textOfEntry is what a search looks through.
func textOfEntry(e *v1alpha1.Entry) string {
	all := []string{e.Summary, string(e.Result)}
	if r := e.Revision; r != nil {
		all = append(all, r.Reason, r.Message)
		for _, c := range append([]v1alpha1.CommitLine{r.Commit}, r.ChangedBy...) {
			all = append(all, c.ID, c.Subject, c.Author)
		}
		for _, p := range r.Pulls {
			all = append(all, "#"+strconv.Itoa(p.Number), p.Title, p.Author)
		}
	}
	for _, c := range e.Corrections {
		all = append(all, c.Object, c.Field, c.Manager)
	}
	return strings.Join(all, "\n")
}

// backwards gives a text that stands in the reverse of the order in which the given one does.
func backwards(text string) string {
	turned := []byte(text)
	for i := range turned {
		turned[i] = ^turned[i]
	}
	return hex.EncodeToString(turned) + "~" // what is longer stands before
}
