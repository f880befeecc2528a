// Checks what Python's side has written of a log, with the packages by which Go checks its own modules' log.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type inclusion struct {
	Leaf  []byte   `json:"leaf"`
	Place int64    `json:"place"`
	Proof [][]byte `json:"proof"`
}

type consistency struct {
	Old   int      `json:"old"`
	New   int      `json:"new"`
	Proof [][]byte `json:"proof"`
}

type written struct {
	Keys        []string               `json:"keys"`
	Checkpoints []string               `json:"checkpoints"`
	Inclusion   map[string][]inclusion `json:"inclusion"`
	Consistency []consistency          `json:"consistency"`
}

type tree struct {
	size int64
	root tlog.Hash
}

func hashes(raw [][]byte) []tlog.Hash {
	found := make([]tlog.Hash, len(raw))
	for place, each := range raw {
		copy(found[place][:], each)
	}
	return found
}

func opened(text string, keys []string) (tree, error) {
	var verifiers []note.Verifier
	for _, key := range keys {
		verifier, err := note.NewVerifier(key)
		if err != nil {
			return tree{}, err
		}
		verifiers = append(verifiers, verifier)
	}
	found, err := note.Open([]byte(text), note.VerifierList(verifiers...))
	if err != nil {
		return tree{}, err
	}
	lines := strings.Split(found.Text, "\n")
	if len(lines) != 4 || lines[0] != found.Sigs[0].Name {
		return tree{}, fmt.Errorf("a checkpoint of %d lines, signed by %s", len(lines), found.Sigs[0].Name)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tree{}, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil {
		return tree{}, err
	}
	made := tree{size: size}
	copy(made.root[:], root)
	return made, nil
}

func run() error {
	var given written
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		return err
	}
	checked := 0
	var trees []tree
	for _, text := range given.Checkpoints {
		made, err := opened(text, given.Keys)
		if err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
		trees = append(trees, made)
		checked++
	}
	for name, proofs := range given.Inclusion {
		place, err := strconv.Atoi(name)
		if err != nil {
			return err
		}
		for _, each := range proofs {
			leaf := tlog.RecordHash(each.Leaf)
			if err := tlog.CheckRecord(hashes(each.Proof), trees[place].size, trees[place].root, each.Place, leaf); err != nil {
				return fmt.Errorf("inclusion of %d in %d: %w", each.Place, trees[place].size, err)
			}
			checked++
		}
	}
	for _, each := range given.Consistency {
		old, new := trees[each.Old], trees[each.New]
		if err := tlog.CheckTree(hashes(each.Proof), new.size, new.root, old.size, old.root); err != nil {
			return fmt.Errorf("consistency of %d with %d: %w", old.size, new.size, err)
		}
		checked++
	}
	fmt.Println(checked)
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
