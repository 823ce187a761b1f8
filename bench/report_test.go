package bench

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestReportArithmetic(t *testing.T) {
	o := Options{Protocol: SocketIO, Senders: 1, Duration: 2 * time.Second, PIDs: []int{1}}
	f := &fleet{conns: make([]*conn, 4), failed: 1, failure: errors.New("refused"), receivers: []*receiver{{}, {}}}
	for i, r := range f.receivers {
		for range 10 + i {
			r.latency.record(int64(5 * time.Millisecond))
		}
		r.inWindow = 10
	}
	f.receivers[1].dropped.Store(1)
	f.receivers[1].reason = errors.New("gone")
	m := measurement{
		fleet: f, load: &load{offered: 8, sent: 6, expected: 24}, connectTook: 2 * time.Second,
		before: Usage{CPU: time.Second, RSS: 1000}, connected: Usage{CPU: time.Second + 4*time.Millisecond, RSS: 3000},
		from: Usage{CPU: 2 * time.Second}, until: Usage{CPU: 3 * time.Second, RSS: 5000},
	}
	r := m.report(&o)
	for name, test := range map[string]struct{ got, want float64 }{
		"connected":            {float64(r.Connect.Connected), 4},
		"connects per second":  {r.Connect.PerSecond, 2},
		"deliveries":           {float64(r.Load.Deliveries), 21},
		"lost":                 {float64(r.Load.Lost), 3},
		"deliveries a second":  {r.Load.DeliveriesPerSecond, 10},
		"dropped":              {float64(r.Load.Dropped), 1},
		"CPU per connect":      {r.Server.CPUMicrosPerConnect, 1000},
		"CPU per delivery":     {r.Server.CPUMicrosPerDelivery, 50_000},
		"cores":                {r.Server.Cores, 0.5},
		"bytes per connection": {r.Server.BytesPerConnection, 1000},
		"p50":                  {r.Latency.P50, 5},
	} {
		if test.got != test.want {
			t.Errorf("%s: %v, want %v", name, test.got, test.want)
		}
	}
	if r.Connect.Failure != "refused" || r.Load.DropReason != "gone" {
		t.Errorf("reasons: %q, %q", r.Connect.Failure, r.Load.DropReason)
	}

	var table strings.Builder
	if err := r.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"not sent", "3 of 24", "1 by the server, the first: gone", "50000.00 us per delivery"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, &table)
		}
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is written %s", n, got)
		}
	}
}
