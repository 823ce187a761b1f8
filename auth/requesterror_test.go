package auth_test

import (
	"encoding/json"
	"testing"

	"chorus/auth"
	"chorus/auth/permission"
)

func TestForbidden(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		action permission.Action
		name   string
		want   string
	}{
		{permission.Join, "lobby", `{"ok":false,"error":{"code":"forbidden","message":"the token does not permit: join","action":"join","room":"lobby"}}`},
		{permission.Broadcast, "", `{"ok":false,"error":{"code":"forbidden","message":"the token does not permit: broadcast","action":"broadcast"}}`},
		{permission.API, "publish", `{"ok":false,"error":{"code":"forbidden","message":"the token does not permit: api","action":"api","function":"publish"}}`},
	} {
		got, err := json.Marshal(auth.Forbidden(test.action, test.name).Answer())
		if err != nil || !sameJSON(string(got), test.want) {
			t.Errorf("got %s, %v, want %s", got, err, test.want)
		}
	}
}
