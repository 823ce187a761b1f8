package config

import (
	"time"

	"chorus/auth/permission"
)

// AuthConfig says whom the nodes admit, and what clients may do.
type AuthConfig struct {
	Secret               string           `yaml:"secret" reload:"true" secret:"true" empty:"none" help:"HMAC secret of the tokens, at least 32 bytes."`
	Secrets              []string         `yaml:"secrets" reload:"true" secret:"true" empty:"none" help:"Further secrets, while they are being replaced."`
	SecretEncoding       string           `yaml:"secret_encoding" default:"text" oneof:"text base64 hex" required:"true" help:"How the secrets are written: as they are, in base64, or in hex."`
	PublicKeys           []string         `yaml:"public_keys" reload:"true" secret:"errors" empty:"none" help:"Public keys (RSA, EC, Ed25519) that tokens are verified with: PEM files or texts."`
	JWKSURL              string           `yaml:"jwks_url" secret:"url" empty:"none" help:"Address of the issuer's JSON Web Key Set: 'https', or this machine."`
	JWKSRefresh          time.Duration    `yaml:"jwks_refresh" default:"5m" help:"Time between two loads of the JWKS."`
	Algorithms           []string         `yaml:"algorithms" empty:"all that the keys can do" help:"Algorithms that tokens may be signed with."`
	Issuer               string           `yaml:"issuer" empty:"any" help:"What the claim 'iss' must be."`
	Audience             []string         `yaml:"audience" empty:"any" help:"The claim 'aud' must name one of these."`
	RequiredClaims       []string         `yaml:"required_claims" empty:"none" help:"Claims that every token must have."`
	Types                []string         `yaml:"types" empty:"none, JWT, at+jwt" help:"The header 'typ' must be one of these."`
	Leeway               time.Duration    `yaml:"leeway" default:"5s" min:"0s" max:"2m" help:"Tolerance for clocks that differ, in 'exp', 'nbf' and 'iat'."`
	RequireExp           bool             `yaml:"require_exp" default:"true" help:"Refuses tokens that never expire."`
	MaxToken             int64            `yaml:"max_token" default:"8192" unit:"bytes" min:"256" help:"Largest token."`
	Cache                int64            `yaml:"cache" default:"10000" min:"0" empty:"none" help:"How many tokens the node remembers, so that it verifies a signature once."`
	Mode                 string           `yaml:"mode" default:"handshake" oneof:"handshake event both" required:"true" help:"When a client sends its token: with the handshake, by an event, or either."`
	EventTimeout         time.Duration    `yaml:"event_timeout" default:"15s" min:"1ms" help:"A client that does not authenticate by event in this time is disconnected."`
	ExpiryNotice         time.Duration    `yaml:"expiry_notice" default:"30s" min:"0s" empty:"no notice" help:"How long before the end of its token a client gets 'token:expiring'."`
	Cookie               string           `yaml:"cookie" empty:"none" help:"Name of a cookie that may hold the token."`
	NumericSub           bool             `yaml:"numeric_sub" default:"false" help:"Accepts a claim 'sub' that is a whole number, and takes its decimal text."`
	Scrub                []string         `yaml:"scrub" empty:"none" help:"Further query parameters, headers and members of 'auth' that hold secrets. The node removes them from the handshake before it stores or forwards it."`
	RevocationKeep       time.Duration    `yaml:"revocation_keep" default:"720h" min:"1ms" help:"How long a revocation is kept when the end of its tokens is not known. It must not be shorter than the longest life of a token."`
	MaxConnections       int64            `yaml:"max_connections" default:"0" min:"0" empty:"no limit" help:"Connections of one subject in the cluster."`
	MaxConnectionsPolicy string           `yaml:"max_connections_policy" default:"refuse" oneof:"refuse close_oldest" required:"true" help:"What happens to one connection more."`
	PermissionsClaim     string           `yaml:"permissions_claim" default:"chorus" required:"true" help:"Claim that says what a token permits."`
	Defaults             permission.Table `yaml:"defaults"`
}
