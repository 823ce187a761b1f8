package node

import (
	"errors"

	"chorus/api/hook"
	"chorus/api/sign"
	"chorus/chat"
	"chorus/node/config"
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
		Node: n.nodes.ID(), Observe: n.metrics.WatchHookQuestions(), Logger: n.log,
	})
	n.metrics.WatchHook(h)
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
