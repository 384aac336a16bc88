// Package examples holds the example fleet that `plumb up` seeds a newcomer's repository with: the folder fleet.
//
// It is read by people first: small, real manifests whose comments teach one thing each. It never holds anything that needs
// a network, a custom resource or a credential.
//
// Start reading at fleet/README.md.
package examples

import (
	"embed"
	"io/fs"
)

//go:embed all:fleet
var files embed.FS

// Fleet returns the example repository's files, rooted at its top folder.
func Fleet() fs.FS {
	sub, err := fs.Sub(files, "fleet")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}
