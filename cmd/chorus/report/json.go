package report

import (
	"time"

	"chorus/auth"
	"chorus/auth/permission"
	"chorus/auth/refusal"
	"chorus/node/config"
)

// tokenJSON is what "token check --json" prints.
type tokenJSON struct {
	OK          bool             `json:"ok"`
	Verified    bool             `json:"verified"` // the signature is good, so that header and claims are true
	Code        string           `json:"code,omitempty"`
	Message     string           `json:"message,omitempty"`
	Remedy      string           `json:"remedy,omitempty"`
	Revocation  string           `json:"revocation,omitempty"`
	Header      map[string]any   `json:"header,omitempty"`
	Claims      map[string]any   `json:"claims,omitempty"`
	Permissions []permissionJSON `json:"permissions,omitempty"`
}

type permissionJSON struct {
	Action   permission.Action `json:"action"`
	Allowed  *bool             `json:"allowed,omitempty"`  // for a room, or an action without rooms
	Patterns []string          `json:"patterns,omitempty"` // of what the token may name
	Rule     string            `json:"rule"`
}

// JSON is what programs are told of a token; problem is nil for a good one.
func JSON(content Content, claims *auth.Claims, room, known string, problem error, cfg *config.Config, now time.Time) any {
	report := tokenJSON{OK: problem == nil, Verified: problem == nil || isGenuine(problem), Header: content.header, Claims: content.Claims}
	if problem != nil {
		report.Code, report.Message, report.Remedy = refusal.Code(problem), refusal.Reason(problem), Remedy(problem, content, cfg, now)
		return report
	}
	report.Revocation = known
	for _, action := range permission.Actions() {
		report.Permissions = append(report.Permissions, permissionOf(claims, action, room))
	}
	return report
}

// permissionOf is permitted for programs.
func permissionOf(claims *auth.Claims, action permission.Action, room string) permissionJSON {
	may, rule := permitted(claims, action, room)
	if may == "yes" || may == "no" {
		allowed := may == "yes"
		return permissionJSON{Action: action, Allowed: &allowed, Rule: rule}
	}
	patterns, _ := claims.Patterns(action)
	return permissionJSON{Action: action, Patterns: patterns, Rule: rule}
}
