package cli

import "github.com/spf13/cobra"

// newAgentCommand gives the daemon's verb, or nil while the agent is not linked in.
func newAgentCommand(Env) *cobra.Command { return nil }
