package webhook_test

import (
	"net/netip"
	"testing"

	"chorus/api/webhook"
)

func TestAddresses(t *testing.T) {
	t.Parallel()
	for text, public := range map[string]bool{
		"1.1.1.1": true, "93.184.216.34": true, "2606:4700:4700::1111": true, "::ffff:1.1.1.1": true, "64:ff9b::101:101": true, "2002:101:101::1": true,
		"127.0.0.1": false, "127.255.255.254": false, "::1": false, "::ffff:127.0.0.1": false, "::127.0.0.1": false, "0.0.0.0": false, "0.1.2.3": false, "::": false,
		"10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false, "100.127.255.255": false,
		"192.0.0.1": false, "192.0.2.1": false, "198.18.0.1": false, "198.51.100.1": false, "203.0.113.1": false, "224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"fe80::1": false, "fc00::1": false, "fd12::1": false, "fec0::1": false, "ff02::1": false, "2001:db8::1": false, "2001::1": false, "100::1": false,
		"64:ff9b::7f00:1": false, "64:ff9b::a00:1": false, "64:ff9b:1::1": false, "2002:7f00:1::1": false, "2002:c0a8:1::1": false, "::ffff:10.0.0.1": false,
		"172.15.0.1": true, "172.32.0.1": true, "100.128.0.1": true, "fe80::1%eth0": false,
	} {
		if webhook.IsPublic(netip.MustParseAddr(text)) != public {
			t.Errorf("%s: public is not %t", text, public)
		}
	}
}
