package githubtest_test

import (
	"testing"

	"plumb.dev/plumb/internal/forge/forgetest"
	"plumb.dev/plumb/internal/forge/forgetest/githubtest"
)

// GitHub's own library, on a GitHub as GitHub describes it.
func TestContract(t *testing.T) {
	forgetest.Run(t, func(t *testing.T) forgetest.Scene { return githubtest.New(t).Scene() })
}
