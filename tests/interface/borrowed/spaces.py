"""Stands in for the package of ZeroGPU Spaces: what is decorated runs in a forked process, and all goes to and fro pickled."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

FORK = multiprocessing.get_context("fork")
borrowed = 0
inside = False


def GPU(*, duration: int) -> Callable[[Callable[..., Iterator[Any]]], Callable[..., Iterator[Any]]]:
    assert duration == 60

    def decorate(function: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        def work(pipe: Connection) -> None:
            global inside
            inside = True
            for result in function(*pipe.recv()):
                pipe.send(("result", result))
            pipe.send(("end", None))

        def called(*args: Any) -> Iterator[Any]:
            global borrowed
            if inside:
                yield from function(*args)
                return
            borrowed += 1
            here, there = FORK.Pipe()
            process = FORK.Process(target=work, args=(there,))
            process.start()
            there.close()
            here.send(args)
            while True:
                kind, value = here.recv()
                if kind == "end":
                    break
                yield value
            process.join()

        return called

    return decorate
