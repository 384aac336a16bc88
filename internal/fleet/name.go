package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Lengths of names (resources.md §4, §4.3; 63 and 253 are Kubernetes' own limits of labels and names).
const (
	maxName      = 40
	maxLabel     = 63
	maxSubdomain = 253
	shortened    = 54
)

// isLabel tells whether s is a DNS label: lower-case letters, digits and dashes, a letter or digit at both ends.
func isLabel(s string, most int) bool {
	if s == "" || len(s) > most || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '-' && !isLowerAlnum(c) {
			return false
		}
	}
	return true
}

// isName tells whether s may be the name of an app or an environment.
func isName(s string) bool { return isLabel(s, maxName) }

// isClusterName tells whether s may be the name of a Cluster object: a DNS subdomain.
func isClusterName(s string) bool {
	if len(s) > maxSubdomain {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if !isLabel(label, maxSubdomain) {
			return false
		}
	}
	return true
}

// isLabelValue tells whether s may be the value of a Kubernetes label.
func isLabelValue(s string) bool {
	if len(s) > maxLabel {
		return false
	}
	for i := range len(s) {
		c := s[i]
		inner := c == '-' || c == '_' || c == '.'
		if !isAlnum(c) && (!inner || i == 0 || i == len(s)-1) {
			return false
		}
	}
	return true
}

func isLowerAlnum(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

func isAlnum(c byte) bool { return isLowerAlnum(c) || c >= 'A' && c <= 'Z' }

// ObjectName gives the name of the App object for an address: <app>[-<env>][-<cluster>], the cluster unless it is Local.
// More than 63 characters are shortened to 54, a dash and 8 hexadecimal digits of the address (resources.md §4.3).
func ObjectName(a Address) string {
	name := a.App
	if a.Env != "" {
		name += "-" + a.Env
	}
	if a.Cluster != "" && a.Cluster != Local {
		name += "-" + a.Cluster
	}
	return shorten(name, a.String())
}

// DefaultNamespace gives <app>, with an environment <app>-<env>; the same on every cluster (resources.md §5).
// It is shortened as object names are, by the address without its cluster.
func DefaultNamespace(app, env string) string {
	a := Address{App: app, Env: env}
	return ObjectName(a)
}

func shorten(name, address string) string {
	if len(name) <= maxLabel {
		return name
	}
	sum := sha256.Sum256([]byte(address))
	head := strings.TrimRight(name[:shortened], ".") // a dot before the dash would not be a name
	return head + "-" + hex.EncodeToString(sum[:4])
}
