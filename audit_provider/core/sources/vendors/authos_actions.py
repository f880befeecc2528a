"""What AuthOS's event names mean. https://github.com/drmhse/AuthOS (api/src/services/audit.rs)"""

ACTIONS = {
    "user.invited": "user.invite",
    "user.joined": "group.add_member",
    "user.removed": "group.remove_member",
    "user.role_updated": "access.update",
    "user.anonymized": "user.update",
    "member.added": "group.add_member",
    "member.role_changed": "access.update",
    "security.mfa.enabled": "user.mfa_enable",
    "security.mfa.disabled": "user.mfa_disable",
    "security.password.changed": "user.password_change",
    "api_key.created": "token.create",
    "api_key.revoked": "token.revoke",
    "service.created": "settings.create",
    "service.updated": "settings.update",
    "service.deleted": "settings.delete",
    "service.oauth_credentials.updated": "token.update",
    "organization.updated": "settings.update",
    "organization.smtp.configured": "settings.update",
    "organization.smtp.removed": "settings.delete",
    "settings.updated": "settings.update",
    "branding.updated": "settings.update",
    "domain.verified": "settings.update",
    "sso.configured": "settings.update",
}

WATCHED = frozenset(
    {
        "user.removed",
        "user.role_updated",
        "member.role_changed",
        "security.mfa.disabled",
        "api_key.created",
        "service.oauth_credentials.updated",
        "sso.configured",
    }
)
"""What a security analyst wants to see."""
