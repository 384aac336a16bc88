package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"plumb.dev/plumb/internal/report"
)

// outputVersion is the apiVersion of everything that -o json prints.
const outputVersion = "cli.plumb.dev/v1alpha1"

// screen is where the answer goes, and what may be used there.
type screen struct {
	out   io.Writer
	style report.Style
	tty   bool
}

// screenOf reads what the terminal, the environment and --color allow.
func screenOf(env Env, cmd *cobra.Command) screen {
	mode := "auto"
	if flag := cmd.Root().PersistentFlags().Lookup("color"); flag != nil {
		mode = flag.Value.String()
	}
	return screen{
		out: env.Stdout,
		tty: env.IsTTY,
		style: report.Style{
			Color: colour(mode, env),
			ASCII: !utf8Locale(env.Getenv),
			Width: width(env),
		},
	}
}

// colour follows --color, then NO_COLOR, CLICOLOR_FORCE, TERM=dumb, and at last whether somebody looks.
func colour(mode string, env Env) bool {
	force := env.Getenv("CLICOLOR_FORCE")
	switch {
	case mode == "always":
		return true
	case mode == "never", env.Getenv("NO_COLOR") != "":
		return false
	case force != "" && force != "0":
		return true
	}
	return env.IsTTY && env.Getenv("TERM") != "dumb"
}

// utf8Locale asks the first of LC_ALL, LC_CTYPE and LANG that is set, as the C library does.
func utf8Locale(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(getenv(name)); v != "" {
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return false
}

// width is COLUMNS, else the terminal's; 0 (a pipe) means that nothing is cut.
func width(env Env) int {
	if n, err := strconv.Atoi(env.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	return env.Width
}

// lines prints lines.
func (s screen) lines(lines []string) {
	for _, line := range lines {
		fmt.Fprintln(s.out, line)
	}
}

// machine prints v as -o json or -o yaml.
func (s screen) machine(format string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	if format == "yaml" {
		if data, err = yaml.JSONToYAML(data); err != nil {
			return fmt.Errorf("write the answer: %w", err)
		}
		_, err = s.out.Write(data)
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s\n", data)
	return err
}

// outputFlag adds -o with the formats that a verb knows; the first is the default.
func outputFlag(cmd *cobra.Command, to *string, formats ...string) {
	cmd.Flags().VarP(&choice{value: to, allowed: formats}, "output", "o", "format of the answer: "+strings.Join(formats, ", "))
	*to = formats[0]
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
}

// choice is a flag that takes one of a few words.
type choice struct {
	value   *string
	allowed []string
}

func (c *choice) String() string {
	if c.value == nil {
		return ""
	}
	return *c.value
}

func (c *choice) Type() string { return "format" }

func (c *choice) Set(s string) error {
	for _, word := range c.allowed {
		if s == word {
			*c.value = s
			return nil
		}
	}
	return fmt.Errorf("must be one of %s", strings.Join(c.allowed, ", "))
}
