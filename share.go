package hookyard

import (
	"cmp"
	"slices"
)

// Cut is what one of several holders has to give.
type Cut struct {
	Key   int64
	Bytes int64
}

// Cuts shares out what is to be given of what the holders keep, so that those who keep little keep it: the one who
// keeps most gives until it keeps as much as the next, then both give, and so on. It returns the holders that give
// something, the largest first. Together they give excess, or all that they keep.
func Cuts(kept map[int64]int64, excess int64) []Cut {
	var all []Cut
	for key, bytes := range kept {
		if bytes > 0 {
			all = append(all, Cut{key, bytes})
		}
	}
	slices.SortFunc(all, func(a, b Cut) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Key, b.Key))
	})
	sum, level := int64(0), int64(0)
	for i, c := range all { // the first i+1 give until they keep level
		sum += c.Bytes
		level = max(0, (sum-excess)/int64(i+1))
		if i+1 == len(all) || level >= all[i+1].Bytes {
			all = all[:i+1]
			break
		}
	}
	for i := range all {
		all[i].Bytes -= level
	}
	return slices.DeleteFunc(all, func(c Cut) bool { return c.Bytes <= 0 })
}
