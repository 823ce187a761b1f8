package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chorus/api/sign"
	"chorus/api/webhook"
	"chorus/chat/notice"
	"chorus/node/cluster"
	"chorus/node/config"
	"chorus/node/logging"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// webhooks are the back ends that are told what happens.
type webhooks struct {
	targets *notice.Targets
	memory  *webhook.Memories // of a node that is alone
	service *webhook.Service
	admins  []webhook.Admin

	revocations *revocationTeller // nil when nobody is told of revocations
}

func (w *webhooks) close() {
	if w.revocations != nil {
		w.revocations.close()
	}
	w.service.Close()
}

// noticeTargets returns what the targets of the configuration want.
func noticeTargets(cfg *Config) []notice.Target {
	list := make([]notice.Target, len(cfg.Webhooks))
	for i := range cfg.Webhooks {
		c := &cfg.Webhooks[i]
		list[i] = notice.Target{Name: c.Name, Events: c.Events, Rooms: c.Rooms, MaxBacklog: int(c.MaxBacklog), MaxBytes: int64(c.MaxBytes)}
	}
	return list
}

// newWebhooks returns the webhooks of the configuration, nil when there are none.
func (n *Node) newWebhooks() (*webhooks, error) {
	if len(n.cfg.Webhooks) == 0 {
		return nil, nil //nolint:nilnil // nobody is told
	}
	list := noticeTargets(&n.cfg)
	targets, err := notice.NewTargets(list)
	if err != nil {
		return nil, err
	}
	w := &webhooks{targets: targets}
	if n.redis == nil {
		w.memory = webhook.NewMemories(targets, list)
	}
	byName := make(map[string]notice.Target)
	for _, t := range list {
		byName[t.Name] = t
	}
	var sent []webhook.Target
	for i := range n.cfg.Webhooks {
		t, err := webhookTarget(&n.cfg.Webhooks[i])
		if err != nil {
			return nil, n.cfg.Fault(fmt.Sprintf("webhooks[%d].secrets", i), err)
		}
		t.AllowLoopback = n.cfg.Development
		sent = append(sent, t)
	}
	w.service = webhook.New(webhook.Options{
		Targets: sent, Observe: n.metrics.watchDeliveries(), Logger: n.log,
		Queue: func(t *webhook.Target) webhook.Queue {
			if w.memory != nil {
				q := w.memory.Of(t.Name)
				w.admins = append(w.admins, q)
				return q
			}
			q := webhook.NewRedis(n.redis.Client(), n.cfg.Cluster.Redis.Prefix, n.nodes.ID(), byName[t.Name])
			w.admins = append(w.admins, q)
			return q
		},
	})
	n.metrics.registry.MustRegister(&backlogs{w: w})
	n.metrics.counter("chorus_webhook_queue_errors_total", "Operations that the queues of the webhooks did not do.", w.service.Stats().QueueErrors.Load)
	return w, nil
}

func webhookTarget(c *config.WebhookConfig) (webhook.Target, error) {
	signer, err := sign.New(c.Secrets)
	return webhook.Target{
		Name: c.Name, URL: c.URL, Signer: signer, Batch: int(c.Batch), Timeout: c.Timeout, RetryFor: c.RetryFor, AllowPrivate: c.AllowPrivate,
	}, err
}

// validateWebhooks checks what the configuration says about webhooks.
func validateWebhooks(cfg *Config) error {
	var errs []error
	seen := make(map[string]bool)
	for i := range cfg.Webhooks {
		c := &cfg.Webhooks[i]
		key := fmt.Sprintf("webhooks[%d]", i)
		if seen[c.Name] {
			errs = append(errs, cfg.Fault(key+".name", fmt.Errorf("there are two targets %q", c.Name)))
		}
		seen[c.Name] = true
		if len(c.Secrets) > 0 {
			if _, err := sign.New(c.Secrets); err != nil {
				errs = append(errs, cfg.Fault(key+".secrets", err))
			}
		}
		if _, err := notice.NewTargets([]notice.Target{{Name: c.Name, Events: c.Events}}); err != nil {
			errs = append(errs, cfg.Fault(key+".events", err))
		}
	}
	return errors.Join(errs...)
}

// OpenWebhooks returns the queues of the targets in the Redis of a cluster, for programs that are no node, and what closes
// the connection.
func OpenWebhooks(cfg Config) (admins map[string]webhook.Admin, closeClient func() error, err error) {
	if err := ValidateCluster(cfg); err != nil {
		return nil, nil, err
	}
	client, _, err := cluster.NewClient(cfg, logging.NewLogger(&cfg))
	if err != nil {
		return nil, nil, err
	}
	return webhookAdmins(cfg, client), client.Close, nil
}

func webhookAdmins(cfg Config, client redis.UniversalClient) map[string]webhook.Admin {
	admins := make(map[string]webhook.Admin)
	for _, t := range noticeTargets(&cfg) {
		admins[t.Name] = webhook.NewRedis(client, cfg.Cluster.Redis.Prefix, "", t)
	}
	return admins
}

// watchDeliveries returns what counts the requests of webhooks.
func (m *metrics) watchDeliveries() func(target, outcome string, events int, took time.Duration) {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "chorus_webhook_seconds", Help: "How long requests to webhook targets took, by target and outcome: ok, failed, or gone (410).",
		Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15, 60},
	}, []string{"target", "outcome"})
	delivered := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "chorus_webhook_events_total", Help: "Events that were sent to webhook targets, by target and outcome; one that is tried again counts again.",
	}, []string{"target", "outcome"})
	m.registry.MustRegister(seconds, delivered)
	return func(target, outcome string, events int, took time.Duration) {
		seconds.WithLabelValues(target, outcome).Observe(took.Seconds())
		delivered.WithLabelValues(target, outcome).Add(float64(events))
	}
}

// backlogs are gauges of the queues, which all nodes of a cluster share.
type backlogs struct{ w *webhooks }

var (
	backlogDesc = prometheus.NewDesc("chorus_webhook_backlog", "Events that wait for a webhook target, in the whole cluster.", []string{"target"}, nil)
	deadDesc    = prometheus.NewDesc("chorus_webhook_dead", "Events of a webhook target that were given up.", []string{"target"}, nil)
	oldestDesc  = prometheus.NewDesc("chorus_webhook_oldest_seconds", "How long the oldest event has waited for a webhook target.", []string{"target"}, nil)
	droppedDesc = prometheus.NewDesc("chorus_webhook_dropped_total", "Events that were dropped because too many waited for a webhook target.", []string{"target"}, nil)
	offDesc     = prometheus.NewDesc("chorus_webhook_off", "1 while a webhook target gets nothing because it answered 410.", []string{"target"}, nil)
)

// Describe implements prometheus.Collector.
func (b *backlogs) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{backlogDesc, deadDesc, oldestDesc, droppedDesc, offDesc} {
		to <- d
	}
}

// backlogPatience is how long a scrape waits for Redis.
const backlogPatience = time.Second

// Collect implements prometheus.Collector.
func (b *backlogs) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), backlogPatience)
	defer cancel()
	for _, admin := range b.w.admins {
		s, err := admin.Status(ctx)
		if err != nil {
			continue // Redis is away, which other metrics say
		}
		oldest, off := 0.0, 0.0
		if s.Oldest != nil {
			oldest = max(0, time.Since(*s.Oldest).Seconds())
		}
		if s.Off != nil {
			off = 1
		}
		for desc, value := range map[*prometheus.Desc]float64{backlogDesc: float64(s.Backlog), deadDesc: float64(s.Dead), oldestDesc: oldest, offDesc: off} {
			to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, s.Name)
		}
		to <- prometheus.MustNewConstMetric(droppedDesc, prometheus.CounterValue, float64(s.Dropped), s.Name)
	}
}
