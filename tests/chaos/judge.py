"""judge: the search as it is when nothing happens, and what the checker says of one to which something did."""
from cluster import Cluster
from tap import same, say

_whole = {}


def undisturbed(budget, agents=2, **settings):
    """The bytes of the database of an undisturbed search; made once for equal settings."""
    key = (budget, agents, tuple(sorted(settings.items())))
    if key not in _whole:
        with Cluster(peer_ms=0, lease_ms=60000) as cluster:
            cluster.study("whole", budget, agents=agents > 0, **settings)
            cluster.start_master("whole")
            cluster.start_peers(4, agents)
            cluster.finish()
            cluster.stop_peers()
            with open(cluster.path("whole.db"), "rb") as file:
                _whole[key] = file.read()
    return _whole[key]


def judge(cluster, study, budget, sentence, agents=2, db=None, **settings):
    """The checker's report, told; the sentence holds when it found no fault."""
    path = cluster.path("reference.db")
    with open(path, "wb") as file:
        file.write(undisturbed(budget, agents, **settings))
    report = cluster.check(study, budget, path, db)
    say(", ".join("%s %s" % (name, report.get(name)) for name in ("lost", "unexpected", "duplicated", "recovered", "acknowledged", "stored", "leases")))
    same(report["faults"], [], sentence)
    return report
