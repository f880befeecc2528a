#!/usr/bin/env bash
# A semicolon in the target of the next page leads back to the first page
#
# Software: Rust crate parse_link_header 0.4.1
# Expected: RFC 8288, section 3: the target is what stands between "<" and ">"; RFC 3986 allows ";" in a path
#           and a query. Section 3.3: rel="next last" are two relation types.
# Seen:     <https://api.example.com/events;v=2?cursor=2>; rel="next" gives the next page as
#           https://api.example.com/events, without the cursor, and no error. rel="next last" is the one
#           relation "nextlast".
# Matters:  The reader asks for the first page again, and again: it ships the same events for ever and never
#           comes to the others. Other parsers lose the link (see link-parameters-cut), which at least ends.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

mkdir -p "$work/check/src"
cd "$work/check"
cat >Cargo.toml <<'TOML'
[package]
name = "check"
version = "0.1.0"
edition = "2021"

[dependencies]
parse_link_header = "=0.4.1"
TOML
cat >src/main.rs <<'RUST'
fn hold(what: &str, seen: String, known: &str) {
    println!("{what}: {seen}");
    if seen != known {
        eprintln!("CHANGED, {what} was {known}");
        std::process::exit(1);
    }
}

fn main() {
    let header = r#"<https://api.example.com/events;v=2?cursor=2>; rel="next""#;
    println!("header: {header}");
    let links = parse_link_header::parse_with_rel(header).expect("read");
    hold("next", links["next"].raw_uri.clone(), "https://api.example.com/events");
    let links = parse_link_header::parse_with_rel(r#"<https://api.example.com/events?cursor=2>; rel="next last""#).expect("read");
    hold("relations", links.keys().cloned().collect::<Vec<_>>().join(","), "nextlast");
}
RUST
CARGO_TARGET_DIR="$work/target" cargo run --quiet
