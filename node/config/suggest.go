package config

import "strings"

// nearest returns the known name that a misspelt one means, or "" when none is near.
func nearest(name string, known []string) string {
	best, fewest := "", max(1, len(name)/4)+1
	for _, candidate := range known {
		if n := edits(name, candidate); n < fewest {
			best, fewest = candidate, n
		}
	}
	if best != "" {
		return best
	}
	for _, candidate := range known { // the right name in the wrong group
		if strings.HasSuffix(candidate, "."+name) || strings.HasSuffix(candidate, "_"+strings.TrimPrefix(name, variablePrefix)) {
			return candidate
		}
	}
	return ""
}

// edits returns the number of letters to insert, delete, replace or swap (optimal string alignment).
func edits(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			n := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				n = min(n, rows[i-2][j-2]+1)
			}
			rows[i][j] = n
		}
	}
	return rows[len(a)][len(b)]
}
