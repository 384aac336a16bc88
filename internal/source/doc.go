// Package source turns a Git address and a revision into a tree of bytes that can be read: the leftmost stage of a delivery.
//
// There is one bare copy (a Mirror) per repository, shared by all apps that use it. A pass is always the same four calls:
//
//	head, err := mirror.Resolve(ctx, "main")                   // what does the name mean now? one question to the server
//	err = mirror.Fetch(ctx, head)                              // make that commit complete here
//	err = mirror.Complete(ctx, head.Commit, []string{"apps"})  // where blobs were left on the server: one request for all
//	snapshot, err := mirror.Snapshot(ctx, head.Commit)         // an fs.FS over the object store
//
// Everything downstream carries commit ids, never names. Snapshot.Hash gives the Merkle hash of any path in a few cached
// lookups, which is how an app whose inputs did not change is skipped.
//
// What the package never does: it never makes a worktree, never follows a symlink out of the repository, never runs a hook
// or a filter, never lets git or ssh read the configuration of the machine or of the user, never sends a credential to
// another place than the one it was given for, never puts one into an argument, a file or the environment, never believes a
// host key that was not pinned, and never lets git fetch by itself while something reads. When the server fails, the last
// good state stays readable.
//
// It is the only package that runs the git command line (2.39 or newer), which starts ssh where the address says so. git
// does what it does best: talk to servers, and keep packs. Trees and blobs are read through one long-lived `git cat-file`
// per mirror and parsed here.
//
// Start at Open, then Mirror.Resolve, Mirror.Fetch and Snapshot. Subpackage trigger decides when to look again, webhook whom
// to believe that it is time; sourcetest has the conformance suite and servers to test against.
package source
