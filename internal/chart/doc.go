// Package chart brings Helm charts from elsewhere: from HTTP chart repositories and OCI registries, at an exact version or
// the newest of a range, and says which of its dependencies a chart in the tree lacks.
//
//	store, err := chart.Open(dir)
//	found, err := store.Fetch(ctx, chart.Ref{Repo: "https://charts.example.com", Name: "podinfo", Version: "6.x"}, access)
//	source := found.FS() // one file: the archive; its hash is known without reading it
//
// An archive is checked before it is kept: its digest against what the repository says of it, its entries against limits, its
// name and version against what was asked for. It is kept under its digest, and is read by that: what was checked is what is
// rendered. An exact version is fetched once and never asked for again; a range is asked for as often as the caller wants, and
// what it gave last is served when the repository does not answer.
//
// The package never renders, never unpacks an archive to a disk, never runs a program, never sends a credential elsewhere than
// below the address that it is bound to (but to the token service that a registry names), and never connects to a private
// network unless the caller has listed the address. It links nothing of Helm.
//
// Start at Store.Fetch; Missing tells which dependencies of a chart in the tree have to be fetched.
package chart
