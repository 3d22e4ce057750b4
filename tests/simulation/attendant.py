"""The person who looks after the sync: replays dead letters, and says what may go."""

from tests.simulation.world import World

from sfxero.errors import SyncError
from sfxero.model.ids import RouteName
from sfxero.sync.replay import ALL, replay

_ACTOR = "attendant"


class Attendant:
    """Does at any moment what the commands for dead letters do."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chance = world.chance("attendant")

    def act(self) -> None:
        """Do one thing; a ledger that is down is tried again another time."""
        acts = [self.replay_all, self._replay_one, self._discard_one]
        if self._asks:
            acts += [self.approve_all, self.approve_all, self._refuse_one]
        act = self._chance.choice(acts)
        try:
            act()
        except SyncError as error:
            self._world.scheduler.note(f"cannot: {error}")

    def replay_all(self) -> None:
        """Put all dead letters back, discarded ones not among them."""
        self._replay(ALL)

    def _replay_one(self) -> None:
        for entry_id, _ in self._letters():
            self._replay([entry_id])

    def _discard_one(self) -> None:
        for entry_id, source_id in self._letters():
            # Beforehand: it may succeed though its word on that is lost.
            self._world.blame(source_id, "discarded")
            self._world.ledger.outbox.discard([entry_id], actor=_ACTOR)

    def approve_all(self) -> None:
        """Let all go that waits for a word."""
        asked = [entry_id for entry_id, _ in self._asked()]
        if asked:
            count = self._world.ledger.outbox.approve(asked, actor=_ACTOR)
            self._world.scheduler.note(f"approves {count} of {asked}")

    def _refuse_one(self) -> None:
        for entry_id, source_id in self._asked()[:1]:
            # Beforehand: it may succeed though its word on that is lost.
            self._world.blame(source_id, "discarded")
            self._world.ledger.outbox.refuse([entry_id], actor=_ACTOR, reason="not agreed")

    @property
    def _asks(self) -> bool:
        invoices = self._world.spec.invoices
        return invoices.on_reopen == "ask" or invoices.on_change not in {"update", "reissue"}

    def _asked(self) -> list[tuple[int, str]]:
        found = self._world.rows(
            "SELECT entry_id, source_id FROM entries WHERE state = 'awaiting_approval' "
            "ORDER BY entry_id"
        )
        return [(row[0], row[1]) for row in found]

    def _replay(self, asked: str | list[int | str]) -> None:
        count = replay(
            self._world.ledger.outbox,
            asked,
            route=RouteName(self._world.spec.route),
            run_id=None,
            actor=_ACTOR,
        )
        self._world.scheduler.note(f"replays {count} of {asked}")

    def _letters(self) -> list[tuple[int, str]]:
        """One dead letter, if there are any."""
        dead = self._world.rows(
            "SELECT entry_id, source_id FROM entries WHERE state = 'dead' ORDER BY entry_id"
        )
        return [(row[0], row[1]) for row in [self._chance.choice(dead)]] if dead else []
