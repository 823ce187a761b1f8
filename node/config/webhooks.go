package config

import "time"

// WebhookConfig describes a target of webhooks: a back end that is told what happens.
type WebhookConfig struct {
	Name         string        `yaml:"name" required:"true" format:"name" help:"Name of the target. What waits for it is kept under this name."`
	URL          string        `yaml:"url" required:"true" secret:"url" format:"url" help:"Where the events are sent, by POST."`
	Secrets      []string      `yaml:"secrets" empty:"none" required:"true" secret:"true" help:"Secrets that sign the events, as 'whsec_' and base64, or 'whsk_' for Ed25519. Each makes a signature, so that they can be replaced."`
	Events       []string      `yaml:"events" empty:"all but 'message.*'" help:"Events that are sent; '*' stands for any characters. 'message.*' is sent only where it is named."`
	Rooms        []string      `yaml:"rooms" empty:"all" help:"Patterns of rooms: events of other rooms are not sent. Events that have no room are."`
	Batch        int64         `yaml:"batch" default:"1" min:"1" max:"1000" help:"How many events one request may have. Above 1 the body is '{type: \"batch\", timestamp, data: {events}}'."`
	Timeout      time.Duration `yaml:"timeout" default:"15s" min:"1ms" max:"5m" help:"How long an answer may take."`
	RetryFor     time.Duration `yaml:"retry_for" default:"24h" min:"1s" max:"168h" help:"How long an event is tried again. Then it is kept among the dead ones for a week."`
	AllowPrivate bool          `yaml:"allow_private" default:"false" help:"Permits addresses that are not public: loopback, private networks, link-local."`
	MaxBacklog   int64         `yaml:"max_backlog" default:"100000" min:"10" max:"10000000" help:"How many events may wait for the target. Then changes of presence are folded, and after them the oldest events are dropped."`
	MaxBytes     Size          `yaml:"max_bytes" default:"64MB" min:"100KB" help:"How many bytes may wait for the target."`
}
