package gitlabtest_test

import (
	"testing"

	"plumb.dev/plumb/internal/forge/forgetest"
	"plumb.dev/plumb/internal/forge/forgetest/gitlabtest"
)

// GitLab's own library, on a GitLab as GitLab describes it.
func TestContract(t *testing.T) {
	forgetest.Run(t, func(t *testing.T) forgetest.Scene { return gitlabtest.New(t).Scene() })
}
