package main

import (
	"math"
	"strings"
	"testing"
)

func TestConnectionsWithin(t *testing.T) {
	for _, test := range []struct {
		limit uint64
		want  int
		text  string
	}{
		{math.MaxUint64, 50_000, "50,000 authenticated clients on one node"},
		{51_000, 50_000, "50,000 authenticated clients on one node"},
		{50_999, 49_000, "49,000 authenticated clients on one node, because a process may have no more than 50,999 descriptors here (50,000 clients where it may have 51,000)"},
		{20_000, 19_000, "19,000 authenticated clients on one node, because a process may have no more than 20,000 descriptors"},
		{1024, 1000, "1,000 authenticated"},
	} {
		if got := connectionsWithin(test.limit); got != test.want {
			t.Errorf("with %d descriptors: %d connections, want %d", test.limit, got, test.want)
		}
		if got := tcpWithin(test.limit); got <= test.want || uint64(got) >= max(test.limit, spareDescriptors+roundConnections) {
			t.Errorf("with %d descriptors: %d TCP connections", test.limit, got)
		}
		if got := connectionsText(test.limit); !strings.HasPrefix(got, test.text) {
			t.Errorf("with %d descriptors: %q, want %q", test.limit, got, test.text)
		}
	}
}
