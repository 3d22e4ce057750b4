"""How well publishing uses Xero's limit, what kills cost it, and how many calls its work takes.

    PYTHONPATH=plugins:. .venv/bin/python tests/benchmarks/bench_publish.py
    PYTHONPATH=plugins:. .venv/bin/python tests/benchmarks/bench_publish.py --kill

Four publishers, each a process with the parts of a real lane, against the sandbox over HTTP; their
ledger is on PostgreSQL if a server answers, else on SQLite. Without `--kill`, the sandbox has its
real limit of 60 calls a minute and its real clock. With `--kill`, its limits are out of the way.
Prints a table, keeps the figures under `results/` and ends with one line of JSON.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import stores
from tests.e2e.publishers import (
    NO_LIMITS,
    UNLIMITED,
    Job,
    assert_exactly_once,
    crew,
    fill,
    run_with_kills,
)
from tests.e2e.world import SandboxProcess, running_sandbox

from sfxero.clock import seeded_random
from sfxero.ledger import Ledger
from sfxero.model.ids import TenantId
from sfxero.model.states import Entity
from sfxero.sandbox.xero.identity import SANDBOX_TENANT_ID

TENANT = TenantId(SANDBOX_TENANT_ID)
PUBLISHERS = 4
PER_MINUTE = 60
ACCOUNTING = "/api.xro/"


@contextmanager
def surroundings(server: str | None) -> Iterator[tuple[SandboxProcess, str]]:
    """An empty sandbox and an empty ledger."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            running_sandbox(folder, accounts=1, opportunities=0) as sandbox,
            stores.fresh(server, folder) as url,
        ):
            yield sandbox, url


def ceiling(server: str | None, *, seconds: int, batch: int, seed: int) -> dict[str, Any]:
    """The share of the minute's limit that four publishers use while there is work for all."""
    with surroundings(server) as (sandbox, url), Ledger(url) as ledger:
        job = Job(sandbox.url, url, TENANT, batch_size=batch)
        fill(ledger, TENANT, contacts=batch, invoices=0, chance=seeded_random(seed))
        with crew(job, 1) as one:
            one.wait(60)
        work = (seconds + 60) * batch
        fill(ledger, TENANT, contacts=batch, invoices=work, chance=seeded_random(seed))
        sandbox.delete("/journal")
        with crew(job, PUBLISHERS):
            while not (first := calls(sandbox)):
                time.sleep(0.1)
            began = moment(first[0])
            while (datetime.now(began.tzinfo) - began).total_seconds() < seconds + 1:
                time.sleep(0.5)
            made = [one for one in calls(sandbox) if since(one, began) < seconds]
    answered = [one for one in made if one["status"] == 200]
    gaps = sorted(since(made[place + 1], moment(made[place])) for place in range(len(made) - 1))
    return {
        "seconds": seconds,
        "batch": batch,
        "calls": len(made),
        "share_percent": round(100 * len(answered) / (PER_MINUTE * seconds / 60), 2),
        "refused_429": sum(one["status"] == 429 for one in made),
        "by_minute": list(Counter(int(since(one, began) // 60) for one in answered).values()),
        "gap_median_s": round(gaps[len(gaps) // 2], 3),
        "gap_longest_s": round(gaps[-1], 3),
        "most_in_flight": max(one["in_flight"] for one in made),
        "call_median_ms": round(sorted(one["duration_ms"] or 0 for one in made)[len(made) // 2]),
    }


def killed(server: str | None, *, invoices: int, kills: int, seed: int) -> dict[str, Any]:
    """Kill publishers in the midst of it; raises unless every invoice is there exactly once."""
    with surroundings(server) as (sandbox, url), Ledger(url) as ledger:
        sandbox.post("/xero/switches", write_latency_s=0.2, **NO_LIMITS)
        chance = seeded_random(seed)
        wanted = fill(ledger, TENANT, contacts=invoices // 10, invoices=invoices, chance=chance)
        job = Job(sandbox.url, url, TENANT, batch_size=10, lease_s=10.0, policy=UNLIMITED)
        began = time.monotonic()
        done = run_with_kills(
            job, sandbox, size=PUBLISHERS, kills=kills, invoices=invoices, seed=seed
        )
        taken = time.monotonic() - began
        assert_exactly_once(sandbox, ledger, TENANT, wanted)
        made = calls(sandbox)
    return {
        "invoices": len(wanted),
        "total": str(sum(wanted.values())),
        "kills": done,
        "seconds": round(taken, 1),
        "writes": sum(one["method"] != "GET" for one in made),
        "look_ups": sum(one["method"] == "GET" for one in made),
        "fewest_writes": invoices // 10 + invoices // 100,
    }


def efficiency() -> dict[str, Any]:
    """Calls of whole runs, and of doubts; the sandbox's clock stands still or is slept on."""
    from sfxero.sandbox.server import SandboxSettings, build_sandbox, serving
    from sfxero.sandbox.xero.switches import Switches

    switches = Switches(minute_limit=10**9, day_limit=10**9, app_minute_limit=10**9)
    sandbox = build_sandbox(SandboxSettings(switches=switches, clock_speed=0.0))
    with serving(sandbox) as address:
        return {"new": _new_and_unchanged(sandbox, address), "doubt": _doubts(sandbox, address)}


@contextmanager
def _world(sandbox: Any, address: str) -> Iterator[Any]:
    from tests.contract.sync.kit import World

    sandbox.reset()
    with tempfile.TemporaryDirectory() as folder, stores.fresh(None, Path(folder)) as url:
        world = World(sandbox, address, Path(folder), url)
        world.org_switch(job_delay_s=0)
        yield world
        world.close()


def _new_and_unchanged(sandbox: Any, address: str) -> dict[str, Any]:
    with _world(sandbox, address) as world:
        accounts = [world.account(f"Firm {number}") for number in range(300)]
        for number in range(1000):
            world.won(accounts[number % 300], f"{number}.10")
        world.forget_calls()
        world.run()
        new = _told(world.calls())
        _require(len(world.invoices) == 1000 and len(world.contacts) == 300, "1,000 invoices")
        world.forget_calls()
        world.run(full=True)
        return {"first_run": new, "floor": 26, "unchanged_run": _told(world.calls())}


def _doubts(sandbox: Any, address: str) -> dict[str, Any]:
    """Calls beyond the one that a batch of 50 takes anyway, by what went wrong."""
    from tests.contract.sync.kit import account_ids, contact_wish, invoice_wish

    def contacts(world: Any) -> Entity:
        world.plan(*(contact_wish(one, name=f"Firm {one}") for one in account_ids(50)))
        return Entity.CONTACT

    def invoices(world: Any) -> Entity:
        world.plan(contact_wish())
        world.publish()
        sources = [f"006{number:012d}AAA" for number in range(50)]
        world.plan(*(invoice_wish(one, number=f"SF-{one}") for one in sources))
        return Entity.INVOICE

    found = {}
    for fill_up in (contacts, invoices):
        for fault in (_reply_lost, _dead_after, _dead_before):
            with _world(sandbox, address) as world:
                entity = fill_up(world)
                world.forget_calls()
                fault(world, entity)
                world.publish(entity)
                _require(set(world.states()) == {"settled"}, "everything settled")
                name = f"{entity}s_{fault.__name__.strip('_')}"
                found[name] = {"extra": len(world.calls()) - 1, **_told(world.calls())}
    return found


def _reply_lost(world: Any, entity: Entity) -> None:
    """The connection drops after all was carried out, and the worker lives."""
    world.fail("lost_reply", f"/{entity.title()}s$")


def _dead_after(world: Any, entity: Entity) -> None:
    """The worker dies when its request was carried out."""
    _die(world, entity, lambda request, forward: forward(request).close())


def _dead_before(world: Any, entity: Entity) -> None:
    """The worker dies when its attempt is stored, and before its request leaves."""
    _die(world, entity, lambda *_: None)


class _DeadError(BaseException):
    """Not an error that anybody handles."""


def _die(world: Any, entity: Entity, last_act: Callable[..., None]) -> None:
    def fate(request: httpx.Request, forward: Callable[..., httpx.Response]) -> httpx.Response:
        last_act(request, forward)
        raise _DeadError

    world.seam.plans = [fate]
    try:
        world.publish(entity, owner="dead")
    except _DeadError:
        world.clock.advance(61)
    if not world.calls():
        # A request that never left is none that the sandbox could count.
        world.calls = lambda made=world.calls: ["(never arrived)", *made()]


def calls(sandbox: SandboxProcess) -> list[Mapping[str, Any]]:
    """The requests to the accounting API so far."""
    made = sandbox.get("/journal", service="xero")
    return [one for one in made if ACCOUNTING in str(one["path"])]


def moment(call: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(call["at"])


def since(call: Mapping[str, Any], began: datetime) -> float:
    return (moment(call) - began).total_seconds()


def _told(made: list[str]) -> dict[str, Any]:
    writes = sum(not one.startswith("GET") for one in made)
    return {"calls": len(made), "writes": writes, "by_kind": dict(Counter(made))}


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise RuntimeError(f"not so: {what}")


def flat(figures: Mapping[str, Any], name: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in figures.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{name}{key}.")
        else:
            yield f"{name}{key}", value


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kill", action="store_true", help="kill publishers, instead")
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--invoices", type=int, default=5000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    server = stores.postgres()
    figures: dict[str, Any] = {"seed": given.seed, **stores.surroundings(server)}
    sys.stdout.write(f"seed {given.seed}\n")
    if given.kill:
        figures |= killed(server, invoices=given.invoices, kills=given.kills, seed=given.seed)
    else:
        figures |= ceiling(server, seconds=given.seconds, batch=given.batch, seed=given.seed)
        figures |= efficiency()
    figures["load_at_the_end"] = stores.surroundings(None)["load_1_5_15_min"]
    for name, value in flat(figures):
        text = value if isinstance(value, str) else json.dumps(value)
        sys.stdout.write(f"{name:52} {text:>24}\n")
    name = "publish_kill" if given.kill else "publish"
    sys.stdout.write(stores.keep(name, figures) + "\n")


if __name__ == "__main__":
    main()
