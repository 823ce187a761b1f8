package token_test

import (
	"testing"

	tokens "chorus/auth/token"
)

// BenchmarkVerify measures one verification on one core: with the cache it is found there, without it
// costs a signature check.
func BenchmarkVerify(b *testing.B) {
	variants := []struct {
		name string
		size int
	}{{"cache", 0}, {"nocache", -1}}
	for _, s := range keys().signers() {
		for _, variant := range variants {
			b.Run(s.method.Alg()+"/"+variant.name, func(b *testing.B) {
				v := newVerifierAt(b, func(o *tokens.Options) { o.PublicKeys, o.CacheSize = keys().allPEMs(), variant.size })
				token := s.sign(b, b64(`{"alg":"`+s.method.Alg()+`","typ":"JWT"}`)+"."+
					b64(`{"sub":"ada","name":"Ada","iat":1700000000,`+soon+`,"aud":"chat","iss":"https://login.example.com"}`))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := v.Verify(b.Context(), token); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "verifications/s")
			})
		}
	}
}
