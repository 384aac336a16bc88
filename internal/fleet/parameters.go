package fleet

import (
	"fmt"

	"plumb.dev/plumb/api/v1alpha1"
	"plumb.dev/plumb/internal/fault"
)

// checkKustomize looks at what is laid over a kustomization.
func checkKustomize(k *v1alpha1.KustomizeSettings, at string) []finding {
	if k == nil {
		return nil
	}
	var found []finding
	for i, image := range k.Images {
		path := fmt.Sprintf("%s.images[%d]", at, i)
		switch {
		case image.Name == "":
			found = append(found, invalid(path, "needs a name", "the image as the manifests write it, without tag"))
		case image.NewName == "" && image.NewTag == "" && image.Digest == "":
			found = append(found, invalid(path, "changes nothing", "give it newName, newTag or digest"))
		case image.NewTag != "" && image.Digest != "":
			found = append(found, invalid(path, "has newTag and digest", "a digest alone says which image it is"))
		}
	}
	for i, replicas := range k.Replicas {
		path := fmt.Sprintf("%s.replicas[%d]", at, i)
		switch {
		case replicas.Name == "":
			found = append(found, invalid(path, "needs a name", ""))
		case replicas.Count < 0:
			found = append(found, invalid(path+".count", "must not be negative", ""))
		}
	}
	return found
}

// fitParameters refuses words about a kustomization for an app that is none: they would do nothing. In the root's defaults they
// speak of those apps that are.
func (a *App) fitParameters() {
	place, own := a.Places["kustomize"]
	if a.Fault != nil || a.Settings.Kustomize == nil || a.Kind == Kustomize || a.Kind == "" || own && place.File == SettingsFile {
		return
	}
	a.Fault = fault.New(fault.InvalidSettings, "kustomize says what is laid over a kustomization, but this renders as %s", a.Kind).At(place).
		WithNext("a %s with resources makes the folder one", kustomizations[0])
}
