package node_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"chorus/node"
)

func TestInsecureWarns(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*node.Config)
		want   string // in the log; empty: no warning
	}{
		{"no key", func(c *node.Config) { c.Auth.Secret = "" }, "no key is configured"},
		{"a short secret", func(c *node.Config) { c.Auth.Secret = "hunter2" }, "auth.secret"},
		{"one short secret of two", func(c *node.Config) { c.Auth.Secrets = []string{"hunter2"} }, "auth.secret"},
		{"a good secret", func(*node.Config) {}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			cfg := valid()
			cfg.Insecure, cfg.Logger = true, slog.New(slog.NewTextHandler(&out, nil))
			test.change(&cfg)
			n, err := node.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if err := n.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			text := out.String()
			if strings.Contains(text, "insecure: ") != (test.want != "") || !strings.Contains(text, test.want) || strings.Contains(text, "hunter2") {
				t.Errorf("got %q", text)
			}
		})
	}
}
