#!/usr/bin/env bash
# Bulk indexers send a document of several lines as it is, and the whole request is another one
#
# Software: Go modules github.com/elastic/go-elasticsearch/v8 v8.19.7 (esutil) and
#           github.com/opensearch-project/opensearch-go/v4 v4.8.1 (opensearchutil), BulkIndexer
# Expected: The body of an item is a document in JSON, which may have line feeds between its parts: RFC 8259, section
#           2. The bulk API takes one document a line, so one expects the indexer to write it in one line, or Add to
#           refuse it. The document API of the same clients takes such a document.
# Seen:     Both copy the body. Of two documents, the first with line feeds, the server gets 6 lines, 3 of which are
#           no JSON, so it refuses the request. Add gives no error.
# Matters:  One event that a vendor writes with indentation costs the batch of hundreds of events it is in. The error
#           names a line of the request, and none of the events.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

mkdir "$work/go"
cd "$work/go"
go mod init check >"$work/go.log" 2>&1
go get github.com/elastic/go-elasticsearch/v8@v8.19.7 github.com/opensearch-project/opensearch-go/v4@v4.8.1 \
    >>"$work/go.log" 2>&1 || { cat "$work/go.log"; exit 1; }
cat >main.go <<'GO'
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/elastic/go-elasticsearch/v8/esutil"
	"github.com/opensearch-project/opensearch-go/v4"
	"github.com/opensearch-project/opensearch-go/v4/opensearchapi"
	"github.com/opensearch-project/opensearch-go/v4/opensearchutil"
)

func hold(what, seen, known string) {
	fmt.Printf("%s: %s\n", what, seen)
	if seen != known {
		fmt.Printf("CHANGED, %s was %s\n", what, known)
		os.Exit(1)
	}
}

var lines []string

func answer(writer http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	lines = strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")
	writer.Header().Set("X-Elastic-Product", "Elasticsearch")
	writer.Header().Set("Content-Type", "application/json")
	io.WriteString(writer, `{"took":1,"errors":false,"items":[{"index":{"status":201}},{"index":{"status":201}}]}`)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func seen() string {
	broken := 0
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			broken++
		}
	}
	return fmt.Sprintf("%d lines, %d no JSON", len(lines), broken)
}

func elastic(address string, documents ...string) string {
	client, err := elasticsearch.NewClient(elasticsearch.Config{Addresses: []string{address}})
	check(err)
	indexer, err := esutil.NewBulkIndexer(esutil.BulkIndexerConfig{Client: client, Index: "audit", NumWorkers: 1})
	check(err)
	for _, each := range documents {
		check(indexer.Add(context.Background(), esutil.BulkIndexerItem{Action: "index", Body: strings.NewReader(each)}))
	}
	check(indexer.Close(context.Background()))
	return seen()
}

func openSearch(address string, documents ...string) string {
	config := opensearchapi.Config{Client: opensearch.Config{Addresses: []string{address}}}
	client, err := opensearchapi.NewClient(config)
	check(err)
	settings := opensearchutil.BulkIndexerConfig{Client: client, Index: "audit", NumWorkers: 1}
	indexer, err := opensearchutil.NewBulkIndexer(settings)
	check(err)
	for _, each := range documents {
		item := opensearchutil.BulkIndexerItem{Action: "index", Body: strings.NewReader(each)}
		check(indexer.Add(context.Background(), item))
	}
	check(indexer.Close(context.Background()))
	return seen()
}

func main() {
	server := httptest.NewServer(http.HandlerFunc(answer))
	defer server.Close()
	one, several := `{"id":1}`, "{\n  \"id\": 1\n}"
	hold("esutil, control", elastic(server.URL, one, one), "4 lines, 0 no JSON")
	hold("esutil", elastic(server.URL, several, one), "6 lines, 3 no JSON")
	hold("opensearchutil, control", openSearch(server.URL, one, one), "4 lines, 0 no JSON")
	hold("opensearchutil", openSearch(server.URL, several, one), "6 lines, 3 no JSON")
}
GO
go run .
