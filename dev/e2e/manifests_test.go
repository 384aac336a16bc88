package e2e

import (
	"fmt"
	"strings"
)

// configMap writes a ConfigMap with pairs of keys and values.
func configMap(name string, pairs ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\ndata:\n", name)
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, "  %s: %q\n", pairs[i], pairs[i+1])
	}
	return b.String()
}

// deployment writes a Deployment of one container.
func deployment(name string, replicas int, image string) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata:
  name: %[1]s
spec:
  replicas: %[2]d
  selector:
    matchLabels: {app: %[1]s}
  template:
    metadata:
      labels: {app: %[1]s}
    spec:
      containers:
        - name: %[1]s
          image: %[3]s
          env:
            - {name: COLOUR, value: blue}
`, name, replicas, image)
}

// service writes a Service.
func service(name string, port int) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata:
  name: %[1]s
spec:
  selector: {app: %[1]s}
  ports:
    - {port: %[2]d}
`, name, port)
}

// documentsOf joins manifests into one file.
func documentsOf(manifests ...string) string {
	for i := range manifests {
		manifests[i] = strings.TrimPrefix(manifests[i], "\n")
	}
	return strings.Join(manifests, "---\n")
}
