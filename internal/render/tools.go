package render

import (
	"debug/elf"
	"os"
	"sync"

	"plumb.dev/plumb/internal/render/wire"
)

// toolVersions names everything that a rendered object depends on besides its inputs: the libraries, and this very program.
// So a new release renders everything once, and nothing that an older one recorded can outlive a correction.
var toolVersions = sync.OnceValue(func() string {
	return wire.KustomizeTool + " " + wire.HelmTool + " " + buildID()
})

// buildID gives the hash that the Go linker writes into a program; "" if it cannot be read.
func buildID() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	f, err := elf.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	note := f.Section(".note.go.buildid")
	if note == nil {
		return ""
	}
	data, err := note.Data()
	if err != nil {
		return ""
	}
	return hashBytes(data)
}
