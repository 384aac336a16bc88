package render

import (
	"path"
	"slices"
	"strings"
)

// Own gives a function that tells whether a file of an app's own repository is part of what was read: it was read or looked
// for itself, or it came or went in a folder that was listed. extra are files that count besides, such as those of settings, and folders those of which everything counts: where a render failed,
// nobody knows what it would have read.
func Own(reads []Read, extra, folders []string) func(file string, cameOrWent bool) bool {
	files, listed := map[string]bool{}, map[string]bool{}
	for _, r := range reads {
		switch {
		case r.Source != "":
		case r.Kind == ReadDir:
			listed[r.Path] = true
		default:
			files[r.Path] = true
		}
	}
	for _, name := range extra {
		files[name] = true
	}
	return func(file string, cameOrWent bool) bool {
		if files[file] || slices.ContainsFunc(folders, func(folder string) bool { return folder == "." || strings.HasPrefix(file, folder+"/") }) {
			return true
		}
		if !cameOrWent {
			return false
		}
		for dir := path.Dir(file); ; dir = path.Dir(dir) { // a folder that came with the file was not there to be listed
			if listed[dir] {
				return true
			}
			if dir == "." {
				return false
			}
		}
	}
}
