package node

import (
	"errors"
	"time"

	"chorus/api/hook"
	"chorus/api/sign"
	"chorus/chat"
	"chorus/node/config"

	"github.com/prometheus/client_golang/prometheus"
)

// newHook returns the authorise hook of the configuration, nil when there is none.
func (n *Node) newHook() (*hook.Hook, error) {
	c := n.cfg.Hook
	if c == nil {
		return nil, nil //nolint:nilnil // nobody is asked
	}
	signer, err := sign.New(c.Secrets)
	if err != nil {
		return nil, n.cfg.Fault("hook.secrets", err)
	}
	actions := make([]chat.ActionKind, len(c.Actions))
	for i, name := range c.Actions {
		actions[i] = chat.ActionKind(name)
	}
	h := hook.New(hook.Options{
		URL: c.URL, Signer: signer, Actions: actions, Claims: c.Claims, OnFailure: hookPolicies(&c.OnFailure),
		Timeout: c.Timeout, Concurrency: int(c.Concurrency), Remembered: int(c.Remembered),
		Node: n.nodes.ID(), Observe: n.metrics.watchHookQuestions(), Logger: n.log,
	})
	n.metrics.watchHook(h)
	return h, nil
}

func hookPolicies(c *config.HookFailureConfig) map[chat.ActionKind]hook.Policy {
	return map[chat.ActionKind]hook.Policy{
		chat.ActionConnect: hook.Policy(c.Connect), chat.ActionRefresh: hook.Policy(c.Refresh), chat.ActionJoin: hook.Policy(c.Join),
		chat.ActionPublish: hook.Policy(c.Publish), chat.ActionDirect: hook.Policy(c.Direct), chat.ActionEvent: hook.Policy(c.Event),
	}
}

// validateHook checks what the configuration says about the authorise hook.
func validateHook(cfg *Config) error {
	var errs []error
	if cfg.Hook == nil {
		for name, e := range cfg.Events {
			if e.Hook {
				errs = append(errs, cfg.Fault("events."+name+".hook", errors.New("there is no authorise hook: set hook.url and hook.secrets")))
			}
		}
		return errors.Join(errs...)
	}
	if len(cfg.Hook.Secrets) > 0 {
		if _, err := sign.New(cfg.Hook.Secrets); err != nil {
			errs = append(errs, cfg.Fault("hook.secrets", err))
		}
	}
	return errors.Join(errs...)
}

// watchHook is about the authorise hook.
func (m *metrics) watchHook(h *hook.Hook) {
	m.gauge("chorus_hook_breaker_open", "1 while the authorise hook is not asked because it failed several times in a row.", func() float64 {
		if h.Stats().Open {
			return 1
		}
		return 0
	})
	m.gauge("chorus_hook_under_way", "Questions to the authorise hook that are under way.", func() float64 { return float64(h.Stats().UnderWay) })
	m.gauge("chorus_hook_waiting", "Questions to the authorise hook that wait until others are answered.", func() float64 { return float64(h.Stats().Waiting) })
	m.gauge("chorus_hook_verdicts", "Verdicts of the authorise hook that are remembered.", func() float64 { return float64(h.Stats().Remembered) })
}

// watchHookQuestions returns what counts the questions to the authorise hook.
func (m *metrics) watchHookQuestions() func(chat.ActionKind, hook.Outcome, time.Duration) {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "chorus_hook_seconds",
		Help:    "How long a client waited for a decision of the authorise hook, by action and outcome: allowed, refused, cached, failed, skipped (not asked after failures) or overloaded (not asked because too many wait).",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"action", "outcome"})
	m.registry.MustRegister(seconds)
	return func(action chat.ActionKind, outcome hook.Outcome, took time.Duration) {
		seconds.WithLabelValues(string(action), string(outcome)).Observe(took.Seconds())
	}
}
