package parts

import (
	"runtime/debug"
	"strings"
	_ "unsafe" // for go:linkname

	"k8s.io/component-base/version"
)

// The real binaries get their version from the linker's flags. Without it the API server would answer v0.0.0 at /version,
// and charts with a kubeVersion would refuse to render. The module graph knows it, so no build flag can be forgotten.

//go:linkname gitVersion k8s.io/component-base/version.gitVersion
var gitVersion string

//go:linkname gitMajor k8s.io/component-base/version.gitMajor
var gitMajor string

//go:linkname gitMinor k8s.io/component-base/version.gitMinor
var gitMinor string

func init() {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return
	}
	for _, module := range info.Deps {
		if module.Path == "k8s.io/kubernetes" {
			setVersion(module.Version)
		}
	}
}

func setVersion(v string) {
	numbers := strings.SplitN(strings.TrimPrefix(v, "v"), ".", 3)
	if len(numbers) != 3 {
		return
	}
	gitVersion, gitMajor, gitMinor = v, numbers[0], numbers[1]
	_ = version.SetDynamicVersion(v) // equal to gitVersion, so never refused
}
