// Command second-verifier verifies an evidence bundle. It was written from the documents, by somebody who had not read the
// first verifier; where the documents left a code, a place or a limit open, it does what the first one was seen to do.
//
// It does not check time stamps, ML-DSA-44 signatures and the allocation, and opens no ciphertext: `unchecked` says so.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"sort"
)

type bookReport struct {
	Size int64  `json:"size"`
	Root string `json:"root"`
	Head string `json:"head"`
}

type report struct {
	OK        bool        `json:"ok"`
	Refused   bool        `json:"refused"`
	Why       string      `json:"why,omitempty"`
	Assurance string      `json:"assurance"`
	Open      *bookReport `json:"open"`
	Sealed    *bookReport `json:"sealed"`
	Findings  []finding   `json:"findings"`
	Unchecked []string    `json:"unchecked"`
}

func main() {
	from := flag.String("policy", "", "a C2SP tlog-policy")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: second-verifier BUNDLE [-policy FILE], or second-verifier -serve")
	}
	serve := flag.Bool("serve", false, `read one {"bundle", "policy"} a line, and answer each with a line`)
	flag.Parse()
	if *serve {
		answer(os.Stdin, os.Stdout)
		return
	}
	name := flag.Arg(0)
	if flag.NArg() > 1 {
		flag.CommandLine.Parse(flag.Args()[1:])
	}
	os.Exit(run(name, *from))
}

func answer(from io.Reader, to io.Writer) {
	questions := bufio.NewScanner(from)
	for questions.Scan() {
		var asked struct{ Bundle, Policy string }
		if err := json.Unmarshal(questions.Bytes(), &asked); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		json.NewEncoder(to).Encode(verify(asked.Bundle, asked.Policy))
	}
}

func run(name, from string) int {
	result := verify(name, from)
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	out.Encode(result)
	switch {
	case result.Refused:
		return 3
	case !result.OK:
		return 1
	}
	return 0
}

func refused(err error) report { return report{Refused: true, Why: err.Error(), Findings: []finding{}} }

func verify(name, from string) report {
	data, err := os.ReadFile(name)
	if err != nil {
		return refused(err)
	}
	var trusted *policy
	if from != "" {
		text, err := os.ReadFile(from)
		if err != nil {
			return refused(err)
		}
		if trusted, err = readPolicy(text); err != nil {
			return refused(err)
		}
	}
	b, err := readBundle(data)
	if err != nil {
		return refused(err)
	}
	open := newBook(b, "open")
	open.checkOrigin(nil)
	open.checkRows(b.forms)
	result := report{Open: told(open), Unchecked: b.unchecked}
	result.Unchecked = append(result.Unchecked, "the allocation is not derived (format.md section 7.3)")
	var ofSealed []finding
	var sealed *book
	if _, ok := b.heads["sealed"]; ok {
		sealed = newBook(b, "sealed")
		sealed.checkOrigin(open)
		sealed.checkRows(b.forms)
		ties(open, sealed)
		result.Sealed = told(sealed)
	}
	signings(open, sealed)
	if sealed != nil {
		ofSealed = sealed.findings
	}
	outside, assurance, unchecked := evidence(b, open, trusted)
	result.Assurance = assurance
	result.Unchecked = append(result.Unchecked, unchecked...)
	result.Findings = append(append(append(append([]finding{}, open.findings...), ofSealed...), outside...), b.findings...)
	sort.SliceStable(result.Findings, func(i, j int) bool {
		one, two := result.Findings[i], result.Findings[j]
		if rank(one) == rank(two) { // section 7 does not say; so that what is missing comes before what stands elsewhere
			return one.Code == "missing" && two.Code == "misplaced"
		}
		return rank(one) < rank(two)
	})
	result.OK = len(result.Findings) == 0
	return result
}

// rank is the order of section 7: those with a seq, open book first, by seq; then those without.
func rank(one finding) int64 {
	switch {
	case one.Seq == nil:
		return 1 << 62
	case *one.Book == "sealed":
		return 1<<61 + *one.Seq
	}
	return *one.Seq
}

// told is the root and head of the entries as they lie.
func told(b *book) *bookReport {
	lying := &tree{}
	last := unhex(noHash)
	for k := int64(0); k < b.end; k++ {
		if one := b.rows[k]; one != nil {
			lying.add(one.hash)
			last = one.hash
		}
	}
	root := rootOf(lying.frontier)
	return &bookReport{lying.size, base64.StdEncoding.EncodeToString(root[:]), hex.EncodeToString(last[:])}
}
