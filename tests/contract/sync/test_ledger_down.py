"""Without the ledger nothing is sent; what was under way when it went is looked up later."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from tests.contract.ledger.conftest import postgres_url  # noqa: F401 - a fixture
from tests.contract.sync.kit import ACCOUNT, Forward, World, contact_wish, empty
from tests.contract.sync.wire_to_ledger import Line, cuttable

from sfxero.errors import ServiceUnavailable
from sfxero.sandbox.server import Sandbox

LEASE_S = 60.0
SCHEMA = f"sfxero_{uuid.uuid4().hex}"
"""Another in each process; it names our connections, too."""

pytestmark = [pytest.mark.contract, pytest.mark.postgres]


@pytest.fixture
def line(postgres_url: str) -> Iterator[Line]:  # noqa: F811
    """The one way to the ledger's server."""
    server = sa.make_url(postgres_url)
    with cuttable((server.host or "127.0.0.1", server.port or 5432)) as line:
        yield line


@pytest.fixture
def world(
    served: tuple[Sandbox, str],
    tmp_path: Path,
    postgres_url: str,  # noqa: F811
    line: Line,
) -> Iterator[World]:
    """A world whose ledger is on PostgreSQL, behind the line; one entry waits in it."""
    execute(postgres_url, f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
    execute(postgres_url, f"CREATE SCHEMA {SCHEMA}")
    through = sa.make_url(postgres_url).set(
        host="127.0.0.1",
        port=line.port,
        query={"options": f"-csearch_path={SCHEMA}", "application_name": SCHEMA},
    )
    sandbox, address = served
    empty(sandbox)
    world = World(sandbox, address, tmp_path, through.render_as_string(hide_password=False))
    world.ledger.migrate()
    world.plan(contact_wish())
    yield world
    world.close()
    line.cut()
    execute(postgres_url, f"DROP SCHEMA {SCHEMA} CASCADE")


def execute(url: str, statement: str) -> Any:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as conn:
        result = conn.execute(sa.text(statement))
        found = result.all() if result.returns_rows else None
    engine.dispose()
    return found


class Interrupted:
    """The outbox, but that something happens right before or after one of its calls."""

    def __init__(
        self,
        world: World,
        name: str,
        *,
        before: Callable[[], object] | None = None,
        after: Callable[[], object] | None = None,
    ) -> None:
        self._outbox, self._name = world.ledger.outbox, name
        self._before, self._after = before, after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._outbox, name)
        if name != self._name:
            return method

        def call(*args: Any, **kwargs: Any) -> Any:
            if self._before is not None:
                self._before()
            answer = method(*args, **kwargs)
            if self._after is not None:
                self._after()
            return answer

        return call


def assert_done_once(world: World) -> None:
    """What was left behind is sent by the next lane, and there is one of it."""
    world.sleep(LEASE_S + 1)
    world.publish(owner="next")
    assert world.states() == ["settled"]
    assert [one.name for one in world.contacts] == ["Acme"]
    assert world.link(ACCOUNT).target_id == world.contacts[0].contact_id


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("has_due", "before"),
        ("claim", "before"),
        ("claim", "after"),
        ("store_attempt", "before"),
    ],
)
def test_a_ledger_that_goes_before_the_attempt_is_stored_keeps_all_from_being_sent(
    world: World, line: Line, name: str, moment: str
) -> None:
    with pytest.raises(ServiceUnavailable) as caught:
        world.publish(outbox=Interrupted(world, name, **{moment: line.cut}))

    assert caught.value.service == "ledger"
    assert world.writes() == []
    line.mend()
    assert_done_once(world)


def test_a_ledger_that_goes_while_the_request_is_under_way_is_told_later(
    world: World, line: Line
) -> None:
    def commit_and_cut(request: httpx.Request, forward: Forward) -> httpx.Response:
        response = forward(request)
        line.cut()
        return response

    world.seam.plans = [commit_and_cut]

    with pytest.raises(ServiceUnavailable) as caught:
        world.publish()

    assert caught.value.service == "ledger"
    line.mend()
    assert world.states() == ["claimed"]
    assert_done_once(world)
    assert world.writes() == ["PUT Contacts"]


def test_a_connection_killed_in_the_transaction_that_stores_the_attempt_sends_nothing(
    world: World,
    postgres_url: str,  # noqa: F811
) -> None:
    killed = killing_at(world, "INSERT INTO attempts ", postgres_url)

    with pytest.raises(ServiceUnavailable):
        world.publish()

    assert killed
    assert world.writes() == []
    assert_done_once(world)


def test_a_connection_killed_between_two_transactions_is_replaced(
    world: World,
    postgres_url: str,  # noqa: F811
) -> None:
    ours = f"FROM pg_stat_activity WHERE application_name = '{SCHEMA}'"
    killed: list[Any] = []

    def kill_all() -> None:
        killed.extend(execute(postgres_url, f"SELECT pg_terminate_backend(pid) {ours}"))

    report = world.publish(outbox=Interrupted(world, "claim", after=kill_all))

    assert killed
    assert report.created == 1
    assert world.states() == ["settled"]
    assert world.writes() == ["PUT Contacts"]


def test_a_connection_killed_while_the_reply_is_stored_ends_in_one_contact(
    world: World,
    postgres_url: str,  # noqa: F811
) -> None:
    killed = killing_at(world, "INSERT INTO links ", postgres_url)

    with pytest.raises(ServiceUnavailable):
        world.publish()

    assert killed
    assert world.link(ACCOUNT) is None
    assert_done_once(world)
    assert world.writes() == ["PUT Contacts"]


def killing_at(world: World, words: str, url: str) -> list[int]:
    """Kill the connection on which a statement with these words is about to run, once."""
    killed: list[int] = []

    def kill(conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if words in statement and not killed:
            pid = conn.connection.driver_connection.info.backend_pid
            killed.append(pid)
            execute(url, f"SELECT pg_terminate_backend({pid})")

    sa.event.listen(world.ledger._database._engine, "before_cursor_execute", kill)
    return killed
