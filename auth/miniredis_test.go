package auth_test

import (
	"testing"

	"chorus/auth"

	"github.com/alicebob/miniredis/v2"
)

// The Redis of "chorus dev" and of people's tests has a Lua of its own.
func TestScriptsOnMiniredis(t *testing.T) {
	addr := miniredis.RunT(t).Addr()
	t.Run("revocations", func(t *testing.T) {
		a, b := readyRevocations(t, addr), readyRevocations(t, addr)
		claims := claimsOf(t, map[string]any{"sub": "a"})
		revoke(t, a, auth.Revocation{Subject: "a", Until: auth.Forever})
		await(t, "another node hears it", func() bool { return isRevoked(b, claims) })
		undo(t, b, auth.Revocation{Subject: "a"})
		await(t, "another node hears the undoing", func() bool { return !isRevoked(a, claims) })
	})
	for _, policy := range []auth.ConnectionPolicy{auth.PolicyRefuse, auth.PolicyCloseOldest} {
		t.Run(string(policy), func(t *testing.T) {
			a, b := startLimit(t, addr, 1, policy), startLimit(t, addr, 1, policy)
			await(t, "redis knows the nodes", func() bool { return a.Ready() == nil && b.Ready() == nil })
			first := admit(t, a.ConnectionLimit, string(policy), "1")
			if policy == auth.PolicyRefuse {
				turnAway(t, b.ConnectionLimit, string(policy), "2")
				return
			}
			admit(t, b.ConnectionLimit, string(policy), "2")
			await(t, "the oldest is closed", func() bool { return first.replaced.Load() == 1 })
		})
	}
}
