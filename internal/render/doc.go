// Package render turns one folder of a repository into Kubernetes objects, exactly as kubectl, `kustomize build` or
// `helm template` would, and writes down everything that it looked at.
//
//	r, err := render.New(render.Options{})
//	defer r.Close()
//	manifest, err := r.Render(ctx, render.Request{
//		Sources: map[string]render.Source{"repo": {FS: snapshot}}, Source: "repo", Path: "apps/cart",
//		Release: "cart", Namespace: "cart", Capabilities: cluster,
//	})
//
// Manifests, Kustomize files, charts and values are written by people who need not be trusted, and one line of them can
// kill any process that renders them (a template that calls itself ends a Go program beyond recovery). So this package
// renders nothing itself: package child does, in a process of its own that package sandbox has locked. It has no files, no
// network, no environment and cannot start a program; it asks this package for each file that it needs, over a pipe
// (package wire). A child that dies costs one render. An answer counts only with its trailer: an error is never "empty".
//
// The answers that were given are the Reads and Questions of a Manifest. Recorded.Unchanged asks them again, against another
// commit, in a few lookups: if the answers are the same then so is the render, and it is not done. Cache keeps the
// Recorded across restarts.
//
// What the package never does: it never reads a path outside of a Source, never fetches anything, never runs a program but
// its own, and never puts a rendered value or a values file into an error message.
//
// Start at Request and Manifest; then Renderer.Render, process.render (the conversation with the child) and reader (what
// the child may see), with their children in package child.
package render
