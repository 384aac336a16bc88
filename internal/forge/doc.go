// Package forge is the port to the places where pull requests live: what Plumb asks of a forge and tells it, in words that
// are the same for GitHub, GitLab and Gitea (Forgejo too).
//
//	f, err := forges.Open(forge.Access{Kind: forge.Gitea, URL: "https://git.example.com", Repository: "acme/fleet", Token: …})   // package dial
//	pull, err := f.Pull(ctx, 12)
//	err = f.SetStatus(ctx, pull.Head.Commit, forge.Status{Context: "plumb/plan", State: forge.Pending, …})
//
// Writing is idempotent wherever the forge lets it be: who does not know whether a call arrived makes it again. What a forge
// says about a pull request is a value of the moment; a merge names the head that it was decided for.
//
// The package never retries and never waits: a forge that asks for patience is not asked again before the time it names, and
// RetryAt says when that is. It sends a credential to no host but the one it is for, and never follows a forge elsewhere.
//
// Start at Forge. The adapters are the packages github, gitlab and gitea; forgetest holds the contract that all of them keep.
package forge
