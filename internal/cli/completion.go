package cli

import (
	"github.com/spf13/cobra"
)

const completionHelp = `Print the script that lets a shell complete verbs, flags and the names of apps.

    bash         source <(plumb completion bash)
    zsh          plumb completion zsh > "${fpath[1]}/_plumb"
    fish         plumb completion fish > ~/.config/fish/completions/plumb.fish
    powershell   plumb completion powershell | Out-String | Invoke-Expression

Names of apps come from the API server of the kubeconfig in use; if it does not answer within 300 ms, none are offered.`

func newCompletionCommand(env Env) *cobra.Command {
	return &cobra.Command{
		Use:       "completion bash|zsh|fish|powershell",
		Short:     "Print the completion script of a shell",
		Long:      completionHelp,
		GroupID:   groupRun,
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch root := cmd.Root(); args[0] {
			case "bash":
				return root.GenBashCompletionV2(env.Stdout, true)
			case "zsh":
				return root.GenZshCompletion(env.Stdout)
			case "fish":
				return root.GenFishCompletion(env.Stdout, true)
			default:
				return root.GenPowerShellCompletionWithDesc(env.Stdout)
			}
		},
	}
}
