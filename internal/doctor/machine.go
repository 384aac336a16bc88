package doctor

import (
	"context"

	"plumb.dev/plumb/internal/source"
)

// git looks for the git that fetches and reads commits.
func (e *examination) git(ctx context.Context) {
	version, err := source.GitVersion(ctx)
	if err != nil {
		e.fault("git", err, "install git 2.39 or newer")
		return
	}
	e.fine("git", "%s on this machine", version)
}

// renders asks a render child what locks it on this kernel.
func (e *examination) renders(ctx context.Context) {
	weakness, err := e.Sandbox(ctx)
	switch {
	case err != nil:
		e.fault("renders", err, "plumb version")
	case weakness != "":
		e.warn("renders", "render only what you trust on this machine, or use a newer kernel", "the sandbox of renders is weak on this machine: %s", weakness)
	default:
		e.fine("renders", "the sandbox of renders is complete on this machine")
	}
}

// lowDisk is the free space below which mirrors and renders are in danger, in bytes.
const lowDisk = 1 << 30

// disk looks at the space for mirrors and renders of an agent on this machine.
func (e *examination) disk(context.Context) {
	free, err := freeSpace(e.CacheDir)
	switch {
	case err != nil:
		e.unseen("disk", err)
	case free < lowDisk:
		e.warn("disk", "free some space, or name another folder: plumb agent --cache-dir DIR", "only %d MiB are free for the cache of an agent on this machine (%s)", free>>20, e.CacheDir)
	default:
		e.fine("disk", "%d GiB are free for the cache of an agent on this machine", free>>30)
	}
}
