package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"chorus/bench"
)

func TestExpectedTime(t *testing.T) {
	nothing := func(*bench.Options) {}
	for name, test := range map[string]struct {
		scenario scenario
		flags    flags
		want     time.Duration
	}{
		"a run":              {scenario{options: bench.Options{Connections: 1000, ConnectRate: 500, WarmUp: time.Second, Duration: 4 * time.Second}}, flags{Rounds: 1}, runOverhead + 7*time.Second},
		"as fast as it goes": {scenario{options: bench.Options{Connections: 20_000, Duration: 4 * time.Second}}, flags{Rounds: 1}, runOverhead + 14*time.Second},
		"rounds":             {scenario{options: bench.Options{Duration: 4 * time.Second}}, flags{Rounds: 5}, 5 * (runOverhead + 4*time.Second)},
		"rounds at most":     {scenario{rounds: 2, options: bench.Options{Duration: 4 * time.Second}}, flags{Rounds: 5}, 2 * (runOverhead + 4*time.Second)},
		"variants": {scenario{options: bench.Options{Duration: time.Second}, variants: []variant{
			{change: nothing}, {change: func(o *bench.Options) { o.Duration = 3 * time.Second }},
		}}, flags{Rounds: 1}, 2*runOverhead + 4*time.Second},
		"special": {scenario{special: ceiling, takes: 6 * time.Second}, flags{Rounds: 1}, runOverhead + 6*time.Second},
		"quick":   {scenario{options: bench.Options{Connections: 4000, ConnectRate: 500, Duration: 6 * time.Second}}, flags{Rounds: 5, Quick: true}, runOverhead + 4*time.Second},
	} {
		test.scenario.servers = []string{chorusName, nodeName}
		servers := []server{{name: chorusName}, {name: floorName}}
		if got := expectedTime([]scenario{test.scenario}, servers, test.flags); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestMinutes(t *testing.T) {
	for _, test := range []struct {
		d    time.Duration
		want string
	}{{time.Second, "a minute"}, {100 * time.Second, "2 minutes"}, {19 * time.Minute, "19 minutes"}, {82 * time.Minute, "80 minutes"}, {83 * time.Minute, "85 minutes"}} {
		if got := minutes(test.d); got != test.want {
			t.Errorf("%s: %q, want %q", test.d, got, test.want)
		}
	}
}

// The time depends on how many connections there may be, by less than what "about" stands for.
func TestPagesSayHowLongItTakes(t *testing.T) {
	want := "about " + minutes(expectedTime(scenariosWithin(20_000), allServers(), flags{Rounds: defaultRounds}))
	for _, file := range []string{"../../Makefile", "../../docs/measure.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), want) {
			t.Errorf("%s does not say that make bench takes %s", file, want)
		}
	}
}
