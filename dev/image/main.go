// Command image makes the container image of the agent: an OCI layout, without a daemon, a base image or a registry.
//
//	go run . -plumb ../../bin/plumb -out ../../bin/image
//
// The root holds plumb and what it runs: git, which reads over https and ssh, with the libraries that they load, the
// certificate authorities, and nothing else. They come from the packages of the Debian release that this machine runs, as apt is
// set up here; no script of a package is run. Each package's copyright is kept, and its control file, by which scanners know
// what is inside.
//
// The same inputs give the same bytes: the order, owners, modes and times of files are fixed. The layer from Debian does not
// depend on Plumb's, so that an upgrade loads only the second. It never changes the machine: packages are loaded into a cache,
// never installed.
//
// Start at build; debian.go loads packages, root.go chooses what is needed of them, layer.go writes.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// user is who the agent runs as: nobody in particular, and not root.
const user = 65532

type options struct {
	plumb, out, cache string
	version, revision string
	time              int64 // of the commit, seconds of Unix time
}

func main() {
	var o options
	flag.StringVar(&o.plumb, "plumb", "../../bin/plumb", "the product's binary")
	flag.StringVar(&o.out, "out", "../../bin/image", "folder for the OCI layout; what is there is replaced")
	flag.StringVar(&o.cache, "cache", "", "folder for packages; default: plumb/debian in the user's cache folder")
	flag.StringVar(&o.version, "version", "devel", "version that the image is labelled with")
	flag.StringVar(&o.revision, "revision", "", "commit that the image is labelled with")
	flag.Int64Var(&o.time, "time", 0, "time of that commit, seconds of Unix time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.cache == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return err
		}
		o.cache = filepath.Join(base, "plumb", "debian")
	}
	packages, err := load(ctx, o.cache)
	if err != nil {
		return err
	}
	built, err := build(packages, o)
	if err != nil {
		return err
	}
	if err := write(o, built); err != nil {
		return err
	}
	return report(os.Stdout, o.out, built)
}

// image is what was built.
type image struct {
	v1.Image
	packages []string // name and version
	bytes    [2]int64 // of the files of each layer, before compression
}

// build makes the image in memory.
func build(packages []pack, o options) (*image, error) {
	system, used, err := systemRoot(packages)
	if err != nil {
		return nil, err
	}
	product, err := productRoot(o.plumb, time.Unix(o.time, 0))
	if err != nil {
		return nil, err
	}
	built := &image{packages: used, bytes: [2]int64{system.size(), product.size()}}
	var additions []mutate.Addendum
	for _, part := range []struct {
		files *root
		what  string
		at    time.Time
	}{{system, "packages of Debian", system.newest()}, {product, "plumb", time.Unix(o.time, 0)}} {
		layer, err := layerOf(part.files)
		if err != nil {
			return nil, err
		}
		additions = append(additions, mutate.Addendum{
			Layer: layer, MediaType: types.OCILayer,
			History: v1.History{Created: v1.Time{Time: part.at.UTC()}, CreatedBy: "make image", Comment: part.what},
		})
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if built.Image, err = mutate.Append(base, additions...); err != nil {
		return nil, err
	}
	built.Image, err = configured(built.Image, o)
	return built, err
}

// configured says how the image is run.
func configured(img v1.Image, o options) (v1.Image, error) {
	file, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.Created = v1.Time{Time: time.Unix(o.time, 0).UTC()}
	file.Architecture, file.OS = runtime.GOARCH, "linux"
	file.Config = v1.Config{
		Entrypoint: []string{"/usr/bin/plumb"}, Cmd: []string{"agent"}, User: fmt.Sprintf("%d:%d", user, user), WorkingDir: "/",
		Env:          []string{"PATH=/usr/bin", "HOME=/tmp", "SSL_CERT_FILE=/" + bundle},
		ExposedPorts: map[string]struct{}{"7420/tcp": {}},
		Labels: map[string]string{
			"org.opencontainers.image.title":       "plumb",
			"org.opencontainers.image.description": "Keeps Kubernetes clusters true to Git",
			"org.opencontainers.image.version":     o.version,
			"org.opencontainers.image.revision":    o.revision,
		},
	}
	return mutate.ConfigFile(img, file)
}

// write puts the image into a fresh layout, and reads it back as whoever pulls it does.
func write(o options, built *image) error {
	if err := os.RemoveAll(o.out); err != nil {
		return err
	}
	path, err := layout.Write(o.out, empty.Index)
	if err != nil {
		return err
	}
	err = path.AppendImage(built.Image, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": o.version}),
		layout.WithPlatform(v1.Platform{OS: "linux", Architecture: runtime.GOARCH}))
	if err != nil {
		return err
	}
	index, err := path.ImageIndex()
	if err != nil {
		return err
	}
	if err := validate.Index(index); err != nil {
		return fmt.Errorf("what was written is no valid image: %w", err)
	}
	return nil
}
