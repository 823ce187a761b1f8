package config

import "time"

// HookConfig describes the authorise hook: a back end that is asked about what clients do.
type HookConfig struct {
	URL         string            `yaml:"url" empty:"none" required:"true" secret:"url" format:"url" help:"Where the questions are sent, by POST. Private addresses are permitted."`
	Secrets     []string          `yaml:"secrets" empty:"none" required:"true" secret:"true" help:"Secrets that sign the questions, as 'whsec_' and base64, or 'whsk_' for Ed25519. Each makes a signature, so that they can be replaced."`
	Timeout     time.Duration     `yaml:"timeout" default:"1s" min:"1ms" max:"1m" help:"How long an answer may take, counted from sending."`
	Actions     []string          `yaml:"actions" default:"connect, refresh, join, publish, direct" oneof:"connect refresh join publish direct" help:"What the hook is asked about, besides declared events with 'hook: true'."`
	Claims      []string          `yaml:"claims" empty:"none but 'sub' and the name, which are always sent" help:"Claims of the token that are sent."`
	OnFailure   HookFailureConfig `yaml:"on_failure"`
	Concurrency int64             `yaml:"concurrency" default:"64" min:"1" max:"10000" help:"How many questions of this node may be under way. One user has at most an eighth of them."`
	Remembered  int64             `yaml:"remembered" default:"100000" min:"1" help:"How many verdicts this node remembers."`
}

// HookFailureConfig says what happens while the hook does not answer.
type HookFailureConfig struct {
	Connect string `yaml:"connect" default:"closed" oneof:"closed open last" help:"What happens to 'connect' while the hook fails: it is refused ('closed'), done ('open'), or the last known verdict counts ('last')."`
	Refresh string `yaml:"refresh" default:"last" oneof:"closed open last" help:"The same for 'refresh'."`
	Join    string `yaml:"join" default:"closed" oneof:"closed open last" help:"The same for 'join'."`
	Publish string `yaml:"publish" default:"last" oneof:"closed open last" help:"The same for 'publish'."`
	Direct  string `yaml:"direct" default:"last" oneof:"closed open last" help:"The same for 'direct'."`
	Event   string `yaml:"event" default:"closed" oneof:"closed open last" help:"The same for declared events."`
}
