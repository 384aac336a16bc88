package simulator

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A pod leads to the process that it stands for, and to nothing but this machine. That a connection goes through is shown by
// plumb ui in dev/e2e.
func TestAddressOf(t *testing.T) {
	for _, row := range []struct{ annotation, want, refused, reason string }{
		{"127.0.0.1:7420", "127.0.0.1:7420", "", "a process of this machine"},
		{"[::1]:7420", "[::1]:7420", "", "by its newer address"},
		{"", "", "no process runs in it", "a pod that stands for nothing has no ports"},
		{"10.0.0.7:22", "", "no address of loopback", "it is no way to other machines"},
		{"metadata.internal:80", "", "no address of loopback", "nor to names, which lead anywhere"},
		{"127.0.0.1", "", "no address of loopback", "without a port it leads nowhere"},
	} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "agent", Annotations: map[string]string{forwardKey: row.annotation}}}
		got, err := addressOf(pod)
		if got != row.want || (err == nil) != (row.refused == "") || err != nil && !strings.Contains(err.Error(), row.refused) {
			t.Errorf("%s: %q, %v", row.reason, got, err)
		}
	}
}
