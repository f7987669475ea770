package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// sign makes what others make: a checkpoint over these entries, by the key of the seed, cosigned by one made from it.
func sign(asked question) (found answer, err error) {
	built, err := prove(asked)
	if err != nil {
		return found, err
	}
	secret := ed25519.NewKeyFromSeed(asked.Seed)
	vkey, err := note.NewEd25519VerifierKey(asked.Origin, secret.Public().(ed25519.PublicKey))
	if err != nil {
		return found, err
	}
	parts := strings.Split(vkey, "+")
	signer, err := note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%s+%s", parts[0], parts[1],
		base64.StdEncoding.EncodeToString(append([]byte{1}, asked.Seed...))))
	if err != nil {
		return found, err
	}
	seed := sha256.Sum256(asked.Seed)
	cosigner := secretCosigner("witness.invalid/go", seed[:], asked.Time)
	text := asked.Origin + "\n" + fmt.Sprint(built.Size) + "\n" + base64.StdEncoding.EncodeToString(built.Root) + "\n"
	if built.Note, err = note.Sign(&note.Note{Text: text}, signer, cosigner); err != nil {
		return found, err
	}
	built.Vkeys = []string{vkey, cosigner.vkey()}
	return built, nil
}

// prove builds the tree of the entries, and proofs in it: of the entry `index`, and of the tree of `before` entries.
func prove(asked question) (found answer, err error) {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) (hashes []tlog.Hash, err error) {
		for _, index := range indexes {
			hashes = append(hashes, stored[index])
		}
		return hashes, nil
	})
	for index, entry := range asked.Entries {
		more, err := tlog.StoredHashes(int64(index), entry, reader)
		if err != nil {
			return found, err
		}
		stored = append(stored, more...)
	}
	found.Size = int64(len(asked.Entries))
	root, err := tlog.TreeHash(found.Size, reader)
	if err != nil {
		return found, err
	}
	found.Root = root[:]
	record, err := tlog.ProveRecord(found.Size, asked.Index, reader)
	if err != nil {
		return found, err
	}
	tree, err := tlog.ProveTree(found.Size, asked.Before, reader)
	if err != nil {
		return found, err
	}
	found.Record, found.Tree = flat(record), flat(tree)
	return found, nil
}

// witness answers an add-checkpoint request (tlog-witness) as one that has cosigned `before` entries with that root.
func witness(asked question) (found answer, err error) {
	no := func(status int) (answer, error) { return answer{Status: status}, nil }
	old, path, data, err := readRequest(asked.Entry)
	if err != nil {
		return no(400)
	}
	tree, _, err := openLog(asked.Vkeys, data)
	if err != nil {
		return no(403)
	}
	if old > tree.N {
		return no(400)
	}
	if old != asked.Before {
		return no(409)
	}
	if old > 0 {
		last, err := toHash(asked.Root)
		if err != nil {
			return found, err
		}
		if tlog.CheckTree(path, tree.N, tree.Hash, old, last) != nil {
			return no(422)
		}
	} else if len(path) > 0 {
		return no(422)
	}
	text := string(data[:bytes.LastIndex(data, []byte("\n\n"))+1])
	one := secretCosigner(asked.Origin, asked.Seed, asked.Time)
	signed, err := note.Sign(&note.Note{Text: text}, one)
	if err != nil {
		return found, err
	}
	return answer{
		Status: 200, Note: signed[len(text)+1:], Vkeys: []string{one.vkey()}, Size: tree.N, Root: tree.Hash[:],
	}, nil
}

func witnessKey(asked question) (answer, error) {
	return answer{Vkeys: []string{secretCosigner(asked.Origin, asked.Seed, 0).vkey()}}, nil
}
