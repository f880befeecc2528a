#!/usr/bin/env bash
# A CEF parser keeps the escapes of the values
#
# Software: Maven com.fluenda:parcefone 3.1.0, the parser of Apache NiFi's ParseCEF
# Expected: CEF specification, Character Encoding: in the extension an equals sign and a backslash are escaped with a
#           backslash, and a line feed is written as \n; in the header a pipe and a backslash are. A reader undoes the
#           escapes.
# Seen:     act=a\=b is read as a\=b with the backslash, C:\\Users keeps two, and \n stays two characters; in the
#           header na\|me stays as it is.
# Matters:  A search for the path or the URL of an event finds nothing, and a second writer escapes the escapes.
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
      <groupId>com.fluenda</groupId><artifactId>parcefone</artifactId><version>3.1.0</version>
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
import com.fluenda.parcefone.event.CommonEvent;
import com.fluenda.parcefone.parser.CEFParser;
import java.util.Locale;

public class Check {
    static void hold(String what, Object seen, String known) {
        System.out.println(what + ": " + seen);
        if (!String.valueOf(seen).equals(known)) {
            System.err.println("CHANGED, " + what + " was " + known);
            System.exit(1);
        }
    }

    static CommonEvent parse(String name, String extension) {
        return new CEFParser().parse("CEF:0|V|P|1|id|" + name + "|5|" + extension, false, false, Locale.ENGLISH);
    }

    static Object field(String key, String value) throws Exception {
        return parse("name", key + "=" + value).getExtension(true).get(key);
    }

    public static void main(String[] arguments) throws Exception {
        hold("control", field("act", "login"), "login");
        hold("equals sign", field("act", "a\\=b"), "a\\=b");
        hold("backslash", field("fname", "C:\\\\Users"), "C:\\\\Users");
        hold("line feed", field("msg", "one\\ntwo"), "one\\ntwo");
        hold("pipe in the header", parse("na\\|me", "act=login").getHeader().get("name"), "na\\|me");
    }
}
JAVA
java -cp "lib/*" Check.java
