package rule

import (
	"strings"

	"chorus/auth"
	"chorus/auth/permission"
)

// Permits reports whether claims permit an action. The room of a user is not for others: a pattern permits it only
// if the pattern begins with "user:" itself, so "*" does not.
func Permits(claims *auth.Claims, action permission.Action, room string) bool {
	decision := claims.Decide(action, room)
	if !decision.Allowed {
		return false
	}
	user, isUser := strings.CutPrefix(room, UserRooms)
	if !isUser || user == claims.Subject() {
		return true
	}
	return strings.HasPrefix(decision.Pattern(), UserRooms)
}
