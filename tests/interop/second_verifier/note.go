package main

// Signed notes, checkpoints, cosignatures, verifier keys and policies: the C2SP specifications, format.md section 9.1.

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	typeEd25519     = 0x01
	typeCosignature = 0x04
	typeMLDSA       = 0x06
	mostSignatures  = 64
)

type verifierKey struct {
	name   string
	kind   byte
	public []byte
	id     [4]byte
}

type signature struct {
	name  string
	id    [4]byte
	bytes []byte
}

type storedNote struct {
	text       string
	origin     string
	size       int64
	root       hash
	signatures []signature
}

func unbase64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, refuse("not base64")
	}
	return base64.StdEncoding.Strict().DecodeString(text)
}

// keyName is signed-note, "Format".
func keyName(name string) bool {
	return name != "" && utf8.ValidString(name) && !strings.Contains(name, "+") && strings.IndexFunc(name, unicode.IsSpace) < 0
}

func parseKey(text string) (verifierKey, error) {
	parts := strings.SplitN(text, "+", 3)
	if len(parts) != 3 || !keyName(parts[0]) || !isHex(parts[1], 8) {
		return verifierKey{}, refuse("no verifier key")
	}
	material, err := unbase64(parts[2])
	if err != nil || len(material) == 0 {
		return verifierKey{}, refuse("no verifier key")
	}
	key := verifierKey{name: parts[0], kind: material[0], public: material[1:]}
	length, known := map[byte]int{typeEd25519: 32, typeCosignature: 32, typeMLDSA: 1312}[key.kind]
	digest := sum([]byte(key.name+"\n"), material)
	copy(key.id[:], digest[:4])
	if !known || len(key.public) != length || hex.EncodeToString(key.id[:]) != parts[1] {
		return verifierKey{}, refuse("a verifier key of another type, length or ID")
	}
	return key, nil
}

// verify says whether a signature over a note's text holds, and which time it states (cosignatures only).
func (k verifierKey) verify(text string, signed []byte) (time int64, ok bool) {
	if k.kind == typeEd25519 {
		return 0, len(signed) == 64 && ed25519.Verify(k.public, []byte(text), signed)
	}
	if len(signed) != 72 {
		return 0, false
	}
	stamp := binary.BigEndian.Uint64(signed)
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", stamp, text)
	return int64(stamp), stamp < 1<<63 && ed25519.Verify(k.public, []byte(message), signed[8:])
}

// readStoredNote reads a signed note whose text is a checkpoint.
func readStoredNote(data []byte) (storedNote, error) {
	var result storedNote
	if !utf8.Valid(data) {
		return result, refuse("not UTF-8")
	}
	for _, c := range data {
		if c < 0x20 && c != '\n' {
			return result, refuse("a control character")
		}
	}
	split := bytes.LastIndex(data, []byte("\n\n"))
	if split < 0 || !bytes.HasSuffix(data, []byte("\n")) || split+2 == len(data) {
		return result, refuse("no signed note")
	}
	result.text = string(data[:split+1])
	for _, line := range lines(data[split+2:]) {
		parts := strings.Split(line, " ")
		if len(parts) != 3 || parts[0] != "—" || !keyName(parts[1]) {
			return result, refuse("a line that is no signature")
		}
		value, err := unbase64(parts[2])
		if err != nil || len(value) < 5 {
			return result, refuse("a line that is no signature")
		}
		one := signature{name: parts[1], bytes: value[4:]}
		copy(one.id[:], value)
		result.signatures = append(result.signatures, one)
	}
	if len(result.signatures) > mostSignatures {
		return result, refuse("more than %d signatures", mostSignatures)
	}
	return result, result.readText()
}

// readText is tlog-checkpoint, "Note text".
func (n *storedNote) readText() error {
	text := lines([]byte(n.text))
	if len(text) < 3 {
		return refuse("less than three lines")
	}
	for _, line := range text {
		if line == "" {
			return refuse("an empty line")
		}
	}
	size, err := strconv.ParseInt(text[1], 10, 64)
	if err != nil || strconv.FormatInt(size, 10) != text[1] || size < 0 {
		return refuse("no tree size")
	}
	root, err := unbase64(text[2])
	if err != nil || len(root) != 32 {
		return refuse("no root hash")
	}
	n.origin, n.size = text[0], size
	copy(n.root[:], root)
	return nil
}

// policy is tlog-policy.
type policy struct {
	logs      []verifierKey
	witnesses map[string]verifierKey
	groups    map[string]group
	quorum    string
}

type group struct {
	least   int
	members []string
}

func readPolicy(data []byte) (*policy, error) {
	for _, c := range data {
		if c < 0x20 && c != '\n' && c != '\t' || c == 0x7f {
			return nil, refuse("policy: a control character")
		}
	}
	if len(data) > 0 && data[len(data)-1] != '\n' {
		return nil, refuse("policy: the last line does not end")
	}
	p := &policy{witnesses: map[string]verifierKey{}, groups: map[string]group{}}
	used := map[string]bool{}
	for number, line := range lines(data) {
		items := strings.FieldsFunc(line, func(c rune) bool { return c == ' ' || c == '\t' })
		if len(items) == 0 || items[0][0] == '#' {
			continue
		}
		if err := p.line(items, used); err != nil {
			return nil, refuse("policy line %d: %v", number+1, err)
		}
	}
	if p.quorum == "" {
		return nil, refuse("policy: no quorum")
	}
	return p, nil
}

func (p *policy) defined(name string) bool {
	_, witness := p.witnesses[name]
	_, group := p.groups[name]
	return witness || group
}

func (p *policy) line(items []string, used map[string]bool) error {
	count := len(items)
	switch {
	case items[0] == "log" && (count == 2 || count == 3):
		key, err := parseKey(items[1])
		if err != nil || key.kind == typeCosignature {
			return refuse("log: %v", err)
		}
		for _, other := range p.logs {
			if bytes.Equal(other.public, key.public) {
				return refuse("a log comes twice")
			}
		}
		p.logs = append(p.logs, key)
	case items[0] == "witness" && (count == 3 || count == 4):
		key, err := parseKey(items[2])
		if err != nil || key.kind == typeEd25519 || p.defined(items[1]) || items[1] == "none" {
			return refuse("witness: %v", err)
		}
		for _, other := range p.witnesses {
			if bytes.Equal(other.public, key.public) {
				return refuse("a witness comes twice")
			}
		}
		p.witnesses[items[1]] = key
	case items[0] == "group" && count >= 4:
		members := items[3:]
		least, err := strconv.Atoi(items[2])
		switch {
		case items[2] == "any":
			least, err = 1, nil
		case items[2] == "all":
			least, err = len(members), nil
		case strings.Trim(items[2], "0123456789") != "" || items[2][0] == '0':
			return refuse("group: no threshold")
		}
		if err != nil || least < 1 || least > len(members) || p.defined(items[1]) || items[1] == "none" {
			return refuse("group: threshold or name")
		}
		for _, name := range members {
			if !p.defined(name) || used[name] {
				return refuse("group: %q is not defined, or listed twice", name)
			}
			used[name] = true
		}
		p.groups[items[1]] = group{least, members}
	case items[0] == "quorum" && count == 2 && p.quorum == "":
		if p.quorum = items[1]; !p.defined(p.quorum) && p.quorum != "none" {
			return refuse("quorum: not defined")
		}
	default:
		return refuse("not a line of a policy")
	}
	return nil
}

// met says whether witnesses that cosigned satisfy a name.
func (p *policy) met(name string, cosigned map[string]int64) bool {
	if name == "none" {
		return true
	}
	if one, ok := p.groups[name]; ok {
		count := 0
		for _, member := range one.members {
			if p.met(member, cosigned) {
				count++
			}
		}
		return count >= one.least
	}
	_, ok := cosigned[name]
	return ok
}
