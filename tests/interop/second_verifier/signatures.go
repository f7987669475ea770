package main

// Electronic signatures of persons: format.md section 7.4.

import "sort"

type signing struct {
	from *book // of the signature
	seq  int64
	at   int64 // what it is of
	hash hash
}

// signings holds each signature against the entry that it names; `sealed` is nil where that book is not here.
func signings(open, sealed *book) {
	given := map[string][]signing{}
	open.signings(given, "signature.made/1", "plain")
	books := []*book{open}
	if sealed != nil {
		sealed.signings(given, "sealed-signature.made/1", "arm")
		books = append(books, sealed)
	}
	for _, of := range books {
		found := given[of.name]
		sort.SliceStable(found, func(i, j int) bool { return found[i].at < found[j].at })
		for _, one := range found {
			there := of.rows[one.at]
			switch {
			case there == nil && one.at >= of.end:
				one.from.find("signed", one.seq, "of entry %d, which is not there", one.at)
			case there == nil || there.hash == one.hash || of.hasFinding(one.at):
			default:
				one.from.find("signed", one.seq, "of entry %d, by another hash", one.at)
			}
		}
	}
}

func (b *book) signings(given map[string][]signing, wanted, class string) {
	for k := int64(0); k < b.end; k++ {
		one := b.rows[k]
		if one == nil || b.lost[k] || one.misfits || one.faulty || one.raws() {
			continue
		}
		told := one.entry
		if b.sealed {
			told = one.header
		}
		part, ok := one.sections[class]
		if told == nil || told.text("type") != wanted || !ok || part.kind != 0 {
			continue
		}
		said, err := canonicalObject(part.payload)
		at, counted := said.count("signed_seq")
		of, name := said.text("signed_book"), said.text("signed_hash")
		switch {
		case err != nil || !counted || of != "open" && of != "sealed" || !isHex(name, 64):
			b.find("signed", k, "does not say which entry it is of")
		case !b.sealed && of == "sealed":
			b.find("signed", k, "of a sealed entry, in the open book")
		case of == b.name && at >= k:
			b.find("signed", k, "of an entry that does not lie before it")
		default:
			given[of] = append(given[of], signing{b, k, at, unhex(name)})
		}
	}
}

func (b *book) hasFinding(seq int64) bool {
	for _, one := range b.findings {
		if one.Seq != nil && *one.Seq == seq {
			return true
		}
	}
	return b.lost[seq]
}
