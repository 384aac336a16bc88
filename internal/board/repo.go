package board

import (
	"cmp"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/report"
)

// RepoRow is one Repo.
type RepoRow struct {
	ID         string             `json:"id" doc:"<namespace>/<name> of the Repo"`
	Namespace  string             `json:"namespace"`
	Name       string             `json:"name"`
	URL        string             `json:"url"`
	Revision   string             `json:"revision" doc:"Newest commit for which every app was decided"`
	Branch     string             `json:"branch" doc:"What is followed: a branch, a tag, a range; empty is the remote's default"`
	State      string             `json:"state" enum:"ok,failed,deciding,new" doc:"failed: it, or a folder in it that is meant to be an app, cannot be read or understood; deciding: apps are being decided at the newest commit; new: not read yet"`
	Reason     string             `json:"reason,omitempty"`
	Summary    string             `json:"summary"`
	Message    string             `json:"message,omitempty" doc:"What is wrong with it"`
	Observed   *RepoObserved      `json:"observed,omitempty" doc:"The newest commit that was seen"`
	StaleSince *time.Time         `json:"staleSince,omitempty" doc:"Since when the remote cannot be read; the last good state stays"`
	Poll       string             `json:"poll" doc:"How often the remote is asked"`
	Webhook    *RepoWebhook       `json:"webhook,omitempty"`
	HookPath   string             `json:"hookPath" doc:"Where a forge delivers: the path after the agent's address"`
	Forge      *RepoForge         `json:"forge,omitempty"`
	Deciding   int                `json:"deciding" doc:"Apps that are not decided at the newest commit"`
	Apps       v1alpha1.AppCounts `json:"apps"`
}

// RepoObserved is the newest commit that was seen, and how.
type RepoObserved struct {
	Commit string    `json:"commit"`
	At     time.Time `json:"at"`
	By     string    `json:"by,omitempty" doc:"webhook, poll or sync"`
}

// RepoWebhook is how signed deliveries come.
type RepoWebhook struct {
	Kind         string     `json:"kind" doc:"generic, github, gitlab or gitea"`
	SecretName   string     `json:"secretName" doc:"Of the Secret whose key secret signs"`
	LastDelivery *time.Time `json:"lastDelivery,omitempty" doc:"The last genuine one that this life of the agent got"`
}

// RepoForge is where commits get their statuses.
type RepoForge struct {
	Kind    string `json:"kind"`
	URL     string `json:"url,omitempty"`
	Context string `json:"context,omitempty"`
}

// PutRepo takes in how a Repo is now, and when its last genuine delivery came.
func (b *Board) PutRepo(r *v1alpha1.Repo, delivered time.Time) {
	row := repoRow(r, delivered)
	b.mu.Lock()
	defer b.mu.Unlock()
	if before, ok := b.repos[row.ID]; ok && equalRepos(before, row) {
		return
	}
	b.repos[row.ID] = row
	b.note(kindRepo, row.ID)
}

// DropRepo forgets a Repo that is gone.
func (b *Board) DropRepo(namespace, name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	id := namespace + "/" + name
	if _, ok := b.repos[id]; ok {
		delete(b.repos, id)
		b.note(kindRepo, id)
	}
}

// repoListing orders Repos by name, or those first that are in trouble.
var repoListing = Listing[RepoRow]{
	ID: func(r *RepoRow) string { return r.ID },
	Text: func(r *RepoRow) string {
		return strings.Join([]string{r.ID, r.URL, r.Branch, r.Revision, r.Reason, r.Summary}, "\n")
	},
	Columns: map[string]func(*RepoRow) string{
		"state": func(r *RepoRow) string { return r.State }, "namespace": func(r *RepoRow) string { return r.Namespace },
	},
	Orders: []Order[RepoRow]{
		{"name", func(*RepoRow) string { return "" }},
		{"trouble", func(r *RepoRow) string {
			return strconv.Itoa(slices.Index([]string{"failed", "deciding", "new", "ok"}, r.State) + 1)
		}},
	},
}

// Repos gives a page of those whose namespace a person may see.
//
// Errors: InvalidQuery for an order or a cursor that is none.
func (b *Board) Repos(sight Sight, q ListQuery) (Part[RepoRow], error) {
	page, _, err := repoListing.Of(b.reposSeen(sight), q)
	return page, err
}

func (b *Board) reposSeen(sight Sight) []RepoRow {
	b.mu.RLock()
	defer b.mu.RUnlock()
	out := []RepoRow{}
	for _, r := range b.repos {
		if sight.Sees(r.Namespace) {
			out = append(out, r)
		}
	}
	return out
}

func repoRow(r *v1alpha1.Repo, delivered time.Time) RepoRow {
	st := &r.Status
	out := RepoRow{
		ID: r.Namespace + "/" + r.Name, Namespace: r.Namespace, Name: r.Name, URL: report.Clean(shownURL(r.Spec.URL)), Revision: st.Revision, Branch: r.Spec.Revision,
		Summary: report.Clean(st.Summary), StaleSince: timeOf(st.StaleSince), Poll: cmp.Or(r.Spec.Poll, "1m"),
		HookPath: "/hooks/" + r.Namespace + "/" + r.Name, Deciding: max(st.DecidingCount, len(st.Deciding)),
	}
	if st.Apps != nil {
		out.Apps = *st.Apps
	}
	if o := st.Observed; o != nil {
		out.Observed = &RepoObserved{o.Revision, o.Time.UTC(), o.By}
	}
	if w := r.Spec.Webhook; w != nil {
		out.Webhook = &RepoWebhook{Kind: cmp.Or(w.Kind, "generic"), SecretName: w.Secret}
		if !delivered.IsZero() {
			at := delivered.UTC().Truncate(time.Second)
			out.Webhook.LastDelivery = &at
		}
	}
	if f := r.Spec.Forge; f != nil {
		out.Forge = &RepoForge{f.Kind, shownURL(f.URL), f.Context}
	}
	out.judge(st)
	return out
}

// shownURL gives an address without what may be a password or a token in it: such an address is refused, and it is shown to people
// who may not read the Repo.
func shownURL(text string) string {
	text = withUser.ReplaceAllString(text, "$1***@")
	return withPassword.ReplaceAllString(text, "$1***@")
}

var (
	withUser     = regexp.MustCompile(`^((?i:https?)://)[^/\s]*@`) // a token may be all that stands there
	withPassword = regexp.MustCompile(`^([A-Za-z0-9+.-]+://[^/@:\s]*:)[^/\s]*@`)
)

// judge finds the word for how a Repo itself is: how its apps are, they say themselves.
func (r *RepoRow) judge(st *v1alpha1.RepoStatus) {
	ready := report.Ready(st.Conditions)
	stray := meta.FindStatusCondition(st.Conditions, v1alpha1.ConditionFoldersRead)
	switch {
	case st.Observed == nil && ready.Status != metav1.ConditionFalse:
		r.State = "new"
	case r.StaleSince != nil || ready.Status == metav1.ConditionFalse && report.OfRepo(ready.Reason):
		r.State, r.Reason, r.Message = "failed", ready.Reason, report.Clean(ready.Message)
	case stray != nil && stray.Status == metav1.ConditionFalse: // no App tells of it
		r.State, r.Reason, r.Message = "failed", stray.Reason, report.Clean(stray.Message)
	case r.Deciding > 0:
		r.State = "deciding"
	default:
		r.State = "ok"
	}
}

func equalRepos(a, b RepoRow) bool { return reflect.DeepEqual(a, b) }
