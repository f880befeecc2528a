#!/usr/bin/env bash
# The default header converter of Kafka Connect makes 2001 of an IPv6 address
#
# Software: Maven org.apache.kafka:connect-api 4.4.0, SimpleHeaderConverter, which is header.converter by default
# Expected: its documentation: it reads header values as "the most appropriate numeric, boolean, array, or map
#           representation". 2001:db8::1 is none of these, so it stays a text.
# Seen:     Read as a header and written again, 2001:db8::1 becomes 2001, the MAC address 12:34:56:78:9a:bc becomes
#           12, the time 10:11:12Z becomes 10 and 7:alice becomes 7: a number at the beginning is taken, and
#           everything behind a colon or comma is dropped. 0012 becomes 12 and the id 00e1 becomes 0. fe80::1 and
#           10.0.0.1 stay.
# Matters:  Addresses of clients, ids and names of tenants travel in headers. A connector that only copies records
#           from one cluster to another, with the defaults, cuts some of them, and those that begin with a letter
#           stay, so that a test does not find it.
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
      <groupId>org.apache.kafka</groupId><artifactId>connect-api</artifactId><version>4.4.0</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
XML
mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib >"$work/mvn.log" 2>&1 ||
    { cat "$work/mvn.log"; exit 1; }
cat >Check.java <<'JAVA'
import org.apache.kafka.connect.storage.SimpleHeaderConverter;

public class Check {
    static void hold(String what, Object seen, String known) {
        System.out.println(what + ": " + seen);
        if (!String.valueOf(seen).equals(known)) {
            System.err.println("CHANGED, " + what + " was " + known);
            System.exit(1);
        }
    }

    static String through(String text) {
        var converter = new SimpleHeaderConverter();
        var read = converter.toConnectHeader("audit", "header", text.getBytes());
        return new String(converter.fromConnectHeader("audit", "header", read.schema(), read.value()));
    }

    public static void main(String[] arguments) {
        String[][] cases = {
            {"fe80::1", "fe80::1"}, {"10.0.0.1", "10.0.0.1"}, {"2001:db8::1", "2001"}, {"12:34:56:78:9a:bc", "12"},
            {"10:11:12Z", "10"}, {"7:alice", "7"}, {"alice:7", "alice:7"}, {"12,5", "12"}, {"0012", "12"},
            {"00e1", "0"},
        };
        for (String[] each : cases) {
            hold(each[0], through(each[0]), each[1]);
        }
    }
}
JAVA
java -cp "lib/*" Check.java
