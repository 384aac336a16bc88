// Package webhook judges a delivery of a forge: whether it is genuine, and which ref of which repository it says has moved.
//
//	if !webhook.Verify(kind, secret, header, body, now) { … }   // before a byte of the body is parsed
//	delivery, err := webhook.Read(kind, header, body)
//
// A delivery is a hint that it is worth while to look, never more: no commit, no branch and no address of it is believed.
// Whoever acts on it asks the repository itself, with the credentials and at the address of the Repo. So a replayed, an
// outdated or a lying delivery costs one question at most; Seen spares that one too.
//
// The package never does I/O and keeps no secret. Signatures are compared in a time that does not depend on where they
// differ, and a header that comes twice is no signature.
//
// Start at Verify, then Read. What the forges send is described in docs/reference/webhooks.md, with the sources.
package webhook
