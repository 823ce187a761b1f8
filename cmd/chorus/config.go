package main

import (
	"fmt"
	"strings"

	"chorus/node"
)

// configFlags are the flags of every command that reads the configuration.
type configFlags struct {
	Config   string   `short:"c" type:"path" placeholder:"FILE" help:"YAML file. CHORUS_* variables go before it, flags before both."`
	Insecure bool     `help:"Start without a key, and let everybody in; or with secrets that are too short."`
	Set      []string `sep:"none" placeholder:"KEY=VALUE" help:"Set one setting, as --set auth.mode=event. Can be repeated."`
}

// load returns the defaults, overlaid with the file, the variables and the flags.
func (f *configFlags) load() (node.Config, error) {
	cfg, err := node.LoadConfig(f.Config)
	if err != nil {
		return cfg, err
	}
	if f.Insecure {
		cfg.Insecure = true
	}
	for _, setting := range f.Set {
		key, value, ok := strings.Cut(setting, "=")
		if !ok {
			return cfg, fmt.Errorf("--set %s: write it as KEY=VALUE", setting)
		}
		if err := cfg.Set(key, value); err != nil {
			return cfg, err
		}
	}
	return cfg, nil
}
