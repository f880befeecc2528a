"""What operations of Microsoft 365 mean. https://learn.microsoft.com/purview/audit-log-activities"""

ACTIONS = {
    "UserLoggedIn": "authentication.login.success",
    "UserLoginFailed": "authentication.login.failure",
    "Add user.": "user.create",
    "Delete user.": "user.delete",
    "Disable account.": "user.disable",
    "Enable account.": "user.enable",
    "Change user password.": "user.password_change",
    "Reset user password.": "user.password_reset",
    "Add group.": "group.create",
    "Delete group.": "group.delete",
    "Add member to group.": "group.add_member",
    "Remove member from group.": "group.remove_member",
    "Add member to role.": "access.grant",
    "Remove member from role.": "access.revoke",
    "Consent to application.": "token.grant",
    "Add service principal credentials.": "token.create",
    "Add-MailboxPermission": "access.grant",
    "Remove-MailboxPermission": "access.revoke",
    "New-InboxRule": "settings.create",
    "Set-InboxRule": "settings.update",
    "New-TransportRule": "settings.create",
    "Set-Mailbox": "settings.update",
    "MailItemsAccessed": "data.read",
    "FileAccessed": "data.read",
    "FileDownloaded": "data.export",
    "FileUploaded": "content.create",
    "FileModified": "content.update",
    "FileDeleted": "content.delete",
    "SharingSet": "access.update",
    "AnonymousLinkCreated": "access.grant",
}

WATCHED = frozenset(
    {
        "UserLoginFailed",
        "Add member to role.",
        "Consent to application.",
        "Add service principal credentials.",
        "Add-MailboxPermission",
        "New-InboxRule",
        "New-TransportRule",
        "AnonymousLinkCreated",
    }
)
