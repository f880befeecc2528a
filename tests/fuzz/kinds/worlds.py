"""One vendor of each kind that generated services do not cover: its traps at random, and what it has served."""

from __future__ import annotations

import contextlib
import json
from datetime import timedelta
from pathlib import Path

from audit_provider.core.model import utc_now
from audit_provider.sandbox.microsoft365 import Microsoft365Service
from audit_provider.sandbox.sql_statements import DatabricksService, SnowflakeService, Table
from audit_provider.testing.contract import read_contract
from audit_provider.testing.contract_service import ContractService
from audit_provider.testing.signing_keys import private_key
from tests.core.sources.vendors.test_google_workspace import Reports
from tests.core.sources.vendors.test_sql_statements import AUDIT, Databricks, Snowflake, snowflake_tables
from tests.core.sources.vendors.vendor_desk import VendorDesk

FIXTURES = Path(__file__).parents[2] / "fixtures"
HOUR = timedelta(hours=1)


class World:
    """:ivar desk: reads it. :ivar served: ids of every event that a list has ever had.

    :ivar losable: ids whose loss the vendor causes: they are read, or a gap says that they were not.
    """

    losable = frozenset()

    def happen(self, dice):
        """Let something happen at the vendor."""
        raise NotImplementedError

    @property
    def served(self):
        raise NotImplementedError


class GoogleWorkspace(World):
    """Several logs, several events in a record, equal qualifiers, rows that appear up to three days late."""

    def __init__(self, stack, monkeypatch):
        self.service = stack.enter_context(Reports())
        key = {"client_email": "audit@p.example", "private_key_id": "k1", "private_key": private_key("RS256")}
        connection = {
            "login": "admin@example.com",
            "password": json.dumps(key),
            "extra": {"token_url": f"{self.service.url}/token"},
        }
        applications = {"applications": "login,admin,drive,gmail"}
        self.desk = VendorDesk("google_workspace", self.service, connection, monkeypatch, applications)
        self.service.clock = lambda: self.desk.now
        self.begun = self.desk.now

    def happen(self, dice):
        for _ in range(dice.randrange(12)):
            ago = self.begun - self.desk.now + timedelta(seconds=dice.randrange(3600))
            seen = dice.choice((0, 0, 0, 5, 30, 71)) * HOUR
            names = tuple(f"e{number}" for number in range(dice.choice((1, 1, 2, 3))))
            application = dice.choice(list(self.service.rows))
            taken = {(at, row["id"]["uniqueQualifier"]) for at, _, row in self.service.rows[application]}
            qualifier = dice.choice("12")
            if (self.begun - ago, qualifier) not in taken:
                self.service.add(application, ago, qualifier, names, seen)

    @property
    def served(self):
        found = []
        for rows in self.service.rows.values():
            for _, _, record in rows:
                name = "/".join(record["id"][key] for key in ("time", "uniqueQualifier", "applicationName"))
                found += [name if number == 1 else f"{name}/{number}" for number in range(1, len(record["events"]) + 1)]
        return found


class Microsoft365(World):
    """Files that are listed late, hold old events and events of other files, and expire."""

    kinds = ("Audit.Exchange", "Audit.General")

    def __init__(self, stack, monkeypatch):
        self.service = stack.enter_context(Microsoft365Service(page_size=3))
        connection = {
            "login": self.service.client_id,
            "password": self.service.client_secret,
            "extra": {
                "tenant": self.service.tenant,
                "token_url": f"{self.service.url}{self.service.token_path}",
            },
        }
        kinds = {"content_types": ",".join(self.kinds)}
        self.desk = VendorDesk("microsoft365", self.service, connection, monkeypatch, kinds)
        self.service.now = lambda: self.desk.now
        self.losable = set()
        self.stopped = False

    def happen(self, dice):
        if dice.random() < 0.2 and self.service.started:
            # Somebody stops a subscription: what was made until it is started again is not to be had any more.
            self.service.started.remove(dice.choice(self.service.started))
            self.stopped = True
        for _ in range(dice.randrange(5)):
            created = self.desk.now - timedelta(minutes=dice.randrange(90))
            events = [
                self.service.event(created - timedelta(minutes=dice.randrange(2000))) for _ in range(dice.randrange(6))
            ]
            old = [each for blob in self.service.blobs.values() for each in blob.events]
            if old and dice.random() < 0.5:
                events.append(dice.choice(old))
            listed = created + dice.choice((0, 0, 1, 20, 30)) * HOUR
            expires = created + (timedelta(minutes=dice.randrange(1, 300)) if dice.random() < 0.1 else 7 * 24 * HOUR)
            self.service.add(dice.choice(self.kinds), created, events, listed=listed, expires=expires)
            if expires - created < 24 * HOUR:
                self.losable |= {each["Id"] for each in events}

    @property
    def served(self):
        return self.service.ids()


class Statements(World):
    """A table: rows appear hours late, results take their time and are forgotten."""

    def happen(self, dice):
        if dice.random() < 0.2:
            self.service.forget()
        self.service.looks = dice.choice((0, 0, 1, 3))
        self.waiting += [
            (self.desk.now + timedelta(minutes=dice.choice((0, 0, 20, 170))), self.desk.now - timedelta(seconds=second))
            for second in dice.sample(range(3000), dice.randrange(40))
        ]
        self.show()

    def show(self):
        """Let rows appear whose time has come."""
        due = [at for seen, at in self.waiting if seen <= self.desk.now]
        self.waiting = [each for each in self.waiting if each[0] > self.desk.now]
        for moment in due:
            self.desk.add(self.begun - moment)

    @property
    def served(self):
        return [row[self.key] for row in self.table.rows]


class SnowflakeTable(Statements):
    key = "EVENT_ID"

    def __init__(self, stack, monkeypatch):
        self.service = stack.enter_context(SnowflakeService("pat-1", snowflake_tables(), part_size=7))
        self.desk, self.waiting = Snowflake(self.service, monkeypatch), []
        self.table, self.begun = self.service.tables["LOGIN_HISTORY"], self.desk.now


class DatabricksTable(Statements):
    key = "event_id"

    def __init__(self, stack, monkeypatch):
        table = Table(AUDIT, ("event_time",))
        self.service = stack.enter_context(DatabricksService("pat-1", {"system.access.audit": table}, part_size=7))
        self.desk, self.waiting, self.table = Databricks(self.service, monkeypatch), [], table
        self.begun = self.desk.now


class Duo(World):
    """Signed requests, and a cursor of two values."""

    def __init__(self, stack, monkeypatch):
        contract = read_contract(FIXTURES / "duo_authentication")
        self.service = stack.enter_context(ContractService(contract))
        self.desk = VendorDesk("duo_authentication", self.service, dict(contract.connection), monkeypatch)
        self.desk.spec = self.desk.spec.with_page_size(5)
        # The stand-in refuses what is too far back by the clock of this machine.
        self.desk.now = utc_now().replace(microsecond=0)

    def happen(self, dice):
        self.service.add(self.desk.now - timedelta(seconds=dice.randrange(600)) for _ in range(dice.randrange(20)))

    @property
    def served(self):
        return self.service.ids()


WORLDS = (GoogleWorkspace, Microsoft365, SnowflakeTable, DatabricksTable, Duo)


@contextlib.contextmanager
def world_of(kind, monkeypatch):
    """Yield a world with its services up."""
    with contextlib.ExitStack() as stack:
        yield kind(stack, monkeypatch)
