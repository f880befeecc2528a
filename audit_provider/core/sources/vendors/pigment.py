"""Pigment audit events. https://kb.pigment.com/docs/call-audit-logs-api"""

from audit_provider.core.sources import vocabulary as v

PIGMENT = v.SourceSpec(
    name="pigment",
    title="Pigment audit events",
    docs="https://kb.pigment.com/docs/call-audit-logs-api",
    base_url="https://pigment.app",
    request=v.Request("GET", "/api/audit/v1/events", params={"ingestedSince": "{start}"}),
    reading=v.SinceScan(overlap=v.minutes(5)),
    paging=v.CursorPaging(param="cursor", cursor_at="pagination.nextCursor"),
    records_at="events",
    fields=v.Fields(
        id="eventId",
        time="eventTimestamp",
        recorded="ingestionTimestamp",
        action="eventType",
        actor_id="actor.memberId",
        actor_email="actor.email",
        actor_name="actor.name",
        object_id="payload.userId | payload.id",
        target_user="payload.userId",
        target_email="payload.userEmail | payload.email",
        role="payload.newAccountType",
    ),
    actions={
        "UserInvited": "user.invite",
        "UserAccountTypeUpdated": "access.update",
        "UserDeactivated": "user.disable",
        "UserReactivated": "user.enable",
        "UserPasswordChanged": "user.password_change",
        "UserLoggedIn": "authentication.login.success",
        "RoleChanged": "access.update",
        "AccessRightsChanged": "access.update",
        "BlockModified": "content.update",
    },
    # The vendor's list names more types than these, some only by what they are about.
    categories={
        "*Login*": "authentication",
        "*LoggedIn*": "authentication",
        "*ApiKey*": "API keys and tokens",
        "*Role*": "access and roles",
        "*AccessRight*": "access and roles",
        "*Block*": "content change",
        "*Snapshot*": "content change",
    },
    watched=frozenset({"UserAccountTypeUpdated", "UserDeactivated", "UserReactivated", "*ApiKey*", "*Role*"}),
    errors=v.Errors(
        hints={
            "401": "the key is wrong or has expired; its expiry day itself is not included.",
            "403": "the key must be of the type 'Audit logs', made by a Security Admin.",
        }
    ),
    rate_limit=v.RateLimit(requests=500, per=300),
    lookback=v.days(180),
    credential={"password": "audit-log key"},
    access="An API key of the type 'Audit logs', made by a member of the account type Security Admin.",
    limits="500 requests in 5 minutes per IP address, shared by all public Pigment APIs; 1,000 events a page.",
    confidence="Vendor documentation for order, limits and look-back; names of fields and parameters from a client.",
    checked="2026-11-29",
    unconfirmed={
        "paging.param": "the name that the cursor is sent under.",
        "records_at": "seen in a client only.",
        "categories": "patterns: the names of logins, roles, blocks and keys are not certain.",
        "fields.id": "seen in a client only; if it finds nothing, a digest of the record is the id.",
        "request.params": "`ingestedSince` as the lower bound; no upper bound is known.",
        "reading.resumes": "how long a cursor is valid; a later run finishes a scan with it, and restarts the scan if "
        "it is refused.",
    },
)
