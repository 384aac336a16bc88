// Command childtest is the rendering child, and a command line around it, for tests: a test binary cannot be the child,
// because it may be built with cgo, which cannot be locked. The product runs the same functions as `plumb render-child` and
// `plumb render`.
//
//	childtest render-child BYTES              the child
//	childtest render [flags] DIR              the Manifest of a directory, as JSON
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"

	"plumb.dev/plumb/internal/render"
	"plumb.dev/plumb/internal/render/child"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == render.ChildCommand {
		os.Exit(child.Main(os.Args[2:], os.Stdin, os.Stdout))
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	flags := flag.NewFlagSet("render", flag.ContinueOnError)
	local := render.Local{}
	flags.StringVar(&local.Root, "root", "", "of the repository")
	flags.StringVar(&local.Release, "release", "", "for Helm")
	flags.StringVar(&local.Namespace, "namespace", "", "for Helm")
	flags.StringVar(&local.KubeVersion, "kube-version", "", "for Helm")
	flags.Func("set", "as for helm, may be repeated", func(line string) error { local.Set = append(local.Set, line); return nil })
	flags.Func("values", "values file, may be repeated", func(name string) error { local.Values = append(local.Values, name); return nil })
	if len(os.Args) < 2 || flags.Parse(os.Args[2:]) != nil || flags.NArg() != 1 {
		return fmt.Errorf("usage: childtest render [flags] DIR")
	}
	local.Dir = flags.Arg(0)
	req, closing, err := local.Request()
	if err != nil {
		return err
	}
	defer closing()
	r, err := render.New(render.Options{})
	if err != nil {
		return err
	}
	defer r.Close()
	m, err := r.Render(context.Background(), req)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(m)
}
