"""What `make demo` does once everything serves: the catalogue goes in, and a new user learns where to look."""

import asyncio
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path


async def load_catalogue(gateway_urls: Sequence[str]) -> None:
    """Runs the catalogue loader, which skips what is there; ended with the stack if it is still at work then."""
    loader = shutil.which("holdfast-catalogue", path=str(Path(sys.executable).parent))
    if loader is None:
        print("the catalogue loader is not installed: the shop is empty", flush=True)
        return
    process = await asyncio.create_subprocess_exec(loader, "--url", ",".join(gateway_urls))
    try:
        if await process.wait() != 0:
            print("the catalogue could not be loaded, see above; the shop serves what it has", flush=True)
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise


def greet(gateway_urls: Sequence[str]) -> None:
    """Where the API, its documentation and its status are, and how to sign in as the admin of the demo."""
    first, *others = gateway_urls
    email = os.environ.get("ADMIN_EMAIL", "admin@holdfast.example")
    password = os.environ.get("ADMIN_PASSWORD", "holdfast-admin")
    again = f" (and {', '.join(others)})" if others else ""
    print(
        f"""
The shop is ready.
  API     {first}/api/products{again}
  docs    {first}/docs
  status  {first}/api/ops/status
  admin   {email} / {password}
Ctrl-C ends it; its data stay. `make` in another terminal lists what you can do to it.
""",
        flush=True,
    )
