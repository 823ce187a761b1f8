package main

import (
	"strings"
	"testing"
	"time"
)

func TestBenchSenders(t *testing.T) {
	none := 0
	for _, test := range []struct {
		command benchCommand
		want    int
	}{
		{benchCommand{Connections: 100}, 10},
		{benchCommand{Connections: 4}, 4},
		{benchCommand{Connections: 4, Stalled: 1}, 3},
		{benchCommand{Connections: 4, Stalled: 9}, 0},
		{benchCommand{Connections: 100, Senders: &none}, 0},
	} {
		if got := test.command.senders(); got != test.want {
			t.Errorf("%d clients, %d of them stalled: %d senders, want %d", test.command.Connections, test.command.Stalled, got, test.want)
		}
	}
}

func TestBenchRefuses(t *testing.T) {
	good := benchCommand{Connections: 1, Duration: time.Second, Payload: 1}
	for flag, change := range map[string]func(*benchCommand){
		"--connections": func(c *benchCommand) { c.Connections = 0 },
		"--duration":    func(c *benchCommand) { c.Duration = 0 },
		"--payload":     func(c *benchCommand) { c.Payload = 0 },
	} {
		c := good
		change(&c)
		if err := c.check(); err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s: %v", flag, err)
		}
	}
	if err := good.check(); err != nil {
		t.Error(err)
	}
}

func TestBenchTokens(t *testing.T) {
	t.Setenv("CHORUS_AUTH_SECRET", "")
	if tokens, err := (&benchCommand{}).tokens(); tokens != nil || err != nil {
		t.Errorf("without a secret: %v", err)
	}
	t.Setenv("CHORUS_AUTH_SECRET", strings.Repeat("s", 32))
	tokens, err := (&benchCommand{}).tokens()
	if err != nil {
		t.Fatal(err)
	}
	first, err := tokens(1)
	if err != nil {
		t.Fatal(err)
	}
	if second, _ := tokens(2); first == second {
		t.Error("two clients have the same token")
	}
	if tokens, _ = (&benchCommand{Token: "given"}).tokens(); tokens == nil {
		t.Fatal("the given token is not used")
	}
	if got, _ := tokens(1); got != "given" {
		t.Errorf("the token is %q", got)
	}
}
