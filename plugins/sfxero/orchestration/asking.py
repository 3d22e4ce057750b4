"""The operator that asks: the question to a person whether an invoice may be sent."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowSkipException

if TYPE_CHECKING:
    from airflow.sdk import Context

APPROVE: Final = "Approve"
REFUSE: Final = "Refuse"
LATER: Final = "Later"


class AskApproval(HITLOperator):
    """Asks a person about one entry of the outbox, and carries out the answer.

    The question is read from the ledger when it is asked, so that no amount or name travels between
    tasks, and none is taken for a template. No answer in time means "later".
    """

    def __init__(self, *, route: str, entry_id: int, wait: timedelta, **kwargs: Any) -> None:
        """`wait` is how long a person has; then the entry is asked about anew."""
        super().__init__(
            subject="An invoice waits for approval",
            options=[APPROVE, REFUSE, LATER],
            defaults=LATER,
            params={"reason": Param("", type="string", title="Reason", maxLength=500)},
            response_timeout=wait,
            **kwargs,
        )
        self.route = route
        self.entry_id = entry_id

    def execute(self, context: "Context") -> Any:
        """Ask; skips if the entry was replaced or decided meanwhile."""
        from sfxero.orchestration import approving

        question = approving.question(self.route, self.entry_id)
        if question is None:
            raise AirflowSkipException("the entry does not wait for approval any more")
        self.subject, self.body = approving.told(question)
        return super().execute(context)

    def execute_complete(self, context: "Context", event: dict[str, Any]) -> Any:
        """Carry out what the person chose; returns ids and the choice only."""
        from sfxero.orchestration import approving

        answer = super().execute_complete(context, event)
        chosen = answer["chosen_options"][0]
        user = answer["responded_by_user"] or {}
        done = approving.carry_out(
            self.route,
            self.entry_id,
            run_id=context["run_id"],
            approves={APPROVE: True, REFUSE: False}.get(chosen),
            actor=str(user.get("name") or user.get("id") or "someone"),
            reason=str(answer["params_input"].get("reason") or "").strip() or None,
        )
        return {"entry_id": self.entry_id, "chosen": chosen, "done": done}
