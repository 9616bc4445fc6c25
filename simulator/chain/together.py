"""Tasks that run side by side and fail as one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def running_together() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group whose first failure is raised as it is, not inside a group: it is told to a person."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
