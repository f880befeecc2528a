#!/usr/bin/env bash
# Kafka Connect reads 123456 microseconds as 123 seconds, and skips an offset that its format does not name
#
# Software: Maven org.apache.kafka:connect-transforms 4.4.0, TimestampConverter, target.type=unix
# Expected: its documentation: format is a "SimpleDateFormat-compatible format for the timestamp", and a loss of
#           precision below a millisecond. A text that does not fit is a DataException. A fraction of a second is less
#           than a second, and +02:00 behind the end of the format does not fit.
# Seen:     With ss.SSSSSSX the text 2026-01-01T00:00:00.123456Z becomes 00:02:03.456: the digits count as
#           milliseconds. With a format that ends at the seconds, 2026-01-01T00:00:00+02:00 becomes midnight in UTC,
#           two hours late, and any text behind the time is skipped. There is no error.
# Matters:  Most audit logs write microseconds, and events of one second are spread over 17 minutes, in another order.
#           The times look right, as only the seconds are off.
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
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.transforms.TimestampConverter;

public class Check {
    static void hold(String what, Object seen, String known) {
        System.out.println(what + ": " + seen);
        if (!String.valueOf(seen).equals(known)) {
            System.err.println("CHANGED, " + what + " was " + known);
            System.exit(1);
        }
    }

    static String read(String format, String text) {
        try (var change = new TimestampConverter.Value<SourceRecord>()) {
            change.configure(Map.of("field", "time", "target.type", "unix", "format", format));
            var event = new HashMap<String, Object>(Map.of("time", text));
            var record = change.apply(new SourceRecord(null, null, "audit", 0, null, event));
            return Instant.ofEpochMilli((Long) ((Map<?, ?>) record.value()).get("time")).toString();
        } catch (org.apache.kafka.connect.errors.DataException problem) {
            return "DataException";
        }
    }

    public static void main(String[] arguments) {
        String seconds = "yyyy-MM-dd'T'HH:mm:ss";
        hold("milliseconds", read(seconds + ".SSSX", "2026-01-01T00:00:00.123Z"), "2026-01-01T00:00:00.123Z");
        hold("microseconds", read(seconds + ".SSSSSSX", "2026-01-01T00:00:00.123456Z"), "2026-01-01T00:02:03.456Z");
        hold("one digit", read(seconds + ".SX", "2026-01-01T00:00:00.5Z"), "2026-01-01T00:00:00.005Z");
        hold("offset in the format", read(seconds + "X", "2026-01-01T00:00:00+02"), "2025-12-31T22:00:00Z");
        hold("offset behind the format", read(seconds, "2026-01-01T00:00:00+02:00"), "2026-01-01T00:00:00Z");
        hold("words behind the format", read(seconds, "2026-01-01T00:00:00 not known"), "2026-01-01T00:00:00Z");
        hold("control, no time", read(seconds, "not known"), "DataException");
    }
}
JAVA
java -cp "lib/*" Check.java
