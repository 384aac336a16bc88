package forge

import "context"

// Forge is one repository at a forge. Errors are Faults; RetryAt tells of one when to come again.
type Forge interface {
	Pulls
	Proposals
	Talk
	Reports
}

// Pulls reads pull requests (at GitLab: merge requests).
type Pulls interface {
	// Open lists the open pull requests, newest first. More than 1,000 are a Fault.
	Open(ctx context.Context) ([]Pull, error)
	// Pull gives one by its number (at GitLab: its iid).
	Pull(ctx context.Context, number int) (Pull, error)
	// Files lists what a pull request changes against its merge base. all is false if the forge does not list all of them.
	Files(ctx context.Context, number int) (files []File, all bool, err error)
	// PullsOf lists the pull requests that brought or would bring a commit. Gitea knows only merged ones.
	PullsOf(ctx context.Context, commit string) ([]Pull, error)
	// Reviews gives the last word of each reviewer, and who was asked and said nothing yet; sorted by user.
	Reviews(ctx context.Context, number int) ([]Review, error)
}

// Proposals makes and merges pull requests.
type Proposals interface {
	// Create opens a pull request between two branches of the repository. If one is open for them it is given as it is.
	Create(ctx context.Context, p Proposal) (Pull, error)
	// Find gives the open pull request from one branch of the repository to another.
	Find(ctx context.Context, head, base string) (pull Pull, found bool, err error)
	// Merge merges a pull request if its head is still the one named, and gives the commit on the base branch. One that was
	// merged with that head already is no error. Faults: CodeHeadMoved, CodeNotMergeable.
	Merge(ctx context.Context, number int, m Merge) (commit string, err error)
	// Label adds and removes labels by name. Labels that the repository does not have are made.
	Label(ctx context.Context, number int, add, remove []string) error
}

// Talk reads and writes comments.
type Talk interface {
	// Comments lists the comments, oldest first, without what the forge itself says.
	Comments(ctx context.Context, number int) ([]Comment, error)
	// Say keeps one comment: it writes the first time, edits the same one afterwards, and does nothing if the text is the same.
	// The comment is known by its mark and by its author: a copy of the mark in another's comment is not touched.
	Say(ctx context.Context, number int, n Note) (Comment, error)
	// Right tells what a user may do in the repository. A user whom the forge does not know may do nothing.
	Right(ctx context.Context, user string) (Right, error)
}

// Reports tells how things went.
type Reports interface {
	// SetStatus sets the status of a commit under its context.
	SetStatus(ctx context.Context, commit string, s Status) error
	// Deploy tells of a deployment; it is false where the forge has none (Gitea).
	Deploy(ctx context.Context, d Deployment) (told bool, err error)
}
