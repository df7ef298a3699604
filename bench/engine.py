"""How fast the engine is, as ratios to other implementations in the same run: ``make bench``.

    .venv/bin/python -m bench.engine [--quick] [--rounds N] [--only WORDS]

Every contender of a row does the job in turn, several times, and its least CPU time counts: the machine may be busy with other things.
The floor is what the public-key operations alone cost in ``cryptography``, with nothing around them. What the rows compare, and
what was seen, is in docs/decisions/speed.md.
"""

import argparse
from pathlib import Path

from bench import figures, peers
from bench.material import Material
from bench.measuring import interpreter, measured, show
from bench.rows import rows
from bench.setting import FULL, QUICK, Setting

FOLDER = Path("build/bench")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few recipients and small messages: whether it runs, not how fast")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--only", default="", help="only rows with these words in their name")
    arguments = parser.parse_args()
    found = peers.start()
    print(interpreter())
    setting = Setting(Material(arguments.folder), found, QUICK if arguments.quick else FULL)
    for row in rows(setting):
        if arguments.only in row.job:
            show(row, measured(row, arguments.rounds))
    if not arguments.only:
        figures.own_recipient_info(setting, arguments.rounds)
        figures.path_verdicts(setting, arguments.rounds)
        figures.peak_memory(setting)
    for peer in found.values():
        peer.close()


if __name__ == "__main__":
    main()
