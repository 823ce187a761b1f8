package config

import "time"

// Values of APIConfig.Listen besides addresses.
const (
	APIAdmin  = "admin"
	APIPublic = "public"
)

// APIConfig describes the HTTP API for back ends.
type APIConfig struct {
	Listen          string         `yaml:"listen" default:"admin" format:"api address" required:"true" help:"Where the HTTP API is: 'admin' for the admin address, 'public' for the public one, or an address of its own such as ':3100'."`
	Keys            []APIKeyConfig `yaml:"keys" reload:"true" empty:"none" help:"API keys; 'chorus api key NAME --scope SCOPE' makes one."`
	CORS            APICORSConfig  `yaml:"cors"`
	Rate            Rate           `yaml:"rate" default:"1000/s" help:"Requests of one key over the cluster; further ones are refused with 429. Each operation of a batch counts."`
	MaxBody         Size           `yaml:"max_body" default:"1MB" min:"1KB" max:"64MB" help:"Largest body of a request."`
	MaxBatch        Size           `yaml:"max_batch" default:"16MB" min:"1KB" max:"256MB" help:"Largest body of a batch."`
	IdempotencyKeys int64          `yaml:"idempotency_keys" default:"10000" min:"1" max:"1000000" help:"How many answers to requests with an 'Idempotency-Key' are kept for one API key, for 24 h. The oldest give way."`
	MaxFeeds        int64          `yaml:"max_feeds" default:"16" min:"1" max:"1000" help:"Readers of 'GET /events' of this node. Further ones are refused with 503."`
	Tokens          APITokenConfig `yaml:"tokens"`
}

// APIKeyConfig is an API key, without its secret.
type APIKeyConfig struct {
	Name   string   `yaml:"name" required:"true" help:"Name of the key, as the log has it."`
	Hash   string   `yaml:"hash" secret:"errors" required:"true" reload:"true" help:"SHA-256 of its secret, as 'chorus api key' prints it."`
	Scopes []string `yaml:"scopes" required:"true" reload:"true" help:"What it may do: 'publish', 'rooms', 'history', 'users', 'moderate', 'tokens', 'admin' (all), each also with ':read'."`
	End    string   `yaml:"end" empty:"never" reload:"true" format:"time" help:"When it stops being good, as '2027-01-31T00:00:00Z'."`
}

// APICORSConfig says which web pages may use the HTTP API.
type APICORSConfig struct {
	Origins []string `yaml:"origins" format:"origin" empty:"none" help:"Origins of the web pages that may use the HTTP API besides those of its own address."`
}

// APITokenConfig says whether the HTTP API makes tokens.
type APITokenConfig struct {
	Enabled bool          `yaml:"enabled" default:"false" help:"The HTTP API makes tokens for keys with the scope 'tokens', signed with 'auth.secret'."`
	MaxLife time.Duration `yaml:"max_life" default:"24h" min:"1s" help:"Longest life of such a token."`
}
