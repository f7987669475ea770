package main

// What others signed: format.md sections 9.4 and 9.5.

import (
	"fmt"
	"sort"
	"time"
)

const tolerance = 5 * 60 // seconds

// origins of a ledger: its own, and those under which it went on (section 9.1).
func origins(open *book) map[string]bool {
	result := map[string]bool{open.origin: true}
	for k := int64(0); k < open.end; k++ {
		one := open.rows[k]
		if one == nil || open.lost[k] || one.raws() || one.entry.text("type") != "ledger.continued/1" {
			continue
		}
		if said, err := canonicalObject(one.sections["plain"].payload); err == nil {
			result[said.text("origin")] = true
		}
	}
	return result
}

type counted struct {
	storedNote
	counts    bool
	agrees    bool
	unknown   bool
	quorate   bool             // it weighs more than one that the log alone signed
	cosigned  map[string]int64 // by name in the policy: when
	signature []string
}

// signatures verifies those of known keys; one that fails makes the checkpoint count for nothing.
func signatures(note storedNote, p *policy, unchecked map[string]bool) counted {
	one := counted{storedNote: note, cosigned: map[string]int64{}}
	failed, signed := false, false
	if p == nil {
		return one
	}
	verify := func(key verifierKey, witness string) {
		for _, line := range note.signatures {
			if line.name != key.name || line.id != key.id {
				continue
			}
			if key.kind == typeMLDSA {
				unchecked["ML-DSA-44 signatures of "+key.name+" are not verified by this program"] = true
				continue
			}
			stamp, ok := key.verify(note.text, line.bytes)
			switch {
			case !ok:
				failed = true
			case witness != "":
				one.cosigned[witness] = stamp
			case key.name == note.origin:
				signed = true
			}
		}
	}
	for _, key := range p.logs {
		verify(key, "")
	}
	for name, key := range p.witnesses {
		verify(key, name)
	}
	if one.counts = signed && !failed; failed {
		one.signature = []string{"a signature of a key of the policy does not verify"}
	}
	return one
}

// evidence compares checkpoints with the open book, and gives findings and the level.
func evidence(b *bundle, open *book, p *policy) (findings []finding, assurance string, unchecked []string) {
	var failing []finding
	skipped := map[string]bool{}
	known, own := open.known(false), origins(open)
	trees := roots(known)
	var all []counted
	sort.Slice(b.notes, func(i, j int) bool { return b.notes[i].size < b.notes[j].size })
	for _, note := range b.notes {
		one := signatures(note, p, skipped)
		if len(one.signature) > 0 {
			failing = append(failing, finding{Code: "signature", Book: &open.name, Why: one.signature[0]})
		}
		if p != nil && !one.counts {
			continue
		}
		switch {
		case !own[one.origin]:
			if p == nil {
				continue
			}
		case one.size < int64(len(trees)):
			one.agrees = trees[one.size] == one.root
		case one.size <= open.end:
			one.unknown = true
		case int64(len(known)) < open.end:
			one.unknown = true
		default:
			one.agrees = consistent(open.end, one.size, trees[open.end], one.root, b.proofs[one.size])
		}
		one.quorate = p != nil && len(one.cosigned) > 0 && p.met(p.quorum, one.cosigned)
		all = append(all, one)
	}
	for _, one := range all {
		if one.agrees || one.unknown {
			continue
		}
		result := finding{Code: "checkpoint", Book: &open.name, Why: fmt.Sprintf("the checkpoint of size %d is not of this book", one.size)}
		if own[one.origin] && one.size <= open.end {
			smaller := int64(0)
			for _, other := range all {
				if other.agrees && (other.quorate || !one.quorate) && other.size < one.size && other.size > smaller {
					smaller = other.size
				}
			}
			result.Seq = &smaller
		}
		findings = append(findings, result)
	}
	findings = append(append(findings, failing...), times(open, all)...)
	assurance, enough := level(all, p)
	if p != nil && !enough {
		findings = append(findings, finding{Code: "policy", Book: &open.name, Why: "the evidence is not enough for the policy"})
	}
	for text := range skipped {
		unchecked = append(unchecked, text)
	}
	return findings, assurance, unchecked
}

// times is rule 5, as far as witnesses tell the time.
func times(open *book, all []counted) []finding {
	for _, one := range all {
		for _, stamp := range one.cosigned {
			last := open.rows[one.size-1]
			if !one.agrees || last == nil || last.entry == nil {
				continue
			}
			at, err := time.Parse("2006-01-02T15:04:05.000000Z", last.entry.text("at"))
			if err == nil && stamp < 1<<40 && at.UnixMicro() > (stamp+tolerance)*1000000 {
				seq := one.size - 1
				return []finding{{Code: "time", Book: &open.name, Seq: &seq, Why: "recorded after it was cosigned"}}
			}
		}
	}
	return nil
}

// level is section 9.5; the second result is rule 4.
func level(all []counted, p *policy) (string, bool) {
	result, enough, size := "consistent", false, int64(-1)
	for _, one := range all {
		if p == nil || !one.agrees {
			continue
		}
		if result == "consistent" {
			result = "signed"
		}
		if p.met(p.quorum, one.cosigned) {
			enough = true
			if len(one.cosigned) > 0 && one.size >= size {
				size = one.size
				result = fmt.Sprintf("witnessed %d of %d", len(one.cosigned), len(p.witnesses))
			}
		}
	}
	return result, enough
}
