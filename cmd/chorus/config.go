package main

import (
	"errors"
	"os"
	"strings"

	"chorus/node"
	"chorus/node/config"
)

// configFlags are the flags of every command that reads the configuration.
type configFlags struct {
	Config   string   `short:"c" type:"path" placeholder:"FILE" help:"YAML file. CHORUS_* variables go before it, flags before both."`
	Insecure bool     `help:"Start without a key, and admit everybody; or with secrets that are too short."`
	Set      []string `sep:"none" placeholder:"KEY=VALUE" help:"Set one setting, as --set auth.mode=event. Can be repeated."`
}

// load returns the defaults, overlaid with the file, the variables and the flags. The configuration has
// what is right, also when something is wrong.
func (f *configFlags) load() (node.Config, error) {
	cfg, err := config.Load(config.Sources{File: f.Config, Environ: os.Environ(), Set: f.Set})
	for _, text := range f.Set {
		if !strings.Contains(text, "=") {
			return cfg, usagef("--set: write it as --set KEY=VALUE")
		}
	}
	if f.Insecure {
		cfg.Insecure = true
	}
	return cfg, err
}

// loadValid is load, with the other flags, and a check of the values. It returns all that is wrong at once.
func (f *configFlags) loadValid(flags ...interface{ apply(*node.Config) }) (node.Config, error) {
	cfg, err := f.load()
	for _, flag := range flags {
		flag.apply(&cfg)
	}
	return cfg, errors.Join(err, node.Validate(cfg))
}

// loadCluster is loadValid for a command that is no node: it needs no key to verify tokens with.
func (f *configFlags) loadCluster(redis *redisFlag) (node.Config, error) {
	cfg, err := f.load()
	redis.apply(&cfg)
	return cfg, errors.Join(err, node.ValidateCluster(cfg))
}

// redisFlag is the flag of every command that needs the Redis of the cluster.
type redisFlag struct {
	Redis string `placeholder:"URL" help:"Redis of the cluster, as redis://localhost:6379."`
}

// apply sets what the flag says.
func (f *redisFlag) apply(cfg *node.Config) {
	if f.Redis != "" {
		cfg.Cluster.Redis.URL = f.Redis
	}
}
