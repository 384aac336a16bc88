package object

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// maxManager is the API server's limit for the name of a field manager, in bytes.
const maxManager = 128

// ManagerPrefix begins the field managers of apps, and no others.
const ManagerPrefix = "plumb:"

// Manager gives the field manager that an App applies as: "plumb:<namespace>/<App>", one per app, stable for its life.
// A name beyond 128 bytes is cut and ends in a hash of the whole.
func Manager(namespace, app string) string {
	name := ManagerPrefix + namespace + "/" + app
	if len(name) <= maxManager {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	suffix := "-" + hex.EncodeToString(sum[:8])
	return name[:maxManager-len(suffix)] + suffix
}

// ManagerOf gives the field manager of a claim "<namespace>/<App>:<App UID>"; "" if it is no claim.
func ManagerOf(owner string) string {
	address, _, ok := strings.Cut(owner, ":")
	if !ok {
		return ""
	}
	namespace, app, ok := strings.Cut(address, "/")
	if !ok {
		return ""
	}
	return Manager(namespace, app)
}
