#!/usr/bin/env bash
# A JSONPath filter for the number 7 takes the text "7" as well, and the opposite filter takes neither
#
# Software: Maven com.jayway.jsonpath:json-path 3.0.0
# Expected: RFC 9535, section 2.3.5.2.2: a comparison with == of values of different types is false, and != is the
#           opposite of ==.
# Seen:     Of the ids 7 and "7" json-path takes both for @.id == 7 and for @.id == '7', and neither for @.id != 7. By
#           order it compares numbers with numbers only, so @.id >= 7 takes the number alone, fewer than ==.
# Matters:  An id of an account as a number and an id of a group as a text are two things in one field. A rule for one
#           of them fires for the other, and a list of everybody but account 7 lacks events.
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

    static String select(String filter) {
        String events = "[{\"id\":7},{\"id\":\"7\"},{\"id\":\"8\"}]";
        return JsonPath.<net.minidev.json.JSONArray>read(events, "$[?(" + filter + ")].id").toJSONString();
    }

    public static void main(String[] arguments) {
        hold("json-path, == 7", select("@.id == 7"), "[7,\"7\"]");
        hold("json-path, == '7'", select("@.id == '7'"), "[7,\"7\"]");
        hold("json-path, >= 7", select("@.id >= 7"), "[7]");
        hold("json-path, != 7", select("@.id != 7"), "[\"8\"]");
    }
}
JAVA
java -cp "lib/*" Check.java
