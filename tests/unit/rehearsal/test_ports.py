"""Ports are held from the moment they are picked, for as long as somebody has the lock."""

import os
import socket

from rehearsal.ports import HOST, hold_port


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def test_a_port_that_is_listened_on_is_replaced() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        number = taken.getsockname()[1]
        held = hold_port(number)
    assert held.number != number
    held.release()


def test_a_port_that_another_rehearsal_holds_is_replaced_before_anyone_listens() -> None:
    preferred = free_port()
    first, second = hold_port(preferred), hold_port(preferred)
    assert first.number == preferred != second.number
    first.release()
    second.release()


def test_a_process_that_inherited_the_lock_holds_on_to_it() -> None:
    preferred = free_port()
    held = hold_port(preferred)
    inherited = os.dup(held.lock)
    held.release()
    other = hold_port(preferred)
    assert other.number != preferred
    other.release()
    os.close(inherited)
    again = hold_port(preferred)
    assert again.number == preferred
    again.release()
