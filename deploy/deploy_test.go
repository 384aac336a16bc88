package deploy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plumb.dev/plumb/deploy"
)

func TestTheGeneratedFilesAreThoseOfTheSource(t *testing.T) {
	files, err := deploy.Files()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(name)
		if err != nil || string(got) != want {
			t.Errorf("%s is not what its source says (%v): run make generate", name, err)
		}
	}
	templates, err := filepath.Glob("chart/templates/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range templates {
		if files[filepath.ToSlash(name)] == "" {
			t.Errorf("%s is written by hand: the chart is written from the manifests", name)
		}
	}
}

func TestKustomizeTakesAllParts(t *testing.T) {
	text, err := os.ReadFile("manifests/kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range deploy.Parts() {
		if !strings.Contains(string(text), "- "+part+".yaml\n") {
			t.Errorf("manifests/kustomization.yaml leaves out %s", part)
		}
		if data, err := deploy.Part(part); err != nil || len(data) == 0 {
			t.Errorf("part %s: %v", part, err)
		}
	}
	if _, err := deploy.Part("crd"); err == nil || !strings.Contains(err.Error(), "crds, access, policies, agent") {
		t.Errorf("an unknown part: %v", err)
	}
}
