#!/usr/bin/env bash
# A sample whose label has a brace is dropped, and a label with an equals sign is lost
#
# Software: Rust crate prometheus-parse 0.2.5
# Expected: Prometheus, "Exposition formats", text format: a label value is any text in quotation marks, in which
#           backslash, quotation mark and line feed are written with a backslash before them; all else stands as it
#           is.
# Seen:     A sample with the label value a}b is not among the samples, without an error. Of the value a=b the label
#           is missing, so the sample has no labels. \" and \\ are kept as they stand. Of a,b the a is left.
# Matters:  Counters of what was read and delivered have paths, filters and names of accounts as labels. Some are
#           missing, and those that lose their label are added up as one.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

mkdir -p "$work/rust/src"
cd "$work/rust"
cat >Cargo.toml <<'TOML'
[package]
name = "check"
version = "0.1.0"
edition = "2021"

[dependencies]
prometheus-parse = "=0.2.5"
TOML
cat >src/main.rs <<'RS'
use prometheus_parse::Scrape;

fn read(line: &str) -> String {
    let lines = [line].map(|each| Ok::<_, std::io::Error>(each.to_owned()));
    let samples = Scrape::parse(lines.into_iter()).unwrap().samples;
    let found: Vec<_> = samples.iter().map(|each| format!("{} {:?}", each.metric, each.labels.get("by"))).collect();
    found.join(", ")
}

fn hold(what: &str, seen: String, known: &str) {
    println!("{what}: {seen}");
    if seen != known {
        println!("CHANGED, {what} was {known}");
        std::process::exit(1);
    }
}

fn main() {
    hold("plain", read(r#"delivered_total{by="ab"} 3"#), r#"delivered_total Some("ab")"#);
    hold("comma", read(r#"delivered_total{by="a,b"} 3"#), r#"delivered_total Some("a")"#);
    hold("brace", read(r#"delivered_total{by="a}b"} 3"#), "");
    hold("equals sign", read(r#"delivered_total{by="a=b"} 3"#), "delivered_total None");
    hold("escapes", read(r#"delivered_total{by="C:\\a"} 3"#), r#"delivered_total Some("C:\\\\a")"#);
}
RS
cargo run --quiet 2>"$work/cargo.log" || { cat "$work/cargo.log"; exit 1; }
