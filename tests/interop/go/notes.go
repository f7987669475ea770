package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// cosigner is a key of type 0x04 (tlog-cosignature): 8 bytes of time, then Ed25519 over time and checkpoint.
type cosigner struct {
	name   string
	hash   uint32
	public ed25519.PublicKey
	secret ed25519.PrivateKey
	time   int64
}

func newCosigner(name string, public ed25519.PublicKey) *cosigner {
	id := sha256.Sum256(append([]byte(name+"\n\x04"), public...))
	return &cosigner{name: name, hash: binary.BigEndian.Uint32(id[:]), public: public}
}

func secretCosigner(name string, seed []byte, time int64) *cosigner {
	secret := ed25519.NewKeyFromSeed(seed)
	one := newCosigner(name, secret.Public().(ed25519.PublicKey))
	one.secret, one.time = secret, time
	return one
}

func (c *cosigner) vkey() string {
	return fmt.Sprintf("%s+%08x+%s", c.name, c.hash, base64.StdEncoding.EncodeToString(append([]byte{4}, c.public...)))
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }

func cosigned(time uint64, text []byte) []byte {
	return append([]byte(fmt.Sprintf("cosignature/v1\ntime %d\n", time)), text...)
}

func (c *cosigner) Verify(text, sig []byte) bool {
	return len(sig) == 8+ed25519.SignatureSize &&
		ed25519.Verify(c.public, cosigned(binary.BigEndian.Uint64(sig), text), sig[8:])
}

func (c *cosigner) Sign(text []byte) ([]byte, error) {
	sig := make([]byte, 8)
	binary.BigEndian.PutUint64(sig, uint64(c.time))
	return append(sig, ed25519.Sign(c.secret, cosigned(uint64(c.time), text))...), nil
}

// verifiers reads the lines that `trial-ledger keys` writes. A type it does not know is passed over: that is how a
// stranger of 2019 meets an ML-DSA-44 key.
func verifiers(vkeys []string) (note.Verifiers, error) {
	var known []note.Verifier
	for _, vkey := range vkeys {
		parts := strings.SplitN(vkey, "+", 3)
		if len(parts) != 3 {
			return nil, errors.New("malformed vkey")
		}
		key, err := base64.StdEncoding.DecodeString(parts[2])
		if err != nil || len(key) == 0 {
			return nil, errors.New("malformed vkey")
		}
		switch {
		case key[0] == 4 && len(key) == 1+ed25519.PublicKeySize:
			one := newCosigner(parts[0], key[1:])
			if fmt.Sprintf("%08x", one.hash) != parts[1] {
				return nil, errors.New("the id of a cosigner is not that of its key")
			}
			known = append(known, one)
		case key[0] == 6:
		default:
			one, err := note.NewVerifier(vkey)
			if err != nil {
				return nil, err
			}
			known = append(known, one)
		}
	}
	return note.VerifierList(known...), nil
}

func openTree(vkeys []string, data []byte) (opened *note.Note, origin string, tree tlog.Tree, err error) {
	known, err := verifiers(vkeys)
	if err != nil {
		return nil, "", tree, err
	}
	if opened, err = note.Open(data, known); err != nil {
		return nil, "", tree, err
	}
	origin, rest, _ := strings.Cut(opened.Text, "\n")
	if origin == "" {
		return nil, "", tree, errors.New("no origin")
	}
	tree, err = tlog.ParseTree([]byte("go.sum database tree\n" + rest))
	return opened, origin, tree, err
}

// openLog opens a checkpoint that its own log must have signed.
func openLog(vkeys []string, data []byte) (tlog.Tree, string, error) {
	opened, origin, tree, err := openTree(vkeys, data)
	if err != nil {
		return tree, "", err
	}
	for _, one := range opened.Sigs {
		if one.Name == origin {
			return tree, origin, nil
		}
	}
	return tree, "", errors.New("not signed by its log")
}

func openNote(asked question) (found answer, err error) {
	known, err := verifiers(asked.Vkeys)
	if err != nil {
		return found, err
	}
	_, err = note.Open(asked.Note, known)
	return found, err
}

func open(asked question) (found answer, err error) {
	opened, _, tree, err := openTree(asked.Vkeys, asked.Note)
	if err != nil {
		return found, err
	}
	for _, one := range opened.Sigs {
		found.Signed = append(found.Signed, fmt.Sprintf("%s+%08x", one.Name, one.Hash))
	}
	found.Size, found.Root = tree.N, tree.Hash[:]
	return found, nil
}
