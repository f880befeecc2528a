#!/usr/bin/env bash
# An audit trail stores a new version of a record and no change that explains it
#
# Software: Maven org.javers:javers-core 7.11.1
# Expected: its documentation: a commit compares an object with its last snapshot; findChanges gives the differences
#           between snapshots, and findSnapshots the states. Where two states differ, there is a change.
# Seen:     A list from null to empty makes a second snapshot, whose state has the empty list, but neither the commit
#           nor findChanges has a change. A map that gets a key with the value null makes no snapshot either, and a
#           value that becomes null is stored as a map without the key.
# Matters:  No list of roles means those of the group in many systems, and an empty one means none; "limit": null
#           means no limit. The query that auditors use, findChanges, does not show who took the roles away.
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
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.javers.core.Javers;
import org.javers.core.JaversBuilder;
import org.javers.core.commit.Commit;
import org.javers.core.metamodel.annotation.Id;
import org.javers.repository.jql.QueryBuilder;

public class Check {
    static void hold(String what, Object seen, String known) {
        System.out.println(what + ": " + seen);
        if (!String.valueOf(seen).equals(known)) {
            System.err.println("CHANGED, " + what + " was " + known);
            System.exit(1);
        }
    }

    public static class Account {
        @Id public String id = "anna";
        public List<String> roles;
        public Map<String, String> limits;
    }

    static String made(Commit commit) {
        return commit.getSnapshots().size() + " snapshots, " + commit.getChanges().size() + " changes";
    }

    public static void main(String[] arguments) {
        Javers javers = JaversBuilder.javers().build();
        var account = new Account();
        javers.commit("admin", account);
        account.roles = List.of();
        var commit = javers.commit("eve", account);
        hold("null to empty list", made(commit), "1 snapshots, 0 changes");
        hold("its state", commit.getSnapshots().get(0).getPropertyValue("roles"), "[]");
        var ofEve = QueryBuilder.byInstanceId("anna", Account.class).byAuthor("eve").build();
        hold("findSnapshots", javers.findSnapshots(ofEve).size(), "1");
        hold("findChanges", javers.findChanges(ofEve).size(), "0");
        account.roles = List.of("user");
        hold("control, empty list to user", made(javers.commit("eve", account)), "1 snapshots, 1 changes");

        account.limits = new HashMap<>(Map.of("day", "5"));
        javers.commit("admin", account);
        account.limits = new HashMap<>(account.limits);
        account.limits.put("hour", null);
        hold("key with the value null", made(javers.commit("eve", account)), "0 snapshots, 0 changes");
        account.limits.put("day", null);
        commit = javers.commit("eve", account);
        hold("5 to null", commit.getSnapshots().get(0).getPropertyValue("limits"), "{}");
    }
}
JAVA
java -cp "lib/*" Check.java
