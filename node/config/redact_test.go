package config_test

import (
	"testing"

	"chorus/node/config"
)

func TestMaskURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                   "",
		"redis://h:1":                        "redis://h:1",
		"redis://u:hunter2@h:1/2":            "redis://u:xxxxx@h:1/2",
		"rediss+cluster://:hunter2@a:1,b:2":  "rediss+cluster://:xxxxx@a:1,b:2",
		"redis+sentinel://u:hunter2@a,b/c/1": "redis+sentinel://u:xxxxx@a,b/c/1",
	} {
		if got := config.MaskURL(text); got != want {
			t.Errorf("%s is shown as %s, want %s", text, got, want)
		}
	}
}
