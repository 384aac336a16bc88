package render

import (
	"io/fs"
	"time"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/render/wire"
)

// Version is the version of the serialised form of Manifest and Recorded. Another version is never read.
const Version = 1

// The renderers, as plumb.yaml names them.
const (
	Plain     = "plain"
	Kustomize = "kustomize"
	Helm      = "helm"
)

// Source is a tree of files at one revision. An FS that is a Hasher makes Recorded.Unchanged cheap; one that is an
// fs.ReadLinkFS has its symlinks followed inside the tree and refused outside; any other FS must guard its own root.
type Source struct {
	FS fs.FS
}

// Hasher is an FS that knows a hash of each path without reading it: of a file its bytes, of a folder everything below it.
// A path that does not exist gives an error for which errors.Is(err, fs.ErrNotExist) holds. Git's object ids are such hashes.
type Hasher interface {
	Hash(path string) (string, error)
}

// File names a file of a Source.
type File struct {
	Source string `json:"source,omitempty"` // "": that of the Request
	Path   string `json:"path"`             // relative to the root of the source
}

// Request is everything that a render may depend on.
type Request struct {
	Sources map[string]Source
	Source  string // the key in Sources of the app's folder; "" if there is only one
	Path    string // the app's folder, relative to the root of the source; "." is the root
	// Plain, Kustomize, Helm, or "": found by what the folder holds.
	Render    string
	Plain     *v1alpha1.PlainSettings
	Helm      *v1alpha1.HelmSettings
	Kustomize *v1alpha1.KustomizeSettings
	// The archive of a chart from elsewhere; nil: the chart is the app's folder. See UseChart.
	Chart *File
	// Charts that the chart depends on and does not hold. See AddArchive and AddFolder.
	Dependencies []Dependency
	Values       []File   // values files found by convention, later wins, the chart's own may be first; Helm.Values replaces them
	Set          []string // lines as for `helm --set`, after Helm.Set; used by the command line only
	Release      string   // release name for Helm if Helm.Release is not set: the app's name
	Namespace    string   // .Release.Namespace; plain YAML and Kustomize do not see it
	Upgrade      bool     // .Release.IsUpgrade instead of .Release.IsInstall
	// What the cluster is asked; nil means that of `helm template`: KubeVersionDefault and the API versions of its library.
	Capabilities Capabilities
}

// Capabilities answers a chart's questions about the cluster.
type Capabilities interface {
	// KubeVersion gives the version of the API server, for example "v1.37.2".
	KubeVersion() string
	// Has tells whether "apps/v1" or "apps/v1/Deployment" is served.
	Has(apiVersionOrGVK string) bool
}

// Manifest is what a folder means: objects, and what was asked to find that out. It is a value that may be stored and sent.
type Manifest struct {
	Version   int             `json:"version"`
	Objects   []object.Object `json:"objects"` // in the order of the upstream tool; Place.File is relative to the source
	Reads     []Read          `json:"reads"`
	Covers    []Cover         `json:"covers,omitempty"`
	Questions []Question      `json:"questions,omitempty"`
	Warnings  []Warning       `json:"warnings,omitempty"`
	Render    string          `json:"render"` // Plain, Kustomize or Helm
	Chart     *Chart          `json:"chart,omitempty"`
	Tool      string          `json:"tool"`    // for example "kustomize v0.21.2"
	Seconds   float64         `json:"seconds"` // wall time, without waiting for a child
}

// Kinds of Read.
const (
	ReadFile = "file" // the bytes of a file
	ReadDir  = "dir"  // the names in a folder, and which of them are folders
	ReadStat = "stat" // whether it is a file or a folder
	ReadLink = "link" // where a symlink points
)

// Read is one answer about a source. Paths hold no symlinks: where one was followed, it is a Read of its own.
type Read struct {
	Source string `json:"source,omitempty"`
	Path   string `json:"path"`
	Kind   string `json:"kind"`
	Hash   string `json:"hash"` // "": it did not exist
}

// Cover is the hash of a folder that holds many of the Reads: while it is the same they need not be asked one by one.
type Cover struct {
	Source string `json:"source,omitempty"`
	Path   string `json:"path"`
	Hash   string `json:"hash"`
}

// Question is one answer about the cluster or the release: "kubeVersion", "has apps/v1", "isUpgrade".
type Question struct {
	Ask    string `json:"ask"`
	Answer string `json:"answer"`
}

// Warning is something that a person should know about a render that succeeded.
type Warning = wire.Warning

// Codes of warnings.
const (
	WarnEmpty      = "EMPTY"      // no object: whoever plans holds the deletions that follow from it
	WarnLookup     = "LOOKUP"     // a template asked for a live object and was told that there is none
	WarnRandom     = "RANDOM"     // a template asked for something random; it stays the same while the inputs do
	WarnDeprecated = "DEPRECATED" // the tool says that a field is deprecated
	WarnSkipped    = "SKIPPED"    // a document or file that is not an object
	WarnManifest   = "MANIFEST"   // a document that kubectl would accept with a warning
)

// Chart is the identity of a Helm chart.
type Chart = wire.Chart

// Sandbox says what really locks a child.
type Sandbox = wire.Sandbox

// Limits bound one render. The zero value of a field means the default (resources.md §9).
type Limits struct {
	Timeout time.Duration // wall time, 30 s
	Memory  int64         // bytes of address space on top of what the child starts with, 1 GiB
	Output  int64         // bytes of all objects as JSON, 64 MiB
	Object  int64         // bytes of one object as JSON, 1.5 MiB
	File    int64         // bytes of one file, 10 MiB
	Input   int64         // bytes of all files, 256 MiB
	Objects int           // 10,000
	Reads   int           // questions of one render: files, folders, the cluster; 20,000
	Depth   int           // folders below the source's root, 64
}

// Finer codes of this package's faults.
const (
	CodeCrashed      = "RENDER_CRASHED"
	CodeMemory       = "RENDER_MEMORY"
	CodeOutput       = "RENDER_OUTPUT"
	CodeFileTooLarge = "FILE_TOO_LARGE"
	CodeInput        = "INPUT_TOO_LARGE"
	CodeReads        = "TOO_MANY_FILES"
	CodeTreeTooDeep  = "TREE_TOO_DEEP"
	CodeObjects      = "TOO_MANY_OBJECTS"
	CodeObject       = "OBJECT_TOO_LARGE"
	CodeSymlinkLoop  = "SYMLINK_LOOP"
	CodePlugin       = "PLUGIN_FORBIDDEN"
	CodeLFS          = "LFS_POINTER"
	CodeNoName       = "NAME_REQUIRED"
	CodeCycle        = "CYCLE"
	CodeDependency   = "CHART_DEPENDENCY"
	CodeDuplicateKey = "YAML_DUPLICATE_KEY"
)
