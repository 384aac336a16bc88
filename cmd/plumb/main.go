// Command plumb keeps every cluster true to Git: the commands of people, and the agent.
package main

import (
	"os"

	"plumb.dev/plumb/internal/cli"
)

func main() { os.Exit(cli.Main(cli.OS())) }
