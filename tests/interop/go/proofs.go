package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

func toHash(data []byte) (h tlog.Hash, err error) {
	if copy(h[:], data) != tlog.HashSize || len(data) != tlog.HashSize {
		err = errors.New("a hash has not 32 bytes")
	}
	return h, err
}

// toHashes reads the hashes of a proof, one a line; bad is told of a line that is no base64.
func toHashes(lines []string, bad error) (path []tlog.Hash, err error) {
	for _, line := range lines {
		raw, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil {
			return nil, bad
		}
		hash, err := toHash(raw)
		if err != nil {
			return nil, err
		}
		path = append(path, hash)
	}
	return path, nil
}

// readProof reads the text of a tlog-proof.
func readProof(data []byte) (index int64, path tlog.RecordProof, checkpoint []byte, err error) {
	bad := errors.New("malformed tlog-proof")
	head, checkpoint, found := bytes.Cut(data, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !found || lines[0] != "c2sp.org/tlog-proof@v1" {
		return 0, nil, nil, bad
	}
	lines = lines[1:]
	if len(lines) > 0 && strings.HasPrefix(lines[0], "extra ") {
		lines = lines[1:]
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		return 0, nil, nil, bad
	}
	number := strings.TrimPrefix(lines[0], "index ")
	if index, err = strconv.ParseInt(number, 10, 64); err != nil || strconv.FormatInt(index, 10) != number || index < 0 {
		return 0, nil, nil, bad
	}
	path, err = toHashes(lines[1:], bad)
	return index, path, checkpoint, err
}

func inclusion(asked question) (found answer, err error) {
	index, path, checkpoint, err := readProof(asked.Proof)
	if err != nil {
		return found, err
	}
	tree, _, err := openLog(asked.Vkeys, checkpoint)
	if err != nil {
		return found, err
	}
	found.Size, found.Root = tree.N, tree.Hash[:]
	return found, tlog.CheckRecord(path, tree.N, tree.Hash, index, tlog.RecordHash(asked.Entry))
}

// readRequest reads a consistency proof in the form of a request to a witness (tlog-witness, add-checkpoint).
func readRequest(data []byte) (old int64, path tlog.TreeProof, checkpoint []byte, err error) {
	bad := errors.New("malformed consistency proof")
	head, checkpoint, found := bytes.Cut(data, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	old, err = strconv.ParseInt(strings.TrimPrefix(lines[0], "old "), 10, 64)
	if !found || err != nil || old < 0 || lines[0] != "old "+strconv.FormatInt(old, 10) {
		return 0, nil, nil, bad
	}
	path, err = toHashes(lines[1:], bad)
	return old, path, checkpoint, err
}

// consistency holds a checkpoint that one has kept against a later one with its proof.
func consistency(asked question) (found answer, err error) {
	old, path, checkpoint, err := readRequest(asked.Proof)
	if err != nil {
		return found, err
	}
	before, origin, err := openLog(asked.Vkeys, asked.Note)
	if err != nil {
		return found, err
	}
	after, same, err := openLog(asked.Vkeys, checkpoint)
	if err != nil {
		return found, err
	}
	if origin != same || before.N != old {
		return found, errors.New("the proof is of other checkpoints")
	}
	found.Size, found.Root = after.N, after.Hash[:]
	return found, tlog.CheckTree(path, after.N, after.Hash, before.N, before.Hash)
}

func flat(path []tlog.Hash) (all [][]byte) {
	for _, hash := range path {
		all = append(all, append([]byte(nil), hash[:]...))
	}
	return all
}
