package metrics

import (
	"chorus/engine"
	"context"
	"slices"
	"sync"
	"time"

	"chorus/api"
	"chorus/chat"

	dto "github.com/prometheus/client_model/go"
)

// A node takes a sample of its figures in each interval, and keeps those of a quarter of an hour.
const (
	SampleInterval = 2 * time.Second
	sampleSpan     = 15 * time.Minute
)

// Samples are those of this node, for the dashboard.
type Samples struct {
	metrics *Metrics
	engine  *engine.Server

	mu   sync.Mutex
	list []api.Sample
}

// NewSamples returns the samples of a node, none yet.
func NewSamples(m *Metrics, e *engine.Server) *Samples { return &Samples{metrics: m, engine: e} }

// Answer has the node answer the others that ask for its samples.
func (s *Samples) Answer(c *chat.Chat) {
	chat.Answers(c, api.SamplesKind, func(q api.SamplesQuestion) []api.Sample { return s.after(q.Since) })
}

func (s *Samples) after(since int64) []api.Sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	from, _ := slices.BinarySearchFunc(s.list, since+1, func(sample api.Sample, at int64) int { return int(sample.At - at) })
	return slices.Clone(s.list[from:])
}

func (s *Samples) add(sample api.Sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if most := int(sampleSpan / SampleInterval); len(s.list) >= most {
		s.list = slices.Delete(s.list, 0, len(s.list)-most+1)
	}
	s.list = append(s.list, sample)
}

// Take takes them until ctx ends.
func (s *Samples) Take(ctx context.Context) {
	ticker := time.NewTicker(SampleInterval)
	defer ticker.Stop()
	for {
		s.add(s.now())
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// now reads the figures of this moment.
func (s *Samples) now() api.Sample {
	stats := s.engine.Stats()
	sample := api.Sample{
		At: time.Now().UnixMilli(), Connections: s.engine.ClientsCount(),
		InTotal: stats.Received.Load(), OutTotal: stats.Sent.Load(), RefusedTotal: map[string]uint64{},
	}
	probe, up := 0.0, false
	families, _ := s.metrics.registry.Gather() // what could not be gathered is missing
	for _, family := range families {
		switch family.GetName() {
		case "process_resident_memory_bytes":
			sample.Memory = uint64(family.GetMetric()[0].GetGauge().GetValue())
		case "chorus_rooms":
			sample.Rooms = int(family.GetMetric()[0].GetGauge().GetValue())
		case "chorus_redis_published_total":
			sample.PublishedTotal = uint64(family.GetMetric()[0].GetCounter().GetValue())
		case "chorus_redis_oldest_pending_seconds":
			sample.LagMs = family.GetMetric()[0].GetGauge().GetValue() * 1000
		case "chorus_redis_probe_seconds":
			probe = family.GetMetric()[0].GetGauge().GetValue() * 1000
		case "chorus_redis_up":
			up = family.GetMetric()[0].GetGauge().GetValue() == 1
		case "chorus_handshakes_refused_total", "chorus_chat_refused_total", "chorus_api_refused_total":
			addRefusals(sample.RefusedTotal, family)
		}
	}
	if up && probe > 0 {
		sample.ProbeMs = &probe
	}
	return sample
}

// addRefusals adds the counters of a family by their codes.
func addRefusals(to map[string]uint64, family *dto.MetricFamily) {
	for _, metric := range family.GetMetric() {
		for _, label := range metric.GetLabel() {
			if label.GetName() == "code" {
				to[label.GetValue()] += uint64(metric.GetCounter().GetValue())
			}
		}
	}
}
