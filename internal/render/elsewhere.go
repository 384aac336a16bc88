package render

import (
	"io/fs"
	"path"
)

// Dependency is a chart that the app's chart depends on and does not hold.
type Dependency struct {
	Name string `json:"name"` // its folder or archive in charts/, without an ending; unique
	File        // its folder, or its archive (.tgz)
}

// chartSource is the name of the source that holds a chart from elsewhere.
const chartSource = "chart"

// UseChart renders an archive instead of the chart in the folder: the only file of a tree, whose hash stands for it.
func (req *Request) UseChart(tree fs.FS, archive string) {
	req.Sources[chartSource] = Source{FS: tree}
	req.Chart = &File{Source: chartSource, Path: archive}
}

// AddArchive gives the chart a dependency from an archive. One that it has already is not added again.
func (req *Request) AddArchive(name string, tree fs.FS, archive string) {
	source := chartSource + ":" + name
	if _, has := req.Sources[source]; has {
		return
	}
	req.Sources[source] = Source{FS: tree}
	req.Dependencies = append(req.Dependencies, Dependency{Name: name, File: File{Source: source, Path: archive}})
}

// AddFolder gives the chart a dependency from a folder of the app's own source. One that it has already is not added again.
func (req *Request) AddFolder(name, folder string) {
	d := Dependency{Name: name, File: File{Source: req.Source, Path: folder}}
	for _, has := range req.Dependencies {
		switch {
		case has.File == d.File:
			return
		case has.Name == d.Name:
			d.Name += "-" + path.Base(folder) // charts of one name and two versions
		}
	}
	req.Dependencies = append(req.Dependencies, d)
}
