package address_test

import (
	"testing"

	"chorus/internal/address"
)

func TestOf(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:4660":              "192.0.2.1",
		"192.0.2.1":                   "192.0.2.1",
		"[::ffff:192.0.2.1]:1":        "192.0.2.1",
		"[2001:db8:1:2:3:4:5:6]:4660": "2001:db8:1:2::/64",
		"2001:db8:1:2::ffff":          "2001:db8:1:2::/64",
		"[fe80::1%eth0]:1":            "fe80::/64",
		"@":                           "@",
	} {
		if got := address.Of(remote); got != want {
			t.Errorf("%s counts as %s, want %s", remote, got, want)
		}
	}
}
