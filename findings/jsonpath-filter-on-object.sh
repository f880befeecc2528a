#!/usr/bin/env bash
# A JSONPath filter over an object of events selects the object or nothing, not its events
#
# Software: Maven com.jayway.jsonpath:json-path 3.0.0; for comparison PyPI jsonpath-rfc9535 1.0.1
# Expected: RFC 9535, section 2.3.5.2: a filter selector iterates over the children of structured values, which are
#           arrays and objects; of an object it selects member values.
# Seen:     From {"e1": {"ok": false}, "e2": {"ok": true}} the path $.events[?(@.ok == false)] selects nothing. If the
#           object itself has a member "ok" that is false, it selects the whole object with all events. The other
#           library selects e1. Over an array both select the same.
# Matters:  Many APIs give events in an object by their id. A rule or a route for failed logins finds none, without an
#           error; and one that counts matches counts 1 for all events of an answer.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

mkdir "$work/java"
cd "$work/java"
cat >pom.xml <<'XML'
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>check</groupId>
  <artifactId>check</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>com.jayway.jsonpath</groupId><artifactId>json-path</artifactId><version>3.0.0</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>2.0.17</version>
    </dependency>
  </dependencies>
</project>
XML
mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib >"$work/mvn.log" 2>&1 ||
    { cat "$work/mvn.log"; exit 1; }
cat >Check.java <<'JAVA'
import com.jayway.jsonpath.JsonPath;

public class Check {
    static void hold(String what, Object seen, String known) {
        System.out.println(what + ": " + seen);
        if (!String.valueOf(seen).equals(known)) {
            System.err.println("CHANGED, " + what + " was " + known);
            System.exit(1);
        }
    }

    static Object select(String events) {
        return JsonPath.read("{\"events\":" + events + "}", "$.events[?(@.ok == false)]").toString().replace("\"", "'");
    }

    public static void main(String[] arguments) {
        hold("array", select("[{\"ok\":false},{\"ok\":true}]"), "[{'ok':false}]");
        hold("object", select("{\"e1\":{\"ok\":false},\"e2\":{\"ok\":true}}"), "[]");
        String whole = "{\"ok\":false,\"e2\":{\"ok\":true}}";
        hold("object with the member", select(whole), "[" + whole.replace("\"", "'") + "]");
    }
}
JAVA
java -cp "lib/*" Check.java

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet jsonpath-rfc9535==1.0.1
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import jsonpath_rfc9535 as jsonpath


def select(events):
    return [node.value for node in jsonpath.find("$.events[?(@.ok == false)]", {"events": events})]


hold("jsonpath-rfc9535, array", select([{"ok": False}, {"ok": True}]), [{"ok": False}])
hold("jsonpath-rfc9535, object", select({"e1": {"ok": False}, "e2": {"ok": True}}), [{"ok": False}])
PY
