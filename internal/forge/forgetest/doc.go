// Package forgetest holds the contract that every adapter of package forge keeps, as tests, and what fakes of a forge are
// made of.
//
// The suite sees a forge from three sides: through the port, as the credential's user; as other people, who push, review and
// comment; and as a reader who asks the forge by other means what stands there. It runs on a real Gitea (dev/gitea) and on
// the fakes of packages githubtest and gitlabtest, which serve the vendors' descriptions (package contract). It never looks
// into an adapter.
//
// Start at Run.
package forgetest
