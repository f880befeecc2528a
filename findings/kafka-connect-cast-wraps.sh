#!/usr/bin/env bash
# A cast in Kafka Connect makes a negative number of 3,000,000,000 bytes, and false of "1" and "yes"
#
# Software: Maven org.apache.kafka:connect-transforms 4.4.0, Cast
# Expected: its documentation: "Cast fields or the entire key or value to a specific type, e.g. to force an integer
#           field to a smaller width." A text that is no number is a DataException; a number that does not fit the
#           type is expected to be one as well, and so is a text that is no boolean.
# Seen:     Cast to int32, 3000000000 becomes -1294967296; to int8, 300 becomes 44. The same number as a text is
#           refused. Cast to boolean, "1", "yes" and "T" become false without an error, while the number 1 becomes
#           true.
# Matters:  Sizes of downloads become negative in a data warehouse, and sums over them are too small. "mfa": "1"
#           becomes false, so a report lists accounts that have it.
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
      <groupId>org.apache.kafka</groupId><artifactId>connect-transforms</artifactId><version>4.4.0</version>
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
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.transforms.Cast;

public class Check {
    static void hold(String what, Object seen, String known) {
        System.out.println(what + ": " + seen);
        if (!String.valueOf(seen).equals(known)) {
            System.err.println("CHANGED, " + what + " was " + known);
            System.exit(1);
        }
    }

    static Object cast(Object value, String type) {
        try (var change = new Cast.Value<SourceRecord>()) {
            change.configure(Map.of("spec", "field:" + type));
            var record = change.apply(new SourceRecord(null, null, "audit", 0, null, Map.of("field", value)));
            return ((Map<?, ?>) record.value()).get("field");
        } catch (org.apache.kafka.connect.errors.DataException problem) {
            return "DataException";
        }
    }

    public static void main(String[] arguments) {
        hold("2147483647 as int32", cast(2147483647L, "int32"), "2147483647");
        hold("3000000000 as int32", cast(3000000000L, "int32"), "-1294967296");
        hold("300 as int8", cast(300, "int8"), "44");
        hold("text 3000000000 as int32", cast("3000000000", "int32"), "DataException");
        hold("text true as boolean", cast("true", "boolean"), "true");
        hold("number 1 as boolean", cast(1, "boolean"), "true");
        hold("text 1 as boolean", cast("1", "boolean"), "false");
        hold("text yes as boolean", cast("yes", "boolean"), "false");
        hold("text T as boolean", cast("T", "boolean"), "false");
    }
}
JAVA
java -cp "lib/*" Check.java
