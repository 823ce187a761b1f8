package bench

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
)

// WriteTable writes the report for people.
func (r *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, values ...any) {
		_, _ = fmt.Fprintf(t, name+"\t"+format+"\n", values...) // Flush tells
	}
	line("connected", "%s in %.1f s (%.0f a second)", thousands(uint64(r.Connect.Connected)), r.Connect.Seconds, r.Connect.PerSecond) //nolint:gosec // not negative
	if r.Connect.Failed > 0 {
		line("not connected", "%d, the first: %s", r.Connect.Failed, r.Connect.Failure)
	}
	if r.Load != nil {
		r.Load.lines(line)
	}
	if l := r.Latency; l != nil && r.Load.Deliveries > 0 {
		line("latency", "p50 %.2f ms   p95 %.2f ms   p99 %.2f ms   p99.9 %.2f ms   max %.2f ms", l.P50, l.P95, l.P99, l.P999, l.Max)
	}
	if s := r.Server; s != nil {
		line("server CPU", "%.2f cores, %.1f us per connect%s", s.Cores, s.CPUMicrosPerConnect, perDelivery(r))
		line("server memory", "%.1f MB, %.1f KB per connection more than before", megabytes(s.RSSEnd), s.BytesPerConnection/1e3)
	}
	return t.Flush()
}

func (l *LoadReport) lines(line func(name, format string, values ...any)) {
	sent, delivered := "messages", "deliveries"
	if l.Echo {
		sent, delivered = "requests", "round trips"
	}
	line(sent, "%s in %.0f s", thousands(l.Sent), l.Seconds)
	if unsent := l.Offered - l.Sent; unsent > 0 {
		line("not sent", "%s: the server did not read", thousands(unsent))
	}
	line(delivered, "%s (%s a second)", thousands(l.Deliveries), thousands(uint64(l.DeliveriesPerSecond)))
	line("lost", "%s of %s", thousands(l.Lost), thousands(l.Expected))
	if l.OutOfOrder > 0 {
		line("out of order", "%s", thousands(l.OutOfOrder))
	}
	if l.Dropped > 0 {
		line("connections closed", "%d by the server, the first: %s", l.Dropped, l.DropReason)
	}
	if l.Evicted > 0 {
		line("stalled clients closed", "%d", l.Evicted)
	}
	if l.GeneratorCores > 0 {
		line("generator CPU", "%.2f cores", l.GeneratorCores)
	}
}

func perDelivery(r *Report) string {
	switch {
	case r.Load == nil:
		return ""
	case r.Load.Echo:
		return fmt.Sprintf(", %.2f us per round trip", r.Server.CPUMicrosPerDelivery)
	default:
		return fmt.Sprintf(", %.2f us per delivery", r.Server.CPUMicrosPerDelivery)
	}
}

func megabytes(n int64) float64 { return float64(n) / 1e6 }

func thousands(n uint64) string {
	text := strconv.FormatUint(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
