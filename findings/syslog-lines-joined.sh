#!/usr/bin/env bash
# A parser of RFC 5424 joins the lines of a message without a space
#
# Software: Maven com.github.palindromicity:simple-syslog-5424 0.0.19, the parser of Apache NiFi's ParseSyslog5424
# Expected: RFC 5424, section 6: MSG is any octets, and PARAM-VALUE any UTF-8 text with three escapes; section 6.4
#           only advises against control characters. A parser returns the text as it came.
# Seen:     "one", a line feed and "two" become "onetwo", with nothing between them, and so do "one", carriage return,
#           line feed and "two"; in a value of structured data as well. A message that begins with a space loses it.
# Matters:  In stack traces, commands and mails the last word of a line and the first of the next become one word. A
#           search for the second command finds nothing, and a digest over the message is another one.
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
      <groupId>com.github.palindromicity</groupId><artifactId>simple-syslog-5424</artifactId><version>0.0.19</version>
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
import com.github.palindromicity.syslog.SyslogParserBuilder;

public class Check {
    static void hold(String what, Object seen, String known) {
        System.out.println(what + ": " + seen);
        if (!String.valueOf(seen).equals(known)) {
            System.err.println("CHANGED, " + what + " was " + known);
            System.exit(1);
        }
    }

    static String message(String text) {
        var line = "<134>1 2026-01-02T03:04:05.006Z host app 1 id - " + text;
        var fields = new SyslogParserBuilder().build().parseLine(line);
        return (String) fields.get("syslog.message");
    }

    public static void main(String[] arguments) {
        hold("one line", message("one  two"), "one  two");
        hold("line feed", message("one\ntwo"), "onetwo");
        hold("carriage return and line feed", message("cd /\r\nrm -rf tmp"), "cd /rm -rf tmp");
        var fields = new SyslogParserBuilder().build().parseLine("<134>1 - - - - - [a@1 p=\"one\ntwo\"] text");
        hold("value of structured data", fields.get("syslog.structuredData.a@1.p"), "onetwo");
        hold("space at the beginning", message("  indented"), "indented");
    }
}
JAVA
java -cp "lib/*" Check.java
