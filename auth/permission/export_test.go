package permission

// Match reports whether a pattern matches a name. A text that is no pattern matches nothing.
func Match(text, subject, name string) bool {
	p, err := parsePattern(text)
	return err == nil && p.matches(name, subject)
}
