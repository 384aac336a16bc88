package fleet

import (
	"path"
	"slices"
	"strings"
)

// setValues sets the values files that exist, and notes all of them as inputs.
func (t *target) setValues(l listing, files ...string) {
	t.values, t.inputs = conventionValues(l, t.inputs, files...)
}

// conventionValues gives those of the files that exist, and all of them as inputs.
func conventionValues(l listing, inputs []string, files ...string) (values, noted []string) {
	for _, file := range files {
		if l.marked(file) {
			values = append(values, file)
		}
		inputs = append(inputs, path.Join(l.dir, file))
	}
	return values, inputs
}

func envValues(env string) string { return "values-" + env + ".yaml" }

// markers are the files whose presence says how a folder renders.
func markers(dir string) []string {
	paths := []string{path.Join(dir, chartFile)}
	for _, name := range kustomizations {
		paths = append(paths, path.Join(dir, name))
	}
	return paths
}

func valuesFiles(l listing) []string {
	var files []string
	for _, name := range l.files {
		if strings.HasPrefix(name, "values") && strings.HasSuffix(name, ".yaml") {
			files = append(files, name)
		}
	}
	return files
}

// onlyValues tells whether no YAML or JSON lies in the folder but values files and a plumb.yaml.
func onlyValues(l listing) bool {
	return !slices.ContainsFunc(l.files, func(name string) bool {
		isValues := strings.HasPrefix(name, "values") && strings.HasSuffix(name, ".yaml")
		return holdsObject(name) != nil && name != SettingsFile && !isValues
	})
}
