"""judge: the search as it is when nothing happens, and what the checker says of one to which something did."""
from cluster import Cluster, Stuck
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


def judge(cluster, study, budget, sentence, agents=2, db=None, more=(), **settings):
    """The checker's report, told; the sentence holds when it found no fault."""
    path = cluster.path("reference.db")
    with open(path, "wb") as file:
        file.write(undisturbed(budget, agents, **settings))
    report = cluster.check(study, budget, path, db, more)
    say(", ".join("%s %s" % (name, report.get(name)) for name in ("lost", "unexpected", "duplicated", "recovered", "acknowledged", "stored", "leases")))
    same(report["faults"], [], sentence)
    return report


def endure(name, faults, fault, budget, sentence, workers=4, agents=2, db=None, prepare=None, start=None, after=None, **cluster_settings):
    """Searches, one after the other, until `fault(cluster)` has been done `faults` times (it returns how many it did): each search comes to its
    end by itself and is judged. `prepare(cluster)` is called before anything is started, `start(cluster)` in place of starting master and
    peers, `after(cluster)` when the search has been judged. Returns the reports."""
    undisturbed(budget, agents)
    done, reports = 0, []
    while done < faults:
        if len(reports) > 5 + 5 * done:
            raise Stuck("%d searches, and the fault was possible in %d places" % (len(reports), done))
        with Cluster(**cluster_settings) as cluster:
            if prepare is not None:
                prepare(cluster)
            cluster.study(name, budget, agents=agents > 0)
            if start is not None:
                start(cluster)
            else:
                cluster.start_master(name)
                cluster.start_peers(workers, agents)
            while done < faults and cluster.evaluated() < budget * 0.9 and cluster.master.popen is not None:
                done += fault(cluster)
            cluster.finish()
            cluster.stop_peers()
            reports.append(judge(cluster, name, budget, "search %d, %d of %d faults so far: %s" % (len(reports) + 1, done, faults, sentence), agents, db))
            if after is not None:
                after(cluster)
    return reports


def total(reports, state):
    """Leases of all searches that ended so."""
    return sum(report["leases"].get(state, 0) for report in reports)
