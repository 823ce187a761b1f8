package metrics

import (
	"runtime"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// maxCountedGoroutines is up to how many goroutines their owners are counted: each costs a look at its stack.
const maxCountedGoroutines = 20_000

// goroutines counts the goroutines of the process by owner: the part of the program whose function each runs.
type goroutines struct{ desc *prometheus.Desc }

func newGoroutines() *goroutines {
	return &goroutines{prometheus.NewDesc("chorus_goroutines",
		"Goroutines by the part of the program that owns them. It is missing while there are more than 20,000.", []string{"owner"}, nil)}
}

// Describe implements prometheus.Collector.
func (g *goroutines) Describe(ch chan<- *prometheus.Desc) { ch <- g.desc }

// Collect implements prometheus.Collector.
func (g *goroutines) Collect(ch chan<- prometheus.Metric) {
	if runtime.NumGoroutine() > maxCountedGoroutines {
		return
	}
	for owner, count := range countGoroutines() {
		ch <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, float64(count), owner)
	}
}

func countGoroutines() map[string]int {
	records := make([]runtime.StackRecord, runtime.NumGoroutine()+100)
	n, ok := runtime.GoroutineProfile(records)
	if !ok { // many began at this moment
		return nil
	}
	counts := make(map[string]int)
	for _, record := range records[:n] {
		counts[goroutineOwner(record.Stack())]++
	}
	return counts
}

// goroutineOwner returns the owner of the outermost function of a stack, but for those that only start others.
func goroutineOwner(stack []uintptr) string {
	for i := len(stack) - 1; i >= 0; i-- {
		fn := runtime.FuncForPC(stack[i] - 1) // a return address is behind the call
		if fn == nil {
			continue
		}
		switch path := packageOf(fn.Name()); {
		case path == "sync", path == "runtime", path == "time", path == "context":
		case strings.HasPrefix(path, "chorus/"):
			part, _, _ := strings.Cut(strings.TrimPrefix(path, "chorus/"), "/")
			return part
		case path == "net/http":
			return "http"
		case strings.HasPrefix(path, "github.com/redis/"):
			return "redis"
		case strings.HasPrefix(path, "github.com/zishang520/"):
			return "library"
		default:
			return "other"
		}
	}
	return "runtime"
}

// packageOf returns the import path of a function by its full name, as net/http.(*conn).serve.
func packageOf(function string) string {
	slash := strings.LastIndexByte(function, '/') + 1
	if dot := strings.IndexByte(function[slash:], '.'); dot >= 0 {
		return function[:slash+dot]
	}
	return function
}
