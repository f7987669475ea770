package main

// Books, their chains, orders and ties: format.md sections 6 and 7, bundle.md sections 4 and 5.

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
)

type book struct {
	name     string
	sealed   bool
	origin   string
	head     head
	rows     map[int64]*row
	end      int64   // number of entries
	ought    []*hash // of each entry; nil where no name is known
	headless bool    // the head was shown to be wrong, so that its frontier tells nothing
	lost     map[int64]bool
	doubtful map[int64]bool // unconfirmed, and its successor names another
	findings []finding
}

func unhex(text string) (result hash) {
	value, _ := hex.DecodeString(text)
	copy(result[:], value)
	return result
}

func (b *book) find(code string, seq int64, format string, values ...interface{}) {
	one := finding{Code: code, Book: &b.name, Why: fmt.Sprintf(format, values...)}
	if seq >= 0 {
		one.Seq = &seq
	}
	b.findings = append(b.findings, one)
}

func newBook(b *bundle, name string) *book {
	result := &book{name: name, sealed: name == "sealed", origin: b.origin, head: b.heads[name],
		rows: map[int64]*row{}, lost: map[int64]bool{}, doubtful: map[int64]bool{}}
	if result.sealed {
		result.origin += "/sealed"
	}
	if content := b.content[name+"/entries"]; len(content) > 0 && content[len(content)-1] != '\n' {
		b.findings = append(b.findings, finding{Code: "member", Why: name + "/entries does not end in a line feed"})
	}
	rest := b.read(result, b.content[name+"/sections"])
	if len(rest) > 0 {
		b.findings = append(b.findings, finding{Code: "member", Why: name + "/sections has bytes after the last sections"})
	}
	result.findEnd()
	result.links()
	return result
}

// checkOrigin is the rest of step 8: the origin of a book is that of its first entry that was not altered.
func (b *book) checkOrigin(open *book) {
	told := b.origin
	for k := int64(0); k < b.end; k++ {
		if one := b.rows[k]; one != nil && !b.lost[k] {
			b.origin = one.entry.text("origin")
			break
		}
	}
	if !b.sealed && !originForm.MatchString(b.origin) {
		b.find("origin", -1, "not the form of an origin")
	} else if b.sealed && b.origin != open.origin+"/sealed" {
		b.find("origin", -1, "not that of the open book with /sealed after it")
	}
	if b.origin != told {
		b.find("head", -1, "the manifest has another origin than the entries")
	}
}

// read is bundle.md section 4: it takes the books apart, and gives what is left of the sections.
func (b *bundle) read(to *book, sections []byte) []byte {
	last, framed := int64(-1), true
	for _, line := range lines(b.content[to.name+"/entries"]) {
		one := &row{sealed: to.sealed, raw: []byte(line), seq: last + 1, hash: leafHash([]byte(line))}
		if one.entry, one.parts = readEntry(one.raw, to.sealed); one.entry != nil {
			one.seq, _ = one.entry.count("seq")
		}
		if framed = framed && len(sections) >= 4; framed {
			length := binary.BigEndian.Uint32(sections)
			if framed = length <= longestFrames && uint64(length) <= uint64(len(sections)-4); framed {
				one.framed, one.frames, sections = true, sections[4:4+length], sections[4+length:]
			}
		}
		if one.seq <= last {
			to.find("misplaced", one.seq, "an entry that is not after the one before it")
			continue
		}
		to.rows[one.seq] = one
		last = one.seq
	}
	if !framed {
		return nil
	}
	return sections
}

// findEnd is section 7, "Where the book ends".
func (b *book) findEnd() {
	top := int64(-1)
	for seq := range b.rows {
		if seq > top {
			top = seq
		}
	}
	b.end = b.head.size
	if top == b.end-1 {
		return
	}
	lying := &tree{}
	for seq := int64(0); b.rows[seq] != nil; seq++ {
		lying.add(b.rows[seq].hash)
		if seq+1 != b.head.size && same(lying.frontier, b.head.frontier) {
			b.end = seq + 1
			b.find("head", -1, "the size is not that of the tree")
			return
		}
	}
	if one := b.rows[b.end-1]; one == nil || one.hash != b.head.last {
		for seq, one := range b.rows {
			if one.hash == b.head.last {
				b.end, b.headless = seq+1, true
				b.find("head", -1, "the size is not that of the last entry")
				return
			}
		}
	}
	if top >= b.end {
		first := top
		for seq := range b.rows {
			if seq >= b.end && seq < first {
				first = seq
			}
		}
		for seq := range b.rows {
			if seq >= b.end {
				delete(b.rows, seq)
			}
		}
		b.find("beyond", first, "entries after the end of the book")
	}
}

const (
	holds = iota
	broken
	unknown
)

// links is steps 4 and 8, and "Which entry was altered".
func (b *book) links() {
	open := map[int64]bool{}
	b.ought = make([]*hash, b.end)
	state := make([]int, b.end+1) // of the link after k, at k + 1
	for k := int64(-1); k < b.end; k++ {
		named, next := b.head.last, b.rows[k+1]
		if k+1 < b.end {
			if state[k+1] = unknown; next == nil || next.entry == nil {
				if k >= 0 && b.rows[k] != nil && b.rows[k].entry != nil {
					open[k] = true
				}
				continue
			}
			named = unhex(next.entry.text("prev"))
		}
		if k < 0 {
			if named != unhex(noHash) {
				state[0] = broken
			} else {
				state[0] = holds
			}
			continue
		}
		b.ought[k] = &named
		if one := b.rows[k]; one == nil || one.entry == nil {
			state[k+1] = unknown
			b.lost[k] = true
		} else if one.hash != named {
			state[k+1] = broken
		} else {
			state[k+1] = holds
		}
	}
	stretch := int64(-1)
	for k := int64(0); k < b.end; k++ {
		switch one := b.rows[k]; {
		case one == nil:
			if b.lost[k] = true; stretch < 0 {
				stretch = k
				b.find("missing", k, "entries are missing")
			}
			continue
		case one.entry == nil:
			b.lost[k] = true
			b.find("entry", k, "no canonical entry")
		}
		stretch = -1
	}
	b.altered(state, open)
	b.secondTree(open)
}

func (b *book) lying() []hash {
	var result []hash
	for k := int64(0); k < b.end; k++ {
		if b.rows[k] == nil {
			return nil
		}
		result = append(result, b.rows[k].hash)
	}
	return result
}

// altered takes each run of broken links.
func (b *book) altered(state []int, open map[int64]bool) {
	for from := int64(-1); from < b.end; from++ {
		if state[from+1] != broken {
			continue
		}
		to := from
		for to+1 < b.end && state[to+2] == broken {
			to++
		}
		switch {
		case from == to && from == b.end-1 && same(frontierOf(b.lying()), b.head.frontier):
			b.find("head", -1, "the head is not that of the last entry")
			b.ought[from] = &b.rows[from].hash
		case from == to && from < 0:
			b.lost[0] = true
			b.find("altered", 0, "the first entry names one before it")
		case from == to:
			b.lost[from] = true
			b.find("altered", from, "not the entry that the next one names")
		default:
			if from >= 0 {
				open[from] = true
			}
			for k := from + 1; k <= to; k++ {
				b.lost[k] = true
				b.find("altered", k, "not the entry that the next one names")
			}
		}
		from = to
	}
}

// secondTree is built from the hashes that ought to be there.
func (b *book) secondTree(open map[int64]bool) {
	complete := true
	var leaves []hash
	for k := int64(0); k < b.end; k++ {
		if one := b.rows[k]; !b.lost[k] && one != nil {
			b.ought[k] = &one.hash
		}
		if complete = complete && b.ought[k] != nil; complete {
			leaves = append(leaves, *b.ought[k])
		}
	}
	if !complete || b.headless || same(frontierOf(leaves), b.head.frontier) {
		return
	}
	if len(open) == 0 {
		b.find("frontier", -1, "not the frontier of the tree")
	}
	for k := range open {
		if !b.lost[k] {
			b.find("unconfirmed", k, "the frontier contradicts it")
			if b.rows[k+1] != nil && b.rows[k+1].entry != nil || k+1 == b.end { // its successor names another
				b.doubtful[k] = true
			}
		}
	}
}

// known gives the hashes of the first entries, as far as they are known, or, if strict, as far as nothing contradicts them.
func (b *book) known(strict bool) (result []hash) {
	for k, one := range b.ought {
		if one == nil || strict && b.doubtful[int64(k)] {
			break
		}
		result = append(result, *one)
	}
	return result
}

// checkRows is steps 5 and 6: what each entry says, and what follows from the one before it.
func (b *book) checkRows(forms map[string]string) {
	order := &orders{book: b, versions: map[string]*streamOrder{}, commands: map[string]bool{}, slots: map[string]bool{}}
	for k := int64(0); k < b.end; k++ {
		one := b.rows[k]
		if one == nil || b.lost[k] {
			order.gap()
			continue
		}
		if one.entry.text("origin") != b.origin {
			b.find("origin", k, "the entry is of another ledger")
		}
		codes := one.checkSections(forms)
		one.faulty = len(codes) > 0
		for _, code := range codes {
			b.find(code, k, "a section")
		}
		if b.sealed && !one.misfits {
			b.checkHeader(one)
		} else if b.sealed {
			// the frames could not be taken apart, which was said
		} else if _, anchor := anchorPart(one); anchor && one.raws() || anchor != (one.entry.text("type") == anchorType) && !one.raws() {
			b.find("anchor", k, "an anchor has a section of class anchor, and nothing else has one")
		}
		order.time(one)
		order.event(one)
	}
	order.end()
}

func (b *book) checkHeader(one *row) {
	headers := 0
	for _, part := range one.parts {
		if part.class == "header" {
			headers++
		}
	}
	given, ok := one.sections["header"]
	if headers != 1 {
		b.find("header", one.seq, "no header")
	} else if ok && given.kind == 0 {
		if one.header = isHeader(given.payload); one.header == nil {
			b.find("header", one.seq, "the header is none")
		}
	}
}

const anchorType = "sealed-book.anchored/1"

func anchorPart(one *row) (part, bool) {
	for _, part := range one.parts {
		if part.class == "anchor" {
			return part, true
		}
	}
	return part{}, false
}

// ties is step 7: section 6.
func ties(open, sealed *book) {
	newest, failing := int64(-1), false
	seqs := make([]int64, sealed.end)
	for k := int64(0); k < sealed.end; k++ {
		seqs[k] = -1
		one := sealed.rows[k]
		if one == nil || sealed.lost[k] {
			continue
		}
		tie := one.entry["open_head"].(object)
		seq, _ := tie.count("seq")
		seqs[k] = seq
		ok := seq >= newest && seq < open.end && (open.ought[seq] == nil || *open.ought[seq] == unhex(tie.text("hash")))
		if !ok && !failing {
			sealed.find("tie", k, "not tied to the open book")
		}
		if failing = !ok; failing {
			seqs[k] = -1 // what has its finding is held against no anchor
		} else {
			newest = seq
		}
	}
	trees := roots(sealed.known(true))
	size, beyond := int64(0), false
	failing = false
	for t := int64(0); t < open.end; t++ {
		one := open.rows[t]
		if one == nil || open.lost[t] || one.raws() {
			continue
		}
		given, ok := one.sections["anchor"]
		if !ok || given.kind != 0 || one.entry.text("type") != anchorType {
			continue
		}
		said, err := canonicalObject(given.payload)
		digits := said.text("size")
		z, wrong := strconv.ParseInt(digits, 10, 64)
		if err != nil || wrong != nil || len(digits) != 16 || !said.exactly("root", "size") || !isHex(said.text("root"), 64) {
			open.find("anchor", t, "not the members of an anchor")
			continue
		}
		ok = z >= size
		for k, seq := range seqs {
			if seq >= t && int64(k) < z {
				sealed.find("tie", int64(k), "an anchor before what it is tied to has it already")
				seqs[k] = -1
			} else if seq >= 0 && seq < t && int64(k) >= z {
				ok = false
			}
		}
		if z > sealed.end && !beyond {
			sealed.find("missing", sealed.end, "an anchor has more")
			beyond = true
		} else if z < int64(len(trees)) && trees[z] != unhex(said.text("root")) {
			ok = false
		}
		if !ok && !failing {
			open.find("anchor", t, "not the sealed book")
		}
		if failing = !ok; z > size {
			size = z
		}
	}
}
