package library

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Pattern decides whether a namespace that does not exist yet may be created below its parent.
type Pattern struct {
	Match  socket.ParentNspNameMatchFn
	Parent socket.ParentNamespace
}

type (
	patternMap   = *types.Map[socket.ParentNspNameMatchFn, socket.ParentNamespace]
	namespaceMap = *types.Map[string, socket.Namespace]
)

// Patterns returns what Server.Of was given as regular expressions and functions, in the order of the calls.
// It reports false when the library is built otherwise.
func Patterns(io *socket.Server) ([]Pattern, bool) {
	field, ok := fieldOf[patternMap](io, "parentNsps")
	if !ok {
		return nil, false
	}
	var patterns []Pattern
	(*field).Range(func(match socket.ParentNspNameMatchFn, parent socket.ParentNamespace) bool {
		patterns = append(patterns, Pattern{Match: match, Parent: parent})
		return true
	})
	slices.SortFunc(patterns, func(a, b Pattern) int { return cmp.Compare(number(a.Parent), number(b.Parent)) })
	return patterns, true
}

// number returns the N of a parent namespace, which the library names "/_N".
func number(parent socket.ParentNamespace) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(parent.Name(), "/_"))
	return n
}

// RemovePattern has the library forget a pattern. Its namespaces stay.
func RemovePattern(io *socket.Server, p Pattern) {
	if field, ok := fieldOf[patternMap](io, "parentNsps"); ok {
		(*field).Delete(p.Match)
	}
}

// HasNamespace reports whether a namespace exists. Server.Of would create it.
func HasNamespace(io *socket.Server, name string) bool {
	field, ok := fieldOf[namespaceMap](io, "_nsps")
	if !ok {
		return false
	}
	_, exists := (*field).Load(name)
	return exists
}

// Namespaces returns the namespaces of a server.
func Namespaces(io *socket.Server) []socket.Namespace {
	var list []socket.Namespace
	if all, ok := fieldOf[namespaceMap](io, "_nsps"); ok {
		(*all).Range(func(_ string, nsp socket.Namespace) bool {
			list = append(list, nsp)
			return true
		})
	}
	return list
}
