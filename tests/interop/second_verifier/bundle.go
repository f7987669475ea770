package main

// Files, manifest and lists of a bundle: bundle.md sections 2, 3 and 5. What cannot be told is refused.

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

type finding struct {
	Code string  `json:"code"`
	Book *string `json:"book"`
	Seq  *int64  `json:"seq"`
	Why  string  `json:"message"`
}

type head struct {
	size     int64
	last     hash
	frontier []hash
}

type bundle struct {
	origin    string
	forms     map[string]string
	heads     map[string]head
	content   map[string][]byte
	notes     []storedNote
	proofs    map[int64][]hash
	findings  []finding // those of files
	unchecked []string
}

const (
	longestManifest = 65536
	mostEvidence    = 33554432
	longestNote     = 262144
	longestToken    = 65536
	longestRecord   = 2097152
)

var (
	roleForm   = regexp.MustCompile(`^[a-z]+(?:-[a-z]+)*$`)
	hostPart   = `[A-Za-z0-9._-]+(?::[0-9]{1,5})?`
	originForm = regexp.MustCompile(`^` + hostPart + `/[A-Za-z0-9._-]+/[0-9a-f]{32}$`)
	names      = regexp.MustCompile(`^(?:consistency/[0-9]{16}|docs/[a-z0-9]+(?:-[a-z0-9]+)*\.md|` +
		`evidence/checkpoints/[0-9]{16}-[0-9a-f]{8}\.checkpoint|evidence/timestamps/[0-9]{16}-[0-9a-f]{8}-[0-9]{2}\.(?:tsr|er)|` +
		`index\.html|keys/log\.vkeys|keys/data-keys\.ndjson|(?:open|sealed)/(?:entries|sections)|protocol\.json|` +
		`schemas/[a-z0-9]+(?:[.-][a-z0-9]+)*\.json)$`)
	listed = regexp.MustCompile(`^[0-9a-f]{64}  [\x20-\x7e]+$`)
	// Section 3: the forms, with the kinds of frame that they may have.
	kinds = map[string]string{"readable": "\x00", "unerased": "\x00\x02", "partly": "\x00\x02", "withheld": "\x02", "sealed": "\x01"}
)

func readBundle(data []byte) (*bundle, error) {
	members, err := readZip(data)
	if err != nil {
		return nil, err
	}
	if len(members) < 2 || members[0].name != "manifest.json" || members[1].name != "SHA256SUMS" {
		return nil, refuse("manifest.json and SHA256SUMS do not stand first")
	}
	b := &bundle{content: map[string][]byte{}, proofs: map[int64][]hash{}}
	for i, one := range members[2:] {
		if !names.MatchString(one.name) || i > 0 && one.name <= members[i+1].name {
			return nil, refuse("%q: not a name of a bundle, or out of order", one.name)
		}
		b.content[one.name] = one.content
	}
	if members[0].damaged() || len(members[0].content) > longestManifest {
		return nil, refuse("manifest.json: damaged or too long")
	}
	sums, err := b.readManifest(members[0].content)
	if err != nil {
		return nil, err
	}
	for _, book := range []string{"open", "sealed"} {
		_, told := b.heads[book]
		for _, name := range []string{book + "/entries", book + "/sections"} {
			if _, there := b.content[name]; there != told {
				return nil, refuse("%s: not as the manifest has it", name)
			}
		}
	}
	if err := b.checkFiles(members, sums); err != nil {
		return nil, err
	}
	return b, b.readEvidence(members)
}

// readManifest is section 3; it gives the hash of SHA256SUMS.
func (b *bundle) readManifest(data []byte) (string, error) {
	manifest, err := canonicalObject(data)
	if err != nil {
		return "", refuse("manifest.json: %v", err)
	}
	if !manifest.exactly("books", "format", "origin", "role", "sections", "sha256sums", "sites") ||
		!manifest.texts("format", "origin", "role", "sha256sums") || manifest.text("format") != "trial-ledger/bundle/1" ||
		!isHex(manifest.text("sha256sums"), 64) {
		return "", refuse("manifest.json: not the members of a manifest")
	}
	if b.origin = manifest.text("origin"); b.origin == "" || len(manifest.text("role")) > 64 || !roleForm.MatchString(manifest.text("role")) {
		return "", refuse("manifest.json: role")
	}
	books, _ := manifest["books"].(object)
	_, sealed := books["sealed"]
	if !books.exactly("open") && !books.exactly("open", "sealed") {
		return "", refuse("manifest.json: books")
	}
	b.heads = map[string]head{}
	for book, value := range books {
		told, _ := value.(object)
		if b.heads[book], err = readHead(told); err != nil {
			return "", refuse("manifest.json: books.%s: %v", book, err)
		}
	}
	if err := b.readForms(manifest["sections"], sealed); err != nil {
		return "", err
	}
	sites, isList := manifest["sites"].([]interface{})
	if !isList && manifest["sites"] != nil {
		return "", refuse("manifest.json: sites")
	}
	for _, site := range sites {
		if _, ok := site.(string); !ok {
			return "", refuse("manifest.json: sites")
		}
	}
	return manifest.text("sha256sums"), nil
}

func readHead(told object) (head, error) {
	size, ok := told.count("size")
	if !told.exactly("frontier", "head", "root", "size") || !told.texts("frontier", "head", "root") || !ok {
		return head{}, refuse("not its members")
	}
	result := head{size: size}
	if text := told.text("head"); !isHex(text, 64) {
		return head{}, refuse("head")
	}
	last, _ := hex.DecodeString(told.text("head"))
	copy(result.last[:], last)
	frontier := told.text("frontier")
	if !isHex(frontier, len(frontier)) || len(frontier) != 64*ones(size) {
		return head{}, refuse("frontier")
	}
	for ; frontier != ""; frontier = frontier[64:] {
		var one hash
		hex.Decode(one[:], []byte(frontier[:64]))
		result.frontier = append(result.frontier, one)
	}
	if root := rootOf(result.frontier); base64.StdEncoding.EncodeToString(root[:]) != told.text("root") {
		return head{}, refuse("root: not what follows from the frontier")
	}
	return result, nil
}

func (b *bundle) readForms(value interface{}, sealed bool) error {
	forms, _ := value.(object)
	classes := []string{"anchor", "identity", "plain"}
	if sealed {
		classes = append(classes, "arm", "header")
	}
	if !forms.exactly(classes...) {
		return refuse("manifest.json: sections")
	}
	b.forms = map[string]string{}
	if !sealed && forms.text("anchor") != "withheld" {
		return refuse("manifest.json: sections.anchor: not withheld without the sealed book")
	}
	for class := range forms {
		b.forms[class] = forms.text(class)
		if _, ok := kinds[b.forms[class]]; !ok || class == "plain" && b.forms[class] != "readable" {
			return refuse("manifest.json: sections.%s", class)
		}
	}
	return nil
}

// checkFiles is sections 2 and 5: what differs is one finding for each file, `member`.
func (b *bundle) checkFiles(members []member, sums string) error {
	differing := func(name, why string) {
		b.findings = append(b.findings, finding{Code: "member", Why: name + " " + why})
	}
	list := members[1]
	ended := len(list.content) == 0 || bytes.HasSuffix(list.content, []byte("\n"))
	if digest := sha256.Sum256(list.content); !ended || list.damaged() || hex.EncodeToString(digest[:]) != sums {
		differing(list.name, "is not the one in the manifest")
	}
	stated, order := map[string]string{}, []string{}
	for _, line := range lines(list.content) {
		if !listed.MatchString(line) {
			return refuse("SHA256SUMS: a line that is none")
		}
		name := line[66:]
		if _, twice := stated[name]; twice {
			return refuse("SHA256SUMS: %q comes twice", name)
		}
		stated[name] = line[:64]
		order = append(order, name)
	}
	if len(order) > 2*len(members) {
		return refuse("SHA256SUMS: not its lines")
	}
	for _, one := range members[2:] {
		digest := sha256.Sum256(one.content)
		if told, ok := stated[one.name]; !ok {
			differing(one.name, "is not listed")
		} else if told != hex.EncodeToString(digest[:]) || one.damaged() {
			differing(one.name, "is not the file that SHA256SUMS lists")
		}
	}
	for _, name := range order {
		if _, there := b.content[name]; !there {
			differing(name, "is missing")
		}
	}
	return nil
}

// lines without their line feeds; what follows the last one is a line too, if there is anything.
func lines(data []byte) []string {
	text := strings.Split(string(data), "\n")
	if text[len(text)-1] == "" {
		text = text[:len(text)-1]
	}
	return text
}

// readEvidence is section 6 and format.md section 9.3.
func (b *bundle) readEvidence(members []member) error {
	total, proofs := 0, 0
	for _, one := range members[2:] {
		switch folder, name, _ := strings.Cut(one.name, "/"); {
		case folder == "consistency":
			if proofs += len(one.content); proofs > mostEvidence {
				return refuse("more than %d bytes of proofs", mostEvidence)
			}
			var size int64
			fmt.Sscanf(name, "%d", &size)
			proof, err := readProof(one.content)
			if err != nil {
				return refuse("%s: %v", one.name, err)
			}
			b.proofs[size] = proof
		case folder != "evidence":
		case strings.HasSuffix(name, ".checkpoint"):
			total += len(one.content)
			stored, err := readStoredNote(one.content)
			if err != nil || len(one.content) > longestNote {
				return refuse("%s: %v", one.name, err)
			}
			if digest := sha256.Sum256([]byte(stored.origin)); name != fmt.Sprintf("checkpoints/%016d-%x.checkpoint", stored.size, digest[:4]) {
				return refuse("%s: the name of another checkpoint", one.name)
			}
			b.notes = append(b.notes, stored)
		default:
			most := longestToken
			if strings.HasSuffix(name, ".er") {
				most = longestRecord
			}
			if total += len(one.content); len(one.content) > most {
				return refuse("%s: too long", one.name)
			}
			b.unchecked = append(b.unchecked, one.name+": time stamps are not checked by this program")
		}
	}
	if total > mostEvidence {
		return refuse("more than %d bytes of evidence", mostEvidence)
	}
	return nil
}

func readProof(data []byte) ([]hash, error) {
	var result []hash
	if len(data) > 0 && data[len(data)-1] != '\n' {
		return nil, refuse("the last line has no line feed")
	}
	for _, line := range lines(data) {
		one, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(one) != 32 || strings.ContainsAny(line, "\r\n") {
			return nil, refuse("a line that is no hash")
		}
		var value hash
		copy(value[:], one)
		if result = append(result, value); len(result) > 128 {
			return nil, refuse("more than 128 hashes")
		}
	}
	return result, nil
}
