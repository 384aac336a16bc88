package preview

import (
	"cmp"
	"slices"

	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/report"
)

// Images gives which images take which's place between two renders: of each container that is on both sides, and besides the
// images that only one side has. Sorted, each once. It knows the containers of Kubernetes' own kinds.
func Images(before, after []object.Object) []report.ImageChange {
	was, is := imagesOf(before), imagesOf(after)
	had, has := map[string]bool{}, map[string]bool{}
	for _, image := range was {
		had[image] = true
	}
	for _, image := range is {
		has[image] = true
	}
	found := map[report.ImageChange]bool{}
	for at, image := range is {
		switch from, known := was[at]; {
		case known && from != image:
			found[report.ImageChange{From: from, To: image}] = true
		case !known && !had[image]:
			found[report.ImageChange{To: image}] = true
		}
	}
	for at, image := range was {
		if _, still := is[at]; !still && !has[image] {
			found[report.ImageChange{From: image}] = true
		}
	}
	out := make([]report.ImageChange, 0, len(found))
	for change := range found {
		out = append(out, change)
	}
	slices.SortFunc(out, func(a, b report.ImageChange) int {
		return cmp.Or(cmp.Compare(a.To, b.To), cmp.Compare(a.From, b.From))
	})
	return out
}

// container is where an image is used.
type container struct {
	of         object.ID
	list, name string
}

func imagesOf(objects []object.Object) map[container]string {
	out := map[container]string{}
	for _, o := range objects {
		path, ok := object.PodSpecPath(o.ID())
		if !ok {
			continue
		}
		for _, list := range []string{"initContainers", "containers"} {
			entries, _ := object.Get(o, path.Join(object.Field(list)))
			containers, _ := entries.([]any)
			for _, e := range containers {
				c, _ := e.(map[string]any)
				if image, ok := c["image"].(string); ok && image != "" {
					out[container{o.ID(), list, object.Text(c["name"])}] = image
				}
			}
		}
	}
	return out
}
