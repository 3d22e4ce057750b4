"""Groups of tasks that more than one DAG has; a step's own code is imported when it runs."""

from datetime import timedelta
from typing import Any, Final

from airflow.sdk import PokeReturnValue, get_current_context, task, task_group

from sfxero.mapping.fields import needed_fields
from sfxero.mapping.spec import RouteSpec
from sfxero.orchestration.retry import SyncRetry

Run = dict[str, Any]
"""What a DAG's first task, `start`, returns: ids only, never records."""

LANE: Final = {"retry_delay": timedelta(seconds=75), "execution_timeout": timedelta(minutes=30)}
"""A publisher that died holds its entries for a minute; its next try comes after that."""


def default_args(**more: Any) -> dict[str, Any]:
    """Return how each task is tried again, by what went wrong; and what else a DAG wants."""
    return {
        "retries": 2,
        "retry_delay": timedelta(seconds=30),
        "retry_policy": SyncRetry(),
        **more,
    }


def run_of(ti: Any) -> Run:
    """Return what the first task returned; pulled, so that the graph shows the flow alone."""
    run: Run = ti.xcom_pull(task_ids="start")
    return run


def states_of(ti: Any, run_id: str | None) -> dict[str, str | None]:
    """Return the states of the run's tasks by task id."""
    states: dict[str, str | None] = ti.get_task_states(dag_id=ti.dag_id, run_ids=[run_id])[run_id]
    return states


@task
def submit(object_name: str, ti: Any = None) -> int:
    """Create the bulk job of one object's window and store its id."""
    from sfxero.orchestration import steps

    return steps.submit(run_of(ti), object_name)


@task.sensor(
    mode="reschedule", poke_interval=5, exponential_backoff=True, max_wait=60, timeout=6 * 3600
)
def wait(window_id: int, ti: Any = None) -> PokeReturnValue:
    """Look whether the job is done; no worker slot is held between two looks.

    Returns the shares in which its pages are read: one, unless the result is large.
    """
    from sfxero.orchestration import steps

    of = steps.wanted_readers(run_of(ti), window_id)
    shares = [{"share": share, "of": of} for share in range(of)]
    return PokeReturnValue(is_done=bool(shares), xcom_value=shares)


@task(map_index_template="{{ part }}")
def download(window_id: int, share: int, of: int, ti: Any = None) -> str | None:
    """Stream pages of the job into staged Parquet files, until no page is free.

    Returns the staged folder if all pages are there; then this was the last of the job's readers.
    """
    from sfxero.orchestration import steps

    get_current_context()["part"] = f"{share + 1} of {of}"  # type: ignore[typeddict-unknown-key] # template
    return steps.download(run_of(ti), window_id, share=share, of=of)


@task
def complete(ti: Any = None) -> dict[str, int]:
    """Read the rest of what was touched: all lines, accounts, and what waits in quarantine."""
    from sfxero.orchestration import steps

    return steps.complete(run_of(ti))


@task_group
def read_object(object_name: str) -> None:
    """One Salesforce object."""
    window_id: Any = submit(object_name)
    shares: Any = wait(window_id)
    download.partial(window_id=window_id).expand_kwargs(shares)


def extract_group(spec: RouteSpec) -> Any:
    """Declare what reads the route's objects into staging.

    A group for each object and no mapped one: in that, no task could be mapped again.
    """

    @task_group
    def extract() -> None:
        """Salesforce to staging."""
        rest = complete()
        for object_name in needed_fields(spec):
            read_object.override(group_id=object_name)(object_name) >> rest

    return extract()


@task
def differences(ti: Any = None) -> dict[str, int]:
    """Compare the listings with what was read, and read by id what differs."""
    from sfxero.orchestration import steps

    return steps.stage_differences(run_of(ti))


def list_group(spec: RouteSpec) -> Any:
    """Declare what lists all records and reads those that differ."""

    @task_group
    def extract() -> None:
        """Salesforce to staging: only what was missed."""
        compared = differences()
        for object_name in needed_fields(spec):
            read_object.override(group_id=object_name)(object_name) >> compared
        compared >> complete()

    return extract()


@task
def suites(ti: Any = None) -> dict[str, int]:
    """Run Great Expectations once for all objects; refused rows go into quarantine."""
    from sfxero.orchestration import steps

    return steps.check(run_of(ti))


def check_group() -> Any:
    """Declare what holds staged rows against the suites."""

    @task_group
    def check() -> None:
        """Staged rows against the suites."""
        suites()

    return check()


@task
def contacts(ti: Any = None) -> dict[str, int]:
    """Map accounts to contacts with unique names, and fill the outbox."""
    from sfxero.orchestration import steps

    return steps.prepare_contacts(run_of(ti))


@task
def invoices(ti: Any = None) -> dict[str, int]:
    """Map opportunities and lines to invoices, predict their totals, end the windows."""
    from sfxero.orchestration import steps

    return steps.prepare_invoices(run_of(ti))


def prepare_group() -> Any:
    """Declare what fills the outbox from staging."""

    @task_group
    def prepare() -> None:
        """Staging to outbox."""
        contacts() >> invoices()

    return prepare()


@task
def send(entity: str, lane: int, ti: Any = None) -> dict[str, Any]:
    """Publish as one of several lanes, which share the limiter and the outbox."""
    from sfxero.orchestration import publishing

    return publishing.publish(run_of(ti), entity, lane=lane)


@task
def opportunities(ti: Any = None) -> dict[str, Any]:
    """Write to Salesforce what waits for it, two hundred records a call."""
    from sfxero.orchestration import showing

    return showing.show(run_of(ti))


def show_group() -> Any:
    """Declare what sends the outbox to Salesforce."""

    @task_group
    def publish() -> None:
        """Outbox to Salesforce."""
        opportunities.override(**LANE)()

    return publish()


def publish_group(spec: RouteSpec, *, both_ways: bool = False) -> Any:
    """Declare what sends the outbox, to Salesforce as well if it is to go both ways.

    Lanes of other DAGs may run at the same time.

    Each claims other entries, so nothing is sent twice, and all leave by one limiter.
    """
    lanes = list(range(spec.publish.lanes))

    @task_group
    def publish() -> None:
        """Outbox to Xero; contacts are the invoices' parents."""
        parents = send.override(task_id="contacts", pool=spec.xero.pool, **LANE)
        children = send.override(task_id="invoices", pool=spec.xero.pool, **LANE)
        invoiced = children.partial(entity="invoice").expand(lane=lanes)
        parents.partial(entity="contact").expand(lane=lanes) >> invoiced
        if spec.invoices.email:
            emails = send.override(task_id="emails", pool=spec.xero.pool, **LANE)
            invoiced >> emails.partial(entity="invoice_email").expand(lane=lanes)
        if both_ways:
            opportunities.override(**LANE)()

    return publish()
