"""What Auth0's log event codes mean. https://auth0.com/docs/deploy-monitor/logs/log-event-type-codes

Operations of the Management API (``sapi``, ``fapi``) may be anything, so they are left out.
"""

ACTIONS = {
    "s": "authentication.login.success",
    "f": "authentication.login.failure",
    "fc": "authentication.login.failure",
    "fco": "authentication.login.failure",
    "fcoa": "authentication.login.failure",
    "fens": "authentication.login.failure",
    "fp": "authentication.login.failure",
    "fu": "authentication.login.failure",
    "slo": "authentication.logout.success",
    "flo": "authentication.logout.failure",
    "gd_auth_succeed": "authentication.challenge.success",
    "gd_auth_failed": "authentication.challenge.failure",
    "gd_enrollment_complete": "user.mfa_enable",
    "gd_unenroll": "user.mfa_disable",
    "ss": "user.create.success",
    "fs": "user.create.failure",
    "du": "user.delete",
    "sdu": "user.delete.success",
    "fdu": "user.delete.failure",
    "limit_wc": "user.lock",
    "scp": "user.password_change.success",
    "fcp": "user.password_change.failure",
    "scpr": "user.password_reset.success",
    "fcpr": "user.password_reset.failure",
    "sce": "user.update.success",
    "fce": "user.update.failure",
    "scu": "user.update.success",
    "fcu": "user.update.failure",
    "scpn": "user.update.success",
    "fcpn": "user.update.failure",
}

WATCHED = frozenset(
    {
        "f",
        "fco",
        "fcoa",
        "fens",
        "fp",
        "fu",
        "gd_auth_failed",
        "gd_unenroll",
        "limit_wc",
        "sdu",
    }
)
"""What a security analyst wants to see."""
