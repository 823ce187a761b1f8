package node

import (
	"errors"
	"slices"
	"strings"

	"chorus/auth/token"
	"chorus/node/cluster"
	"chorus/node/config"
)

// Validate checks everything that can be checked without starting. The error joins one error for each
// setting that is wrong; each names the setting and says what to do.
func Validate(cfg Config) error {
	faults := cfg.Check()
	if cfg.HasKeys() && !slices.ContainsFunc(faults, func(err error) bool { return isAbout(err, "auth.") }) {
		faults = append(faults, validateKeys(&cfg))
	}
	_, _, events := ownEvents(&cfg)
	_, rooms := roomPolicies(cfg.Chat.Rooms)
	_, keys := apiKeys(&cfg)
	return errors.Join(append(faults, events, rooms, keys, validateHook(&cfg), validateWebhooks(&cfg), cluster.Validate(&cfg))...)
}

// ValidateCluster is Validate for a program that is no node: it checks the settings of the cluster and of
// the log.
func ValidateCluster(cfg Config) error {
	return errors.Join(append(cfg.CheckGroups("cluster.", "log."), cluster.Validate(&cfg))...)
}

// validateKeys checks what package auth checks.
func validateKeys(cfg *Config) error {
	opts, err := verifierOptions(cfg)
	if err == nil {
		err = opts.Validate()
	}
	if err != nil {
		return cfg.Fault(keyOf(err), err)
	}
	return nil
}

// authKeys are the keys of the options of a verifier.
var authKeys = map[string]string{
	"Secrets":        "auth.secret, auth.secrets",
	"PublicKeys":     "auth.public_keys",
	"JWKSURL":        "auth.jwks_url",
	"JWKSRefresh":    "auth.jwks_refresh",
	"Algorithms":     "auth.algorithms",
	"Audience":       "auth.audience",
	"Leeway":         "auth.leeway",
	"RequiredClaims": "auth.required_claims",
	"Types":          "auth.types",
	"MaxTokenBytes":  "auth.max_token",
	"CacheSize":      "auth.cache",
	"Defaults":       "auth.defaults",
}

// keyOf returns the key of the option that a verifier refuses.
func keyOf(err error) string {
	var option *token.OptionError
	if errors.As(err, &option) && authKeys[option.Option] != "" {
		return authKeys[option.Option]
	}
	return "auth"
}

// isAbout reports whether a fault is about a setting whose key begins with the prefix.
func isAbout(err error, prefix string) bool {
	var fault *config.Fault
	return errors.As(err, &fault) && strings.HasPrefix(fault.Key, prefix)
}
