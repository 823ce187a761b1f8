package auth_test

import (
	"testing"

	"chorus/auth"
	"chorus/auth/refusal"
)

func TestCodes(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]string{
		auth.ErrCredentialsFormat: "credentials_bad_format",
		auth.ErrSubjectChanged:    "invalid_subject",
		auth.ErrOriginNotAllowed:  "origin_not_allowed",
		auth.ErrForbidden:         "forbidden",
		auth.ErrMisconfigured:     "internal_error",
	} {
		if got := refusal.Code(err); got != want || refusal.Reason(err) == "" {
			t.Errorf("Code(%v) = %q, want %q", err, got, want)
		}
	}
}
