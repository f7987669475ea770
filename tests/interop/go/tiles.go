package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// tileFolder hands out tiles of height 8 as tlog-tiles lays them: without the height that Go's paths have.
type tileFolder string

func (f tileFolder) Height() int                     { return 8 }
func (f tileFolder) SaveTiles([]tlog.Tile, [][]byte) {}

func (f tileFolder) path(tile tlog.Tile) string {
	path := strings.TrimPrefix(tile.Path(), "tile/8/")
	if strings.HasPrefix(path, "data/") {
		path = "entries/" + strings.TrimPrefix(path, "data/")
	}
	return filepath.Join(string(f), "tile", filepath.FromSlash(path))
}

func (f tileFolder) ReadTiles(tiles []tlog.Tile) (all [][]byte, err error) {
	for _, tile := range tiles {
		data, err := os.ReadFile(f.path(tile))
		if err != nil {
			return nil, errors.New("a tile is missing")
		}
		all = append(all, data)
	}
	return all, nil
}

// tiles proves every hash in the tiles against the checkpoint beside them, and every entry against its hash.
func tiles(asked question) (found answer, err error) {
	folder := tileFolder(asked.Folder)
	data, err := os.ReadFile(filepath.Join(asked.Folder, "checkpoint"))
	if err != nil {
		return found, err
	}
	tree, _, err := openLog(asked.Vkeys, data)
	if err != nil {
		return found, err
	}
	reader := tlog.TileHashReader(tree, folder)
	for start := int64(0); start < tree.N; start += 256 {
		width := tree.N - start
		if width > 256 {
			width = 256
		}
		bundle, err := os.ReadFile(folder.path(tlog.Tile{H: 8, L: -1, N: start / 256, W: int(width)}))
		if err != nil {
			return found, errors.New("a bundle of entries is missing")
		}
		for index := start; index < start+width; index++ {
			if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
				return found, errors.New("a bundle of entries is too short")
			}
			end := 2 + int(binary.BigEndian.Uint16(bundle))
			entry := bundle[2:end]
			bundle = bundle[end:]
			hashes, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
			if err != nil {
				return found, err
			}
			if hashes[0] != tlog.RecordHash(entry) {
				return found, fmt.Errorf("entry %d is not that of its tile", index)
			}
			found.Entries = append(found.Entries, entry)
		}
		if len(bundle) != 0 {
			return found, errors.New("a bundle of entries is too long")
		}
	}
	found.Size, found.Root = tree.N, tree.Hash[:]
	if asked.Index < tree.N {
		path, err := tlog.ProveRecord(tree.N, asked.Index, reader)
		if err != nil {
			return found, err
		}
		found.Record = flat(path)
	}
	return found, nil
}
