"""The seeded defects, by the kind of promise that they break."""

from tests.mutants.defects import (
    bounds,
    claims,
    exits,
    fences,
    local,
    looks,
    order,
    prune,
    verdicts,
)

MUTANTS = (
    *claims.MUTANTS,
    *fences.MUTANTS,
    *order.MUTANTS,
    *looks.MUTANTS,
    *verdicts.MUTANTS,
    *bounds.MUTANTS,
    *local.MUTANTS,
    *exits.MUTANTS,
    *prune.MUTANTS,
)
