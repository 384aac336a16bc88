// Command chartserver serves an HTTP chart repository and an OCI registry on loopback, for tests that drive programs. It prints
// their addresses as JSON on its first line, and ends when its standard input does. At the address "control": PUT
// /<name>/<version> publishes the archive that is sent, in both; PUT /break has both refuse to speak, PUT /mend ends that.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"plumb.dev/plumb/internal/chart/charttest"
)

// program is what the servers take for a test: what fails ends it.
type program struct{}

func (program) Helper()        {}
func (program) Cleanup(func()) {}
func (program) Fatal(args ...any) {
	fmt.Fprintln(os.Stderr, args...)
	os.Exit(1)
}

func main() {
	var options charttest.Options
	flag.StringVar(&options.User, "user", "", "who may read; default: everybody")
	flag.StringVar(&options.Password, "password", "", "the password of that user")
	flag.Parse()
	repository, registry := charttest.NewRepository(program{}, options), charttest.NewRegistry(program{}, options)
	control := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.Trim(r.URL.Path, "/")
		name, version, publish := strings.Cut(path, "/")
		switch {
		case publish:
			archive, err := io.ReadAll(r.Body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			registry.Publish(program{}, "charts", name, version, archive)
			repository.Publish(name, version, archive)
		case path == "break":
			silent := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
			repository.Break(http.HandlerFunc(silent))
			registry.Break(silent)
		default:
			repository.Break(nil)
			registry.Break(nil)
		}
	}))
	line, err := json.Marshal(map[string]string{"repository": repository.URL, "registry": registry.URL, "control": control.URL})
	if err != nil {
		program{}.Fatal(err)
	}
	fmt.Println(string(line))
	_, _ = io.Copy(io.Discard, os.Stdin)
}
