#!/usr/bin/env bash
# The JSON converter of Kafka Connect turns an unsigned id into -1, and the next one into 0
#
# Software: Maven org.apache.kafka:connect-json 4.4.0, JsonConverter with schemas.enable=false
# Expected: RFC 8259, section 6, sets no limit for numbers, and the reader inside (Jackson) keeps all digits. A number
#           that the largest integer type of Connect cannot hold is an error, or becomes a decimal, as the header
#           converter of the same release does it.
# Seen:     18446744073709551615 becomes -1, 18446744073709551616 becomes 0 and 9223372036854775808 becomes
#           -9223372036854775808. 1e400 becomes "Infinity" in quotes. The converter that reads also writes, so this is
#           what the next system gets. There is no error and nothing for the dead letter queue.
# Matters:  Ids with 64 bits and no sign are usual in audit logs. Two events, or all events with a bit pattern in
#           common, get one id, and a sink that writes by id keeps the last one.
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
      <groupId>org.apache.kafka</groupId><artifactId>connect-json</artifactId><version>4.4.0</version>
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
import java.util.Map;
import org.apache.kafka.connect.json.JsonConverter;
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
        var converter = new JsonConverter();
        converter.configure(Map.of("schemas.enable", "false"), false);
        var read = converter.toConnectData("audit", text.getBytes());
        return new String(converter.fromConnectData("audit", read.schema(), read.value()));
    }

    public static void main(String[] arguments) {
        hold("control, 2**63 - 1", through("{\"id\":9223372036854775807}"), "{\"id\":9223372036854775807}");
        hold("2**63", through("{\"id\":9223372036854775808}"), "{\"id\":-9223372036854775808}");
        hold("2**64 - 1", through("{\"id\":18446744073709551615}"), "{\"id\":-1}");
        hold("2**64", through("{\"id\":18446744073709551616}"), "{\"id\":0}");
        hold("1e400", through("{\"score\":1e400}"), "{\"score\":\"Infinity\"}");
        var header = new SimpleHeaderConverter().toConnectHeader("audit", "id", "18446744073709551615".getBytes());
        hold("header converter, 2**64 - 1", header.value(), "18446744073709551615");
    }
}
JAVA
java -cp "lib/*" Check.java
