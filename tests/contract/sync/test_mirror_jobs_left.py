"""Jobs of the mirror that their maker left: whichever lane comes next looks at them."""

from datetime import timedelta

import pytest
from tests.contract.sync.kit import World
from tests.contract.sync.mirroring import Mirror
from tests.contract.sync.showing import Showing

from sfxero.model.states import Entity
from sfxero.sync.status_prepare import prepare_statuses

pytestmark = pytest.mark.contract

HOUR = 3600


@pytest.fixture
def mirror(world: World) -> Mirror:
    return Mirror(Showing(world))


def test_what_a_job_was_refused_for_is_sent_in_its_own_form_whoever_looks_at_it(
    mirror: Mirror,
) -> None:
    showing, world = mirror.showing, mirror.world
    opportunity, invoice = showing.invoiced("100")
    showing.run()
    world.sleep(HOUR)
    world.delete("Opportunity", opportunity)
    showing.hands.pay(invoice.invoice_id)
    scope = showing.begin()
    showing.read(scope)
    prepare_statuses(scope)
    world.org_switch(job_delay_s=120)
    ends_at = world.clock.now() + timedelta(seconds=60)
    left = showing.publish(Entity.MIRROR_INVOICE, most_by_collections=0, ends_at=ends_at)
    world.sleep(300)
    world.org_switch(job_delay_s=0)

    showing.publish(Entity.OPPORTUNITY_STATUS)
    world.sleep(HOUR)
    for entity in (Entity.MIRROR_INVOICE, Entity.MIRROR_PAYMENT):
        showing.publish(entity)

    assert left.in_doubt == 1
    mirror.assert_right(showing.invoice_of(opportunity))
    assert mirror.invoice(invoice.invoice_id)["Opportunity__c"] is None
    assert world.ledger.outbox.open_letters(None) == []
