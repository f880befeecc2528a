"""What Google Workspace's events mean. https://developers.google.com/workspace/admin/reports/v1/appendix/activity/login"""

ACTIONS = {
    "login_success": "authentication.login.success",
    "login_failure": "authentication.login.failure",
    "login_challenge": "authentication.challenge",
    "login_verification": "authentication.challenge",
    "logout": "authentication.logout",
    "2sv_enroll": "user.mfa_enable",
    "2sv_disable": "user.mfa_disable",
    "password_edit": "user.password_change",
    "CHANGE_PASSWORD": "user.password_reset",
    "CREATE_USER": "user.create",
    "DELETE_USER": "user.delete",
    "SUSPEND_USER": "user.disable",
    "UNSUSPEND_USER": "user.enable",
    "CREATE_GROUP": "group.create",
    "DELETE_GROUP": "group.delete",
    "ADD_GROUP_MEMBER": "group.add_member",
    "REMOVE_GROUP_MEMBER": "group.remove_member",
    "ASSIGN_ROLE": "access.grant",
    "UNASSIGN_ROLE": "access.revoke",
    "GRANT_ADMIN_PRIVILEGE": "access.grant",
    "REVOKE_ADMIN_PRIVILEGE": "access.revoke",
    "AUTHORIZE_API_CLIENT_ACCESS": "token.grant",
    "REMOVE_API_CLIENT_ACCESS": "token.revoke",
    "authorize": "token.grant",
    "revoke": "token.revoke",
    "view": "data.read",
    "download": "data.export",
    "create": "content.create",
    "edit": "content.update",
    "trash": "content.delete",
    "delete": "content.delete",
    "change_user_access": "access.update",
    "change_document_visibility": "access.update",
}

WATCHED = frozenset(
    {
        "login_failure",
        "suspicious_login",
        "2sv_disable",
        "GRANT_ADMIN_PRIVILEGE",
        "ASSIGN_ROLE",
        "AUTHORIZE_API_CLIENT_ACCESS",
        "change_document_visibility",
    }
)
