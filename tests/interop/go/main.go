// A stranger's verifier: golang.org/x/mod/sumdb/note opens the notes, golang.org/x/mod/sumdb/tlog checks the proofs.
//
// It answers one question a line: JSON on stdin, one line of JSON on stdout for each, `ok` or an `error`. Only what those
// packages lack is written here, from the C2SP specifications: the text form of a tlog-proof, cosignatures of type 0x04,
// and the paths of tlog-tiles. A checkpoint is read by tlog.ParseTree, under the header that it expects.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"
)

type question struct {
	Do      string   `json:"do"`
	Vkeys   []string `json:"vkeys"`
	Note    []byte   `json:"note"`
	Proof   []byte   `json:"proof"`
	Entry   []byte   `json:"entry"`
	Entries [][]byte `json:"entries"`
	Folder  string   `json:"folder"`
	Origin  string   `json:"origin"`
	Seed    []byte   `json:"seed"`
	Time    int64    `json:"time"`
	Index   int64    `json:"index"`
	Before  int64    `json:"before"`
	Root    []byte   `json:"root"`
}

type answer struct {
	Ok      bool     `json:"ok"`
	Error   string   `json:"error,omitempty"`
	Signed  []string `json:"signed,omitempty"`
	Size    int64    `json:"size"`
	Root    []byte   `json:"root,omitempty"`
	Note    []byte   `json:"note,omitempty"`
	Vkeys   []string `json:"vkeys,omitempty"`
	Record  [][]byte `json:"record,omitempty"`
	Tree    [][]byte `json:"tree,omitempty"`
	Entries [][]byte `json:"entries,omitempty"`
	Status  int      `json:"status,omitempty"`
}

var questions = map[string]func(question) (answer, error){
	"note": openNote, "open": open, "inclusion": inclusion, "consistency": consistency, "tiles": tiles,
	"sign": sign, "prove": prove,
	"witness": witness, "witness key": witnessKey,
}

// What cannot be answered is no verdict: the program ends.
func main() {
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var asked question
		if err := json.Unmarshal(line, &asked); err != nil {
			log.Fatal(err)
		}
		found, err := questions[asked.Do](asked)
		if err != nil {
			found = answer{Error: err.Error()}
		}
		found.Ok = err == nil
		said, _ := json.Marshal(found)
		fmt.Printf("%s\n", said)
	}
}
