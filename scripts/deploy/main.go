// Command deploy writes deploy/manifests/crds.yaml and the templates of the Helm chart from their one source (package deploy).
package main

import (
	"fmt"
	"os"

	"plumb.dev/plumb/deploy"
)

func main() {
	files, err := deploy.Files()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
