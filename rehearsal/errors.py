"""What can end a rehearsal early, one class per exit code; the codes are mapped in `cli` only."""


class RehearsalError(Exception):
    """Base of the rehearsal's own errors."""


class UsageError(RehearsalError):
    """Raised when an option, a drill file or a rule file is wrong: exit code 2."""


class EnvironmentMissingError(RehearsalError):
    """Raised when the machine lacks something, or a part of the stack did not start: exit code 3."""
