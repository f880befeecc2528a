#!/usr/bin/env bash
# A follower of log files delivers the whole file again when only its time changes
#
# Software: Maven commons-io:commons-io 2.22.0, org.apache.commons.io.input.Tailer
# Expected: its documentation: a simple implementation of the Unix "tail -f" functionality, and fileRotated is called
#           when a file is rotated. tail -f prints nothing for a file whose time alone changes.
# Seen:     After its two lines have been delivered, the time of the file is set, as touch(1), a backup or a copy of
#           the log rotation does. Both lines come again, and fileRotated is not called.
# Matters:  An agent built on it ships the file of the whole day a second time. Nothing in the lines says so, and the
#           receiver can only tell by ids of the events.
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
      <groupId>commons-io</groupId><artifactId>commons-io</artifactId><version>2.22.0</version>
    </dependency>
  </dependencies>
</project>
XML
mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib >"$work/mvn.log" 2>&1 ||
    { cat "$work/mvn.log"; exit 1; }
cat >Check.java <<'JAVA'
import java.nio.file.Files;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.apache.commons.io.input.Tailer;
import org.apache.commons.io.input.TailerListenerAdapter;

public class Check {
    static void hold(String what, Object seen, String known) {
        System.out.println(what + ": " + seen);
        if (!String.valueOf(seen).equals(known)) {
            System.err.println("CHANGED, " + what + " was " + known);
            System.exit(1);
        }
    }

    public static void main(String[] arguments) throws Exception {
        var file = Files.createTempFile("audit", ".log");
        Files.writeString(file, "one\ntwo\n");
        List<String> seen = Collections.synchronizedList(new ArrayList<>());
        var listener = new TailerListenerAdapter() {
            @Override public void handle(String line) { seen.add(line); }
            @Override public void fileRotated() { seen.add("(rotated)"); }
        };
        var tailer = Tailer.builder().setFile(file.toFile()).setTailerListener(listener)
            .setDelayDuration(Duration.ofMillis(50)).setTailFromEnd(false).setStartThread(true).get();
        Thread.sleep(2000);
        hold("delivered", seen, "[one, two]");
        Files.setLastModifiedTime(file, FileTime.from(Instant.now().plusSeconds(60)));
        Thread.sleep(2000);
        hold("after the time was set", seen, "[one, two, one, two]");
        tailer.close();
        Files.delete(file);
    }
}
JAVA
java -cp "lib/*" Check.java
