package library

import "github.com/zishang520/socket.io/v3/pkg/types"

// LastValues turns the lists that the library keeps of a query into what Node.js has: the last value of each name.
func LastValues(query types.ParsedUrlQuery) types.ParsedUrlQuery {
	out := make(types.ParsedUrlQuery, len(query))
	for name, value := range query {
		if list, ok := value.([]string); ok && len(list) > 0 {
			value = list[len(list)-1]
		}
		out[name] = value
	}
	return out
}
