package forge

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Kind says which API is spoken; the words are those of Repo spec.forge.kind.
type Kind string

// The kinds.
const (
	GitHub Kind = "github"
	GitLab Kind = "gitlab"
	Gitea  Kind = "gitea" // Forgejo too
)

// PullState is where a pull request is.
type PullState string

// The states of a pull request.
const (
	Open   PullState = "open"
	Closed PullState = "closed" // and not merged
	Merged PullState = "merged"
)

// Pull is a pull request.
type Pull struct {
	Number int
	URL    string // for people
	Title  string
	Body   string
	Author string // the login name
	State  PullState
	Draft  bool
	Head   Branch
	Base   Branch
	Fork   bool     // the head lies in another repository, or in one that is gone
	Labels []string // sorted
	Merged string   // the commit on the base branch, once merged
	// Conflicts is true if the forge knows that it cannot be merged. False proves nothing: most forges work it out later, and
	// lists do not say it.
	Conflicts bool
	Created   time.Time
	Updated   time.Time
}

// Branch is a branch and its commit, in full. The commit of a base may be missing (GitLab).
type Branch struct {
	Name   string
	Commit string
}

// Change is what became of a file.
type Change string

// The changes.
const (
	Added    Change = "added"
	Modified Change = "modified"
	Removed  Change = "removed"
	Renamed  Change = "renamed"
)

// File is a file that a pull request changes.
type File struct {
	Path   string
	Was    string // before it was renamed
	Change Change
}

// Verdict is what a reviewer said.
type Verdict string

// The verdicts.
const (
	Approved  Verdict = "approved"
	Objected  Verdict = "objected"  // changes are requested
	Commented Verdict = "commented" // and nothing else
	Asked     Verdict = "asked"     // and has not answered
)

// Review is the last word of a reviewer.
type Review struct {
	User    string
	Verdict Verdict
	Commit  string    // that was reviewed; "": the forge does not say
	At      time.Time // zero: the forge does not say
}

// Proposal is a pull request that is to be opened.
type Proposal struct {
	Head, Base  string // branches of the repository
	Title, Body string
	Labels      []string
}

// Method is how a pull request is merged.
type Method string

// The methods. Squash keeps the title and message of Merge as the commit's.
const (
	MergeCommit Method = "merge"
	Squash      Method = "squash"
)

// Merge says how a pull request is to be merged, and at which head.
type Merge struct {
	Head    string // the commit, in full; required
	Method  Method // default MergeCommit
	Title   string // default: the forge's
	Message string
}

// Comment is a comment on a pull request.
type Comment struct {
	ID     int64
	URL    string
	Author string
	Body   string
	At     time.Time
}

// Note is a comment of our own. Mark makes it known: letters, digits and "-:./", invisible to readers.
type Note struct {
	Mark string
	Text string // Markdown
}

// Body is the comment as it is written: the mark on the first line, as an HTML comment.
func (n Note) Body() string { return n.sign() + "\n" + n.Text }

func (n Note) sign() string { return "<!-- plumb:" + n.Mark + " -->" }

// In finds our own comment among those of a pull request: the oldest with the mark that self wrote.
func (n Note) In(comments []Comment, self string) (Comment, bool) {
	i := slices.IndexFunc(comments, func(c Comment) bool {
		first, _, _ := strings.Cut(c.Body, "\n")
		return strings.EqualFold(c.Author, self) && strings.TrimSpace(first) == n.sign()
	})
	if i < 0 {
		return Comment{}, false
	}
	return comments[i], true
}

// Same tells whether a comment says this already. Forges change line ends and what stands at the end of a text.
func (n Note) Same(c Comment) bool {
	plain := func(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n")) }
	return plain(c.Body) == plain(n.Body())
}

// Right is what a user may do in a repository. A greater one includes the lesser.
type Right int

// The rights.
const (
	None Right = iota
	Read
	Write
	Admin
)

func (r Right) String() string {
	return [...]string{"none", "read", "write", "admin"}[min(max(r, None), Admin)]
}

// State is how something went.
type State string

// The states.
const (
	Pending State = "pending"
	Success State = "success"
	Failure State = "failure"
	// Canceled ends what is pending and will never be told. Where a forge has no such state (GitHub's statuses, Gitea) it stays
	// pending with the last sentence: success would let it pass, and nothing failed. What is not pending stays as it is.
	Canceled State = "canceled"
)

// Status is what is said of a commit. Context tells statuses of one commit apart, and is what branch protection asks for.
type Status struct {
	Context     string
	State       State
	Description string // one sentence; what is over the forge's limit is cut
	URL         string // for more; "" is none
	// Pull is the number of the pull request that the commit is the head of, 0 if it is none. GitLab needs it: a status that is
	// to count for a merge request belongs to its pipeline.
	Pull int
	// Ref is the branch that the commit is on, for GitLab; "": it finds one.
	Ref string
	// Detail makes a check run of it where the forge has them and the credential may write them (a GitHub App); elsewhere it is
	// left out.
	Detail *Detail
}

// Detail is the text of a check run.
type Detail struct {
	Title   string // one line
	Summary string // Markdown
	Notes   []LineNote
}

// LineNote is a remark at a line of a file.
type LineNote struct {
	Path    string
	Line    int // from 1
	Failure bool
	Message string
}

// Progress is where a deployment is.
type Progress string

// The stages of a deployment.
const (
	Running   Progress = "running"
	Succeeded Progress = "succeeded"
	Failed    Progress = "failed"
)

// Deployment is that a commit is brought to an environment. Environment and Commit make it one: saying it again moves it on.
type Deployment struct {
	Environment string
	Commit      string
	Ref         string // the branch; required by GitLab
	Progress    Progress
	Description string
	URL         string // where more is told; "" is none
}

// Cut bounds a text to n bytes, at a letter, and says so with an ellipsis.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	cut := n - len("…")
	for cut > 0 && s[cut]&0xC0 == 0x80 {
		cut--
	}
	return s[:cut] + "…"
}

// LastWords folds what reviewers said, oldest first, to the last word of each, sorted by user. A comment does not take back
// an approval or an objection; an empty verdict (a review that was dismissed) takes back what that user said.
func LastWords(said []Review) []Review {
	last := map[string]Review{}
	for _, r := range said {
		before, ok := last[r.User]
		switch {
		case r.User == "" || r.Verdict == Asked && ok && before.Verdict != Asked:
		case r.Verdict == Commented && ok && before.Verdict != Asked:
		case r.Verdict == "":
			delete(last, r.User)
		default:
			last[r.User] = r
		}
	}
	out := make([]Review, 0, len(last))
	for _, r := range last {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Review) int { return cmp.Compare(a.User, b.User) })
	return out
}
