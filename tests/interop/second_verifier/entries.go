package main

// Entries and their sections: format.md sections 3 and 4.

import (
	"encoding/binary"
	"regexp"
	"time"
)

const (
	longestEntry   = 65536
	longestPayload = 1048576
	longestFrames  = 3 * 1049600 // bundle.md section 4
	noHash         = "0000000000000000000000000000000000000000000000000000000000000000"
)

var (
	openClasses   = map[string]bool{"plain": true, "identity": true, "anchor": true}
	sealedClasses = map[string]bool{"arm": true, "header": true, "identity": true}
	classForm     = regexp.MustCompile(`^[a-z]+$`)
	timeForm      = regexp.MustCompile(`^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z$`)
)

type part struct {
	class  string
	commit string
}

type section struct {
	kind    byte
	body    []byte
	salt    []byte
	payload []byte
}

type row struct {
	sealed   bool
	seq      int64
	raw      []byte
	hash     hash
	entry    object // nil: the bytes are no entry
	parts    []part
	framed   bool // the frames could be cut out of the file
	frames   []byte
	sections map[string]section
	misfits  bool   // the frames cannot be taken apart
	faulty   bool   // a section has a finding
	header   object // of a sealed entry, where it is given
}

// isCommand is `command` of section 3.1: an `n` that is not less than `of` is a finding of its own.
func isCommand(value interface{}) bool {
	command, _ := value.(object)
	_, n := command.count("n")
	_, of := command.count("of")
	return command.exactly("digest", "id", "n", "of") && command.texts("digest", "id") && n && of && isHex(command.text("digest"), 64)
}

func isActor(value interface{}) bool {
	actor, _ := value.(object)
	return actor.exactly("id", "org", "role") && actor.texts("id", "org", "role")
}

// readEntry is sections 3.1 and 3.2; nil if the bytes are no entry of this book.
func readEntry(raw []byte, sealed bool) (object, []part) {
	entry, err := canonicalObject(raw)
	if err != nil || len(raw) > longestEntry {
		return nil, nil
	}
	ok := entry.texts("at", "id", "origin", "prev", "v") && timeForm.MatchString(entry.text("at")) && isHex(entry.text("id"), 32) && isHex(entry.text("prev"), 64) &&
		entry.text("v") == "1/sha-256"
	if _, number := entry.count("seq"); !ok || !number {
		return nil, nil
	}
	if sealed {
		tie, _ := entry["open_head"].(object)
		_, number := tie.count("seq")
		ok = entry.exactly("at", "command", "id", "open_head", "origin", "parts", "prev", "seq", "slot", "v") && number &&
			tie.exactly("hash", "seq") && isHex(tie.text("hash"), 64) && tie.texts("hash") && entry.texts("command", "slot") &&
			isHex(entry.text("command"), 64) && isHex(entry.text("slot"), 64)
	} else {
		_, version := entry.count("version")
		ok = entry.exactly("actor", "at", "command", "id", "origin", "parts", "prev", "seq", "stream", "type", "v", "version") &&
			version && entry.texts("stream", "type") && isCommand(entry["command"]) && isActor(entry["actor"])
	}
	list, isList := entry["parts"].([]interface{})
	if !ok || !isList {
		return nil, nil
	}
	parts := []part{}
	for _, value := range list {
		told, _ := value.(object)
		one := part{told.text("class"), told.text("commit")}
		if !told.exactly("class", "commit") || !isHex(one.commit, 64) || !classForm.MatchString(one.class) {
			return nil, nil
		}
		parts = append(parts, one)
	}
	return entry, parts
}

// isTime: what has the form of a time (section 3.1) has to be one, too (step 5.5).
func isTime(at string) bool {
	if at[:4] == "0000" {
		return false
	}
	_, err := time.Parse("2006-01-02T15:04:05.000000Z", at)
	return err == nil
}

// isHeader is the section of class `header`, section 3.2.
func isHeader(payload []byte) object {
	header, err := canonicalObject(payload)
	if err != nil || !header.exactly("actor", "command", "stream", "type", "version") || !header.texts("stream", "type") ||
		!isActor(header["actor"]) || !isCommand(header["command"]) {
		return nil
	}
	if _, ok := header.count("version"); !ok || header["command"].(object).text("id") == "" {
		return nil
	}
	return header
}

func (r *row) raws() bool {
	command, open := r.entry["command"].(object)
	return open && command.text("id") == ""
}

// checkSections is section 4, steps 5.4 and 6.4, and bundle.md section 5. It gives a code for each fault.
func (r *row) checkSections(forms map[string]string) (codes []string) {
	taken, ok := r.takeApart()
	if r.misfits = !ok; !ok {
		return []string{"section"}
	}
	for i, one := range taken {
		if code := r.checkSection(r.parts[i], one, forms[r.parts[i].class]); code != "" {
			codes = append(codes, code)
		}
	}
	return codes
}

func (r *row) takeApart() (taken []section, ok bool) {
	body := r.frames
	r.sections = map[string]section{}
	classes := openClasses
	if r.sealed {
		classes = sealedClasses
	}
	if !r.framed {
		return nil, false
	}
	for i, one := range r.parts {
		if i > 0 && one.class <= r.parts[i-1].class || !classes[one.class] {
			return nil, false
		}
	}
	for range r.parts {
		if len(body) < 5 {
			return nil, false
		}
		length := uint64(binary.BigEndian.Uint32(body[1:]))
		if body[0] > 2 || length > uint64(len(body)-5) {
			return nil, false
		}
		one := section{kind: body[0], body: body[5 : 5+length]}
		body = body[5+length:]
		switch n := len(one.body); {
		case one.kind == 0 && (n < 32 || n > 32+longestPayload), one.kind == 2 && n != 0, one.kind == 1 && n < 32:
			return nil, false
		}
		taken = append(taken, one)
	}
	return taken, len(body) == 0
}

func (r *row) checkSection(told part, one section, form string) string {
	permitted := false
	for _, kind := range []byte(kinds[form]) {
		permitted = permitted || kind == one.kind
	}
	if !permitted {
		if one.kind == 2 {
			return "withheld"
		}
		return "section"
	}
	commit := unhex(told.commit)
	switch one.kind {
	case 0:
		one.salt, one.payload = one.body[:32], one.body[32:]
		if sum([]byte("trial-ledger/section/v1\x00"), one.body) != commit {
			return "commitment"
		}
		if _, err := canonicalObject(one.payload); err != nil && !r.raws() {
			return "payload"
		}
	case 1:
		ciphertext := one.body[32:]
		if n := len(ciphertext); n < 272 || n%256 != 16 || n > 16+(4+32+longestPayload+255)/256*256 {
			return "section"
		}
		if digest := sum([]byte("trial-ledger/ciphertext/v1\x00"), commit[:], ciphertext); string(digest[:]) != string(one.body[:32]) {
			return "ciphertext"
		}
	}
	r.sections[told.class] = one
	return ""
}
