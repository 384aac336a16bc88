package agent

import (
	"log/slog"
	"testing"

	"k8s.io/apimachinery/pkg/types"
)

// idle is an agent that asks nobody anything.
func idle(t *testing.T) *Agent {
	return &Agent{
		life: t.Context(), log: slog.New(slog.DiscardHandler), claims: newClaims(),
		apps: map[types.NamespacedName]*app{}, repos: map[types.NamespacedName]*repo{},
	}
}
