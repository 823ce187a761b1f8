package node

import (
	"errors"
	"fmt"

	"chorus/api/sign"
	"chorus/api/webhook"
	"chorus/chat/notice"
	"chorus/node/cluster"
	"chorus/node/config"
	"chorus/node/logging"

	"github.com/redis/go-redis/v9"
)

// webhooks are the back ends that are told what happens.
type webhooks struct {
	targets *notice.Targets
	memory  *webhook.Memories // of a node that is alone
	service *webhook.Service
	admins  []webhook.Admin

	revocations *webhook.RevocationTeller // nil when nobody is told of revocations
}

func (w *webhooks) close() {
	if w.revocations != nil {
		w.revocations.Close()
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
		Targets: sent, Observe: n.metrics.WatchDeliveries(), Logger: n.log,
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
	n.metrics.WatchWebhooks(w.service.Stats(), func() []webhook.Admin { return w.admins })
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
