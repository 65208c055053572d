"""Switching the faults of a service: flags in the file that it reads, or hooks of its plan."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from rehearsal.disturbance import Fault, HookFault
from rehearsal.plan import Action, Hook
from rehearsal.statefile import write_json
from service.fault_registry import FAULTS

HOOKS: Final = "hooks.json"  # beside the flags: the hook that is on, for whoever shows it

Perform = Callable[[str, Action], None]  # what it is, for an error, and what to do


class Faulting:
    """Knows what is on."""

    def __init__(self, flags: Path, hooks: tuple[Hook, ...], perform: Perform) -> None:
        self._flags, self._hooks, self._perform = flags, {hook.name: hook for hook in hooks}, perform
        self._hook: Hook | None = None  # that is on

    @property
    def has_hook_on(self) -> bool:
        return self._hook is not None

    def set(self, *faults: Fault | HookFault) -> None:
        """Switch these on and all others off; every worker sees a flag with its next request.

        Raises EnvironmentMissingError if a hook does not succeed.
        """
        if self._hook is not None:
            hook, self._hook = self._hook, None
            self._perform(f"end of hook {hook.name}", hook.end)
            self._note()
        for fault in faults:
            if isinstance(fault, HookFault):
                self._hook = self._hooks[fault.hook]
                self._perform(f"begin of hook {fault.hook}", self._hook.begin)
                self._note()
        write_json(self._flags, dict(_flag(fault) for fault in faults if isinstance(fault, Fault)))

    def _note(self) -> None:
        """Write down what is on; a hook may leave no other trace on this machine."""
        on: dict[str, object] = {f"hook {self._hook.name}": {}} if self._hook else {}
        write_json(self._flags.with_name(HOOKS), on)


def _flag(fault: Fault) -> tuple[str, dict[str, object]]:
    """The fault as the service's file of flags has it."""
    evenly = {"evenly": True} if fault.is_even else {}
    return fault.flag, {"value": fault.value, FAULTS[fault.flag].aims_at: fault.routes} | evenly
