#!/usr/bin/env bash
# An ECS encoder writes a name twice when a value of the context has it as well
#
# Software: Maven co.elastic.logging:logback-ecs-encoder 1.7.0 with ch.qos.logback:logback-classic 1.5.18
# Expected: RFC 8259, section 4: the names within an object should be unique. The documentation of the encoder: the
#           values of the context (MDC) become fields, and serviceName sets service.name.
# Seen:     With service.name, message or log.level in the context, the object has this name twice: first the value of
#           the encoder, then the one of the context. Python's json takes the second one, so the message of the event
#           is replaced; a reader with strict checks, as Elasticsearch has, refuses the line.
# Matters:  The Java agent of OpenTelemetry can put service.name into the context of each event. The same line is one
#           event in one reader, another one in the next, and none in the index.
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
      <groupId>co.elastic.logging</groupId><artifactId>logback-ecs-encoder</artifactId><version>1.7.0</version>
    </dependency>
    <dependency>
      <groupId>ch.qos.logback</groupId><artifactId>logback-classic</artifactId><version>1.5.18</version>
    </dependency>
  </dependencies>
</project>
XML
mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib >"$work/mvn.log" 2>&1 ||
    { cat "$work/mvn.log"; exit 1; }
cat >Check.java <<'JAVA'
import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.LoggingEvent;
import co.elastic.logging.logback.EcsEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

public class Check {
    static void hold(String what, Object seen, String known) {
        System.out.println(what + ": " + seen);
        if (!String.valueOf(seen).equals(known)) {
            System.err.println("CHANGED, " + what + " was " + known);
            System.exit(1);
        }
    }

    static int count(String text, String part) {
        return (text.length() - text.replace(part, "").length()) / part.length();
    }

    public static void main(String[] arguments) throws Exception {
        var context = new LoggerContext();
        var encoder = new EcsEncoder();
        encoder.setContext(context);
        encoder.setServiceName("billing");
        encoder.start();
        var event = new LoggingEvent("", context.getLogger("audit"), Level.WARN, "access refused", null, null);
        event.setMDCPropertyMap(Map.of("service.name", "gateway", "message", "from the context", "user.id", "7"));
        String line = new String(encoder.encode(event), StandardCharsets.UTF_8);
        System.out.print(line);
        hold("user.id", count(line, "\"user.id\""), "1");
        hold("service.name", count(line, "\"service.name\""), "2");
        hold("message", count(line, "\"message\""), "2");
        Files.writeString(Path.of("line"), line);
    }
}
JAVA
java -cp "lib/*" Check.java

python3 - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import json
import os

with open("line") as file:
    fields = json.load(file)
hold("json of Python, message", fields["message"], "from the context")
hold("json of Python, service.name", fields["service.name"], "gateway")
PY
