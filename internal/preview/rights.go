package preview

import (
	"fmt"
	"slices"
	"strings"

	"plumb.dev/plumb/internal/object"
	"plumb.dev/plumb/internal/report"
)

const rbac = "rbac.authorization.k8s.io"

// fewRights is how many added rights are named.
const fewRights = 3

// rights says who may do more than before, from what Git says on both sides.
func rights(was, is object.Object) []risk {
	if is.ID().Group != rbac {
		return nil
	}
	var more []string
	switch is.Kind() {
	case "Role", "ClusterRole":
		more = widened(rulesOf(was), rulesOf(is))
		if differ(was, is, "aggregationRule") && has(is, "aggregationRule") {
			more = append(more, "whatever other roles say that it gathers")
		}
		for _, label := range aggregates(is) {
			if was.Label(label) != "true" {
				more = append(more, "its rights become part of "+strings.TrimPrefix(label, aggregateTo))
			}
		}
	case "RoleBinding", "ClusterRoleBinding":
		role := is.ID().Kind
		if ref, ok := object.Get(is, object.Fields("roleRef")); ok {
			m, _ := ref.(map[string]any)
			role = fmt.Sprintf("%s/%s", object.Text(m["kind"]), object.Text(m["name"]))
		}
		before := subjectsOf(was)
		if differ(was, is, "roleRef") {
			before = nil
		}
		for _, subject := range subjectsOf(is) {
			if !slices.Contains(before, subject) {
				more = append(more, role+" for "+subject)
			}
		}
	}
	if len(more) == 0 {
		return nil
	}
	if left := len(more) - fewRights; left > 0 {
		more = append(more[:fewRights:fewRights], fmt.Sprintf("%d more", left))
	}
	return []risk{{report.RiskRights, "WIDENS RIGHTS: " + strings.Join(more, "; ")}}
}

const aggregateTo = "rbac.authorization.k8s.io/aggregate-to-"

// aggregates gives the labels by which a ClusterRole adds its rights to another one.
func aggregates(o object.Object) []string {
	labels, _ := object.Get(o, object.Fields("metadata", "labels"))
	entries, _ := labels.(map[string]any)
	var out []string
	for key, value := range entries {
		if strings.HasPrefix(key, aggregateTo) && value == "true" {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

func has(o object.Object, path ...string) bool {
	_, ok := object.Get(o, object.Fields(path...))
	return ok
}

// rule is a PolicyRule; groups and resources are empty where it is about addresses that are no resources.
type rule struct{ verbs, groups, resources, names, urls []string }

func rulesOf(o object.Object) []rule {
	list, _ := object.Get(o, object.Fields("rules"))
	entries, _ := list.([]any)
	var out []rule
	for _, e := range entries {
		m, _ := e.(map[string]any)
		out = append(out, rule{texts(m["verbs"]), texts(m["apiGroups"]), texts(m["resources"]), texts(m["resourceNames"]), texts(m["nonResourceURLs"])})
	}
	return out
}

func texts(v any) []string {
	list, _ := v.([]any)
	out := make([]string, 0, len(list))
	for _, e := range list {
		out = append(out, object.Text(e))
	}
	return out
}

// manyRights is how many rights are compared one by one.
const manyRights = 10_000

// widened gives the rights of the rules after that no rule before gives.
func widened(before, after []rule) []string {
	var out []string
	compared := 0
	for _, r := range after {
		compared += (len(r.resources)*len(r.groups) + len(r.urls)) * len(r.verbs) * (len(before) + 1)
	}
	if compared > manyRights {
		return []string{"more rights than can be compared one by one"}
	}
	for _, r := range after {
		for _, resource := range r.resources {
			for _, group := range r.groups {
				r.one(before, group, resource, &out)
			}
		}
		for _, url := range r.urls {
			if verbs := missing(r.verbs, before, func(b rule) bool { return covers(b.urls, url) }); len(verbs) > 0 {
				out = append(out, strings.Join(verbs, ", ")+" of "+url)
			}
		}
	}
	return slices.Compact(out)
}

// one adds what a rule allows of one resource and no rule before does.
func (r rule) one(before []rule, group, resource string, out *[]string) {
	verbs := missing(r.verbs, before, func(b rule) bool {
		return covers(b.groups, group) && (covers(b.resources, resource) || coversSub(b.resources, resource)) && (len(b.names) == 0 || len(r.names) > 0 && subset(r.names, b.names))
	})
	if len(verbs) == 0 {
		return
	}
	what := resource
	if group != "" {
		what += "." + group
	}
	if len(r.names) > 0 {
		what += " named " + strings.Join(r.names, ", ")
	}
	*out = append(*out, strings.Join(verbs, ", ")+" of "+what)
}

// missing gives the verbs that none of the fitting rules has.
func missing(verbs []string, rules []rule, fits func(rule) bool) []string {
	return slices.DeleteFunc(slices.Clone(verbs), func(verb string) bool {
		return slices.ContainsFunc(rules, func(b rule) bool { return covers(b.verbs, verb) && fits(b) })
	})
}

// covers tells whether a list of names has one, or all: with "*", or by the beginning of an address that ends so.
func covers(list []string, name string) bool {
	return slices.ContainsFunc(list, func(e string) bool {
		return e == "*" || e == name || strings.HasSuffix(e, "*") && strings.HasPrefix(e, "/") && strings.HasPrefix(name, strings.TrimSuffix(e, "*"))
	})
}

// coversSub tells whether a list has a subresource of every resource, as "*/scale".
func coversSub(list []string, resource string) bool {
	_, sub, ok := strings.Cut(resource, "/")
	return ok && slices.Contains(list, "*/"+sub)
}

func subset(names, of []string) bool {
	return !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(of, n) })
}

// subjectsOf names whom a binding is for.
func subjectsOf(o object.Object) []string {
	list, _ := object.Get(o, object.Fields("subjects"))
	entries, _ := list.([]any)
	var out []string
	for _, e := range entries {
		m, _ := e.(map[string]any)
		name := object.Text(m["kind"]) + "/"
		if namespace := object.Text(m["namespace"]); namespace != "" && m["namespace"] != nil {
			name += namespace + "/"
		}
		out = append(out, name+object.Text(m["name"]))
	}
	return out
}
