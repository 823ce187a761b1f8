package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"chorus/api/webhook"
	"chorus/node"
)

type webhooksCommands struct {
	List      webhooksListCommand      `cmd:"" default:"withargs" help:"Print what waits for each target of the webhooks, and what was given up."`
	Dead      webhooksDeadCommand      `cmd:"" help:"Print the events of a target that were given up."`
	Redeliver webhooksRedeliverCommand `cmd:"" help:"Deliver events again that were given up: those with some ids, those of a time, or all."`
	Enable    webhooksEnableCommand    `cmd:"" help:"Deliver to a target again that has answered 410."`
	Test      webhooksTestCommand      `cmd:"" help:"Send the event webhook.test to a target, and wait for what becomes of it."`
}

// webhookFlags are the flags of all commands about webhooks.
type webhookFlags struct {
	configFlags
	redisFlag
	JSON bool `name:"json" help:"Print JSON."`
}

// webhookPatience is how long Redis may take to answer.
const webhookPatience = 5 * time.Second

// with calls fn with the queues of the targets.
func (f *webhookFlags) with(fn func(admins map[string]webhook.Admin) error) (err error) {
	cfg, err := f.loadCluster(&f.redisFlag)
	switch {
	case err != nil:
		return err
	case len(cfg.Webhooks) == 0:
		return errors.New("the configuration has no webhooks: name its file with --config")
	case cfg.Cluster.Redis.URL == "":
		return errors.New("cluster.redis.url is not set: the webhooks of a node without Redis are in its memory, which the HTTP API shows")
	}
	admins, closeClient, err := node.OpenWebhooks(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeClient()) }()
	return fn(admins)
}

// withTarget calls fn with the queue of a target.
func (f *webhookFlags) withTarget(name string, fn func(webhook.Admin) error) error {
	return f.with(func(admins map[string]webhook.Admin) error {
		admin, ok := admins[name]
		if !ok {
			return fmt.Errorf("there is no target %q; there are: %v", name, slices.Sorted(maps.Keys(admins)))
		}
		return fn(admin)
	})
}

type webhooksListCommand struct{ webhookFlags }

// Run prints the state of all targets.
func (c *webhooksListCommand) Run(ctx context.Context) error {
	return c.with(func(admins map[string]webhook.Admin) error {
		ctx, cancel := context.WithTimeout(ctx, webhookPatience)
		defer cancel()
		list := make([]webhook.Status, 0, len(admins))
		for _, name := range slices.Sorted(maps.Keys(admins)) {
			s, err := admins[name].Status(ctx)
			if err != nil {
				return err
			}
			list = append(list, s)
		}
		if c.JSON {
			return printJSON(os.Stdout, map[string]any{"webhooks": list})
		}
		table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "TARGET\tWAITING\tOLDEST\tDEAD\tDELIVERED\tFAILED\tDROPPED\tSTATE") //nolint:errcheck // Flush returns it
		for i := range list {
			s := &list[i]
			oldest, state := "-", "ok"
			if s.Oldest != nil {
				oldest = time.Since(*s.Oldest).Round(time.Second).String()
			}
			switch {
			case s.Off != nil:
				state = "off since " + s.Off.Format(time.RFC3339) + ": it answered 410"
			case s.Backlog > 0 && s.Error != "":
				state = s.Error
			}
			fmt.Fprintf(table, "%s\t%d\t%s\t%d\t%d\t%d\t%d\t%s\n", s.Name, s.Backlog, oldest, s.Dead, s.Delivered, s.Failed, s.Dropped, state) //nolint:errcheck // Flush returns it
		}
		return table.Flush()
	})
}

type webhooksDeadCommand struct {
	webhookFlags
	Target string `arg:"" help:"Name of the target."`
	Cursor string `placeholder:"CURSOR" help:"Where the list goes on, as \"next\" of the part before says."`
	Limit  int    `default:"100" help:"How many events to print."`
}

// Run prints dead events.
func (c *webhooksDeadCommand) Run(ctx context.Context) error {
	return c.withTarget(c.Target, func(admin webhook.Admin) error {
		ctx, cancel := context.WithTimeout(ctx, webhookPatience)
		defer cancel()
		page, err := admin.Dead(ctx, webhook.DeadQuery{Cursor: c.Cursor, Limit: c.Limit})
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(os.Stdout, page)
		}
		table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "ID\tTYPE\tHAPPENED\tGIVEN UP\tREASON") //nolint:errcheck // Flush returns it
		for _, e := range page.Events {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", e.ID, e.Type, e.At.Format(time.RFC3339), e.Died.Format(time.RFC3339), e.Reason) //nolint:errcheck // Flush returns it
		}
		if page.Next != "" {
			fmt.Fprintf(table, "... more with --cursor %s\n", page.Next) //nolint:errcheck // Flush returns it
		}
		return table.Flush()
	})
}

type webhooksRedeliverCommand struct {
	webhookFlags
	Target string   `arg:"" help:"Name of the target."`
	IDs    []string `arg:"" optional:"" name:"id" help:"Ids of events."`
	All    bool     `help:"All events that were given up."`
	Since  string   `placeholder:"TIME" help:"Those that happened then or later, as 2026-01-31T12:00:00Z."`
	Until  string   `placeholder:"TIME" help:"Those that happened then or before."`
}

// Run redelivers.
func (c *webhooksRedeliverCommand) Run(ctx context.Context) error {
	r := webhook.Redelivery{IDs: c.IDs, All: c.All}
	for flag, time := range map[string]struct {
		text string
		to   *time.Time
	}{"--since": {c.Since, &r.Since}, "--until": {c.Until, &r.Until}} {
		if time.text == "" {
			continue
		}
		at, err := parseTime(flag, time.text, "", *time.to)
		if err != nil {
			return err
		}
		*time.to = at
	}
	if !r.Definite() {
		return usagef("say which events with one of: their ids, --since and --until, or --all")
	}
	return c.withTarget(c.Target, func(admin webhook.Admin) error {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		n, err := admin.Redeliver(ctx, r)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(os.Stdout, map[string]any{"redelivered": n})
		}
		_, err = fmt.Printf("Redelivered: %d.\n", n)
		return err
	})
}

type webhooksEnableCommand struct {
	webhookFlags
	Target string `arg:"" help:"Name of the target."`
}

// Run ends that a target is off.
func (c *webhooksEnableCommand) Run(ctx context.Context) error {
	return c.withTarget(c.Target, func(admin webhook.Admin) error {
		ctx, cancel := context.WithTimeout(ctx, webhookPatience)
		defer cancel()
		if err := admin.Enable(ctx); err != nil {
			return err
		}
		if c.JSON {
			return printJSON(os.Stdout, map[string]any{"enabled": c.Target})
		}
		_, err := fmt.Printf("Enabled: %s gets what waits.\n", c.Target)
		return err
	})
}

type webhooksTestCommand struct {
	webhookFlags
	Target  string        `arg:"" help:"Name of the target."`
	Timeout time.Duration `default:"20s" help:"How long to wait for the outcome."`
}

// Run sends a test event.
func (c *webhooksTestCommand) Run(ctx context.Context) error {
	return c.withTarget(c.Target, func(admin webhook.Admin) error {
		ctx, cancel := context.WithTimeout(ctx, c.Timeout)
		defer cancel()
		before, err := admin.Status(ctx)
		if err != nil {
			return err
		}
		id, err := admin.Test(ctx)
		if err != nil {
			return err
		}
		outcome, err := awaitTest(ctx, admin, &before)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(os.Stdout, map[string]any{"id": id, "outcome": outcome})
		}
		_, err = fmt.Printf("%s: %s.\n", id, outcome)
		return err
	})
}

// awaitTest waits for the outcome of a test event.
func awaitTest(ctx context.Context, admin webhook.Admin, before *webhook.Status) (string, error) {
	poll := time.NewTicker(100 * time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return "", errors.New("the event still waits: does a node with this configuration run?")
		case <-poll.C:
		}
		s, err := admin.Status(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			return "", err
		case s.Off != nil:
			return "", errors.New("the target is off, because it answered 410: chorus webhooks enable makes an end of that")
		case s.Delivered > before.Delivered && s.Backlog <= before.Backlog:
			return "delivered", nil
		case s.Failed > before.Failed:
			return "", fmt.Errorf("not delivered, and will be tried again: %s", s.Error)
		}
	}
}
