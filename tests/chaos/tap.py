"""tap: what the tests of this folder share: TAP output, amounts, the one seed. A test that raises has failed, and says with which seed."""
import os
import random
import signal
import sys
import traceback

_number = 0
_failed = False


def say(text):
    for line in str(text).splitlines():
        print("#", line, flush=True)


def ok(holds, sentence):
    """A sentence that can be false. Returns whether it holds."""
    global _number, _failed
    _number += 1
    _failed |= not holds
    print("%sok %d - %s" % ("" if holds else "not ", _number, sentence), flush=True)
    return bool(holds)


def same(got, wanted, sentence):
    if got != wanted:
        say("got:    %r" % (got,))
        say("wanted: %r" % (wanted,))
    return ok(got == wanted, sentence)


def skip(sentence, why):
    """Loud: what a machine lacks is no pass and no failure."""
    global _number
    _number += 1
    print("ok %d - %s # SKIP %s" % (_number, sentence, why), flush=True)


def amount(quick, full):
    """How often something is repeated, how long, how much of it: quick in make test, full in make test-all (HWNAS_FULL=1)."""
    return full if os.environ.get("HWNAS_FULL") else quick


def main(scenarios):
    """Runs the scenarios, all or those that the command line names, each with a generator of its own out of SEED; exits 1 when one failed."""
    seed = int(os.environ.get("SEED") or 1)
    wanted = sys.argv[1:] or [scenario.__name__ for scenario in scenarios]
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))  # so that clusters end and clear away
    for scenario in scenarios:
        if scenario.__name__ not in wanted:
            continue
        say("%s, SEED=%d" % (scenario.__name__, seed))
        try:
            scenario(random.Random("%d %s" % (seed, scenario.__name__)))
        except Exception as error:  # what failed is told, and the others still run
            say(traceback.format_exc())
            ok(False, "%s came to its end (SEED=%d): %s" % (scenario.__name__, seed, str(error).split("\n")[0]))
    print("1..%d" % _number, flush=True)
    sys.exit(1 if _failed else 0)
