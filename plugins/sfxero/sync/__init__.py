"""Use cases: extract, check, prepare, publish and the gate, as plain functions over ports."""
