"""Two runs that between them come through every state, for tests that kill their controllers."""

from tests.cluster.projects import Project
from tests.cluster.site import Site


def batches(shop: Project, site: Site) -> str:
    """Two steps of batch stages; return the state in which the run must end."""
    shop.workflow("a >> b, c")
    for name in "abc":
        shop.batch(name, f"print('{name}')")
    shop.commit()
    return "succeeded"


def replaced_and_restored(shop: Project, site: Site) -> str:
    """A service's new version, and a stage after it that fails; an earlier run has deployed it."""
    shop.workflow("serve")
    shop.service("serve", word="v1")
    shop.commit()
    assert site.workflow(shop.folder).code == 0
    shop.workflow("serve >> check")
    shop.service("serve", word="v2")
    shop.batch("check", "raise SystemExit(1)")
    shop.commit()
    return "rolled-back"
