"""The words of the sync as types: ids, entities, states, records of the outbox, exact money."""
