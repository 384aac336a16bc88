// Package fleet finds the apps of a repository: from a tree, the Repo's patterns and the known clusters to Apps with
// their names, namespaces, places and merged settings, or to faults that name file and line
// (docs/reference/resources.md §4, §5, §6). It also parses and merges plumb.yaml.
//
// It is pure. It reads the fs.FS that it is given and nothing else; it never asks a cluster, a clock or Git, never
// follows a symbolic link, never visits a name that begins with "." or "_", never guesses (what can be read two ways is
// Ambiguous, with both readings), and an error is never "no apps": a tree that cannot be read blocks the commit.
//
// Start at Discover. ByHand does the same for an App that a person wrote, Renders tells what a folder is,
// ParseRoot and ParseSettings read plumb.yaml, Merge lays one level over another, and ExplainText says for each
// folder which rule made it an app, or why not.
package fleet
