"""What Pylon's actions mean. https://support.usepylon.com/articles/1797406754-exporting-audit-logs-to-a-siem

The page calls its list not exhaustive.
"""

ACTIONS = {
    "LoginSucceeded": "authentication.login.success",
    "LoginFailed": "authentication.login.failure",
    "UserCreated": "user.create",
    "UserDeleted": "user.delete",
    "UserInvited": "user.invite",
    "UserRoleChanged": "access.update",
    "APITokenCreated": "token.create",
    "APITokenRevoked": "token.revoke",
    "TeamCreated": "group.create",
    "TeamMemberAdded": "group.add_member",
    "TeamMemberRemoved": "group.remove_member",
    "OrganizationAccessSettingsUpdated": "settings.update",
    "OrganizationEmailSettingsUpdated": "settings.update",
    # An account is a customer company in Pylon.
    "AccountCreated": "content.create",
    "AccountDeleted": "content.delete",
    "IssueOpened": "content.create",
    "IssueClosed": "content.update",
    "IssueAssigned": "content.update",
    "IssuePriorityChanged": "content.update",
    "IssueFirstResponseSLABreached": "sla.breach",
    "IssueResolutionSLABreached": "sla.breach",
}

WATCHED = frozenset(
    {
        "LoginFailed",
        "UserDeleted",
        "UserRoleChanged",
        "APITokenCreated",
        "OrganizationAccessSettingsUpdated",
        "OrganizationEmailSettingsUpdated",
    }
)
"""What a security analyst wants to see."""
