package source_test

import (
	"testing"

	"plumb.dev/plumb/internal/source"
	"plumb.dev/plumb/internal/source/sourcetest"
)

func local(_ testing.TB, repo *sourcetest.Repo) source.Remote {
	return source.Remote{URL: repo.URL(), AllowLocal: true}
}

func localFiltered(t testing.TB, repo *sourcetest.Repo) source.Remote {
	return local(t, repo.AllowFilter())
}

func plainHTTP(t testing.TB, repo *sourcetest.Repo) source.Remote {
	return source.Remote{URL: sourcetest.Serve(t, repo, sourcetest.ServerOptions{}).URL}
}

func filteredHTTP(t testing.TB, repo *sourcetest.Repo) source.Remote {
	return plainHTTP(t, repo.AllowFilter())
}

func oldHTTP(t testing.TB, repo *sourcetest.Repo) source.Remote {
	return source.Remote{URL: sourcetest.Serve(t, repo, sourcetest.ServerOptions{Old: true}).URL}
}

func secureHTTP(t testing.TB, repo *sourcetest.Repo) source.Remote {
	server := sourcetest.Serve(t, repo.AllowFilter(), sourcetest.ServerOptions{TLS: true, User: "ada", Password: "p:ss wörd"})
	return source.Remote{URL: server.URL, Username: "ada", Password: "p:ss wörd", CA: server.CA}
}

// TestConformance runs the suite over every transport, with copies that are whole and, where WholeLimit is so small that
// every first transfer outgrows it, filtered.
func TestConformance(t *testing.T) {
	for _, test := range []struct {
		name      string
		transport sourcetest.Transport
		options   source.Options
	}{
		{"local", local, source.Options{}},
		{"local, filtered", localFiltered, source.Options{WholeLimit: -1}},
		{"http", plainHTTP, source.Options{}},
		{"http, asked to filter but cannot", plainHTTP, source.Options{WholeLimit: -1}},
		{"http, protocol 0", oldHTTP, source.Options{}},
		{"http, filtered", filteredHTTP, source.Options{WholeLimit: -1}},
		{"https with user and own authority, filtered", secureHTTP, source.Options{WholeLimit: -1}},
		{"ssh", overSSH, source.Options{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			sourcetest.Run(t, test.transport, test.options)
		})
	}
}
