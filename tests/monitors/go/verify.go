// Checks what a monitor fetched, with golang.org/x/mod alone: verify VKEY FOLDER.
//
// FOLDER holds old and new checkpoints, tiles by their address, and for some events their proof and bytes.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var folder string

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func read(name string) []byte {
	content, err := os.ReadFile(filepath.Join(folder, name))
	must(err)
	return content
}

func hashOf(text string) tlog.Hash {
	hash, err := tlog.ParseHash(text)
	must(err)
	return hash
}

func opened(content []byte, verifier note.Verifier) tlog.Tree {
	checked, err := note.Open(content, note.VerifierList(verifier))
	must(err)
	lines := strings.Split(checked.Text, "\n")
	if lines[0] != verifier.Name() {
		must(fmt.Errorf("another origin"))
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	return tlog.Tree{N: size, Hash: hashOf(lines[2])}
}

type tiles struct{}

func (tiles) Height() int { return 8 }

func (tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		found = append(found, read(strings.Replace(tile.Path(), "tile/8/", "tile/", 1)))
	}
	return found, nil
}

func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func main() {
	folder = os.Args[2]
	verifier, err := note.NewVerifier(os.Args[1])
	must(err)
	older, newer := opened(read("old"), verifier), opened(read("new"), verifier)

	// Every leaf hash, through tiles that are checked against the root.
	reader := tlog.TileHashReader(newer, tiles{})
	for index := int64(0); index < newer.N; index++ {
		hashes, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
		must(err)
		proof, err := tlog.ProveRecord(newer.N, index, reader)
		must(err)
		must(tlog.CheckRecord(proof, newer.N, newer.Hash, index, hashes[0]))
	}
	proof, err := tlog.ProveTree(newer.N, older.N, reader)
	must(err)
	must(tlog.CheckTree(proof, newer.N, newer.Hash, older.N, older.Hash))

	// The service's own proofs.
	lines := strings.Split(strings.SplitN(string(read("consistency")), "\n\n", 2)[0], "\n")
	if lines[0] != fmt.Sprintf("old %d", older.N) {
		must(fmt.Errorf("another size"))
	}
	var path tlog.TreeProof
	for _, line := range lines[1:] {
		path = append(path, hashOf(line))
	}
	must(tlog.CheckTree(path, newer.N, newer.Hash, older.N, older.Hash))
	proofs, err := filepath.Glob(filepath.Join(folder, "*.tlog-proof"))
	must(err)
	for _, name := range proofs {
		content, err := os.ReadFile(name)
		must(err)
		parts := strings.SplitN(string(content), "\n\n", 2)
		tree := opened([]byte(parts[1]), verifier)
		lines := strings.Split(parts[0], "\n")
		index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
		must(err)
		var record tlog.RecordProof
		for _, line := range lines[2:] {
			record = append(record, hashOf(line))
		}
		entry, err := os.ReadFile(strings.TrimSuffix(name, ".tlog-proof") + ".json")
		must(err)
		must(tlog.CheckRecord(record, tree.N, tree.Hash, index, tlog.RecordHash(entry)))
	}
	fmt.Printf("%d events, %d proofs\n", newer.N, len(proofs))
}
