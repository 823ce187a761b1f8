package revocation

// Tombstones returns how many entries a node keeps, undone ones included.
func Tombstones(s *Set) int {
	s.table.mu.RLock()
	defer s.table.mu.RUnlock()
	return len(s.table.entries)
}

// The key and the channel of the prefix "t".
const (
	HashKey = "{t-auth}:revocations"
	Channel = "t-auth"
)

// ParseMessage reads a message and writes it again.
func ParseMessage(text string) (again string, err error) {
	key, entry, err := parseMessage(text)
	return entry.String() + " " + key.String(), err
}
