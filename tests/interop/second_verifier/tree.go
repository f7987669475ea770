package main

// Hashes and trees: format.md sections 3, 5 (frontier), 6; RFC 9162 sections 2.1.1 and 2.1.4.

import "crypto/sha256"

type hash [32]byte

func sum(parts ...[]byte) hash {
	digest := sha256.New()
	for _, part := range parts {
		digest.Write(part)
	}
	var result hash
	digest.Sum(result[:0])
	return result
}

func leafHash(entry []byte) hash { return sum([]byte{0}, entry) }

func node(left, right hash) hash { return sum([]byte{1}, left[:], right[:]) }

// tree is a frontier that grows: the roots of its perfect subtrees, the largest first.
type tree struct {
	size     int64
	frontier []hash
}

func (t *tree) add(leaf hash) {
	for bit := t.size; bit&1 == 1; bit >>= 1 {
		last := len(t.frontier) - 1
		leaf = node(t.frontier[last], leaf)
		t.frontier = t.frontier[:last]
	}
	t.frontier = append(t.frontier, leaf)
	t.size++
}

func rootOf(frontier []hash) hash {
	if len(frontier) == 0 {
		return sum()
	}
	result := frontier[len(frontier)-1]
	for i := len(frontier) - 2; i >= 0; i-- {
		result = node(frontier[i], result)
	}
	return result
}

// roots gives the root of each size up to the number of leaves.
func roots(leaves []hash) []hash {
	growing, result := &tree{}, []hash{rootOf(nil)}
	for _, leaf := range leaves {
		growing.add(leaf)
		result = append(result, rootOf(growing.frontier))
	}
	return result
}

func frontierOf(leaves []hash) []hash {
	growing := &tree{}
	for _, leaf := range leaves {
		growing.add(leaf)
	}
	return growing.frontier
}

func same(left, right []hash) bool {
	if len(left) != len(right) {
		return false
	}
	for i := range left {
		if left[i] != right[i] {
			return false
		}
	}
	return true
}

func ones(number int64) int {
	result := 0
	for ; number > 0; number &= number - 1 {
		result++
	}
	return result
}

// consistent verifies a proof as RFC 9162 section 2.1.4.2 says, for 0 < first < second.
func consistent(first, second int64, firstRoot, secondRoot hash, proof []hash) bool {
	if first <= 0 || first >= second {
		return false
	}
	if first&(first-1) == 0 {
		proof = append([]hash{firstRoot}, proof...)
	}
	if len(proof) == 0 {
		return false
	}
	fn, sn := first-1, second-1
	for fn&1 == 1 {
		fn, sn = fn>>1, sn>>1
	}
	fr, sr := proof[0], proof[0]
	for _, c := range proof[1:] {
		if sn == 0 {
			return false
		}
		if fn&1 == 1 || fn == sn {
			fr, sr = node(c, fr), node(c, sr)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		} else {
			sr = node(sr, c)
		}
		fn, sn = fn>>1, sn>>1
	}
	return sn == 0 && fr == firstRoot && sr == secondRoot
}
