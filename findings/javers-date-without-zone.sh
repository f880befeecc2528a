#!/usr/bin/env bash
# A date in an audit trail of JaVers has no zone, and is another moment on another machine
#
# Software: Maven org.javers:javers-core 7.11.1, JsonConverter with its default settings
# Expected: java.util.Date is a moment in time: milliseconds since 1970 in UTC. A Date that is stored and read again
#           is the same moment on every machine, as it is for java.time.Instant.
# Seen:     The Date of 2026-01-01T00:00:00Z is stored as "2025-12-31T19:00:00" in New York, without an offset, and
#           read in UTC it is five hours early. 01:30 before and after the clock goes back are stored as the same
#           text, so one of them is an hour off on the machine that wrote it. java.sql.Timestamp is stored in the same
#           way. An Instant is stored as "2026-01-01T00:00:00Z".
# Matters:  The snapshots of this library are the evidence of who changed which value. After a move to a container in
#           UTC, all old dates are hours off, and two states that differ look the same.
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
      <groupId>org.javers</groupId><artifactId>javers-core</artifactId><version>7.11.1</version>
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
import java.time.Instant;
import java.util.Date;
import org.javers.core.JaversBuilder;

public class Check {
    static void hold(String what, Object seen, String known) {
        System.out.println(what + ": " + seen);
        if (!String.valueOf(seen).equals(known)) {
            System.err.println("CHANGED, " + what + " was " + known);
            System.exit(1);
        }
    }

    static final org.javers.core.json.JsonConverter JSON = JaversBuilder.javers().build().getJsonConverter();

    static String write(String moment) {
        return JSON.toJson(Date.from(Instant.parse(moment)));
    }

    static Instant read(String text) {
        return JSON.fromJson(text, Date.class).toInstant();
    }

    public static void main(String[] arguments) {
        String stored = "\"2025-12-31T19:00:00\"";
        if (arguments[0].equals("New York")) {
            hold("Instant", JSON.toJson(Instant.parse("2026-01-01T00:00:00Z")), "\"2026-01-01T00:00:00Z\"");
            hold("Date, written in New York", write("2026-01-01T00:00:00Z"), stored);
            hold("Date, read in New York", read(stored), "2026-01-01T00:00:00Z");
            String first = write("2026-11-01T05:30:00Z");
            hold("first 01:30", first, "\"2026-11-01T01:30:00\"");
            hold("second 01:30", write("2026-11-01T06:30:00Z"), first);
            hold("second 01:30, read again", read(write("2026-11-01T06:30:00Z")), "2026-11-01T05:30:00Z");
        } else {
            hold("Date, read in UTC", read(stored), "2025-12-31T19:00:00Z");
        }
    }
}
JAVA
java -Duser.timezone=America/New_York -cp "lib/*" Check.java "New York"
java -Duser.timezone=UTC -cp "lib/*" Check.java UTC
