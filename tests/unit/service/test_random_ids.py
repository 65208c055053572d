"""Ids from bytes that were fetched for many: as different, as valid, and not shared by processes."""

import multiprocessing
import os
import threading
import uuid
from multiprocessing.connection import Connection

import pytest

from service import random_ids
from service.random_ids import FETCHED, ID_BYTES, make_uuid, random_bytes, serve_uuids


def test_a_uuid_is_of_version_4() -> None:
    assert {(each.version, each.variant) for each in (make_uuid() for _ in range(100))} == {(4, uuid.RFC_4122)}


def test_no_bytes_are_given_out_twice_whichever_thread_asks() -> None:
    found: list[bytes] = []

    def take() -> None:
        found.extend([random_bytes() for _ in range(10 * FETCHED)])

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == len(found) == 80 * FETCHED
    assert {len(each) for each in found} == {ID_BYTES}


def _send_some(out: Connection) -> None:
    out.send([random_bytes() for _ in range(FETCHED)])


def test_a_forked_process_makes_ids_of_its_own() -> None:
    random_bytes()  # the parent has bytes left when it forks
    fork = multiprocessing.get_context("fork")
    pipes = [fork.Pipe(duplex=False) for _ in range(2)]
    processes = [fork.Process(target=_send_some, args=(sender,)) for _, sender in pipes]
    for process in processes:
        process.start()
    found = [set(receiver.recv()) for receiver, _ in pipes] + [{random_bytes() for _ in range(FETCHED)}]
    for process in processes:
        process.join()
    assert len(set.union(*found)) == sum(len(each) for each in found)


def test_bytes_are_fetched_for_many_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    urandom = os.urandom

    def count(size: int) -> bytes:
        calls.append(size)
        return urandom(size)

    random_ids._unused.clear()
    monkeypatch.setattr(os, "urandom", count)
    for _ in range(FETCHED):
        make_uuid()
    assert calls == [ID_BYTES * FETCHED]


def test_the_process_takes_its_uuids_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uuid, "uuid4", uuid.uuid4)  # put back afterwards
    serve_uuids()
    assert uuid.uuid4 is make_uuid
