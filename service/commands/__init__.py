"""What the commands do, once their arguments are read."""

from service.commands.counting import repair_counts, verify_counts
from service.commands.judging import judge, read_policy
from service.commands.people import add_moderator, create_token, set_password
from service.commands.reaching import (
    CONNECT_SECONDS,
    CommandError,
    current,
    database_url,
    distribute,
    migrate,
    opened,
    passable,
    reachable,
)
from service.commands.retaining import retain
from service.commands.sites import add_site, close_page, policy_history, set_policy

__all__ = [
    "CONNECT_SECONDS",
    "CommandError",
    "add_moderator",
    "add_site",
    "close_page",
    "create_token",
    "current",
    "database_url",
    "distribute",
    "judge",
    "migrate",
    "opened",
    "passable",
    "policy_history",
    "reachable",
    "read_policy",
    "repair_counts",
    "retain",
    "set_password",
    "set_policy",
    "verify_counts",
]
