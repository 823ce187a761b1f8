//go:build !unix

package bench

// checkFiles has no limit to look at.
func checkFiles(int) error { return nil }
