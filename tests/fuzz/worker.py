"""One process of coverage-guided fuzzing of one target, for a time: ``worker.py FOLDER TARGET SECONDS``. Started by ``run.py``.

What is found goes into the folder and the process goes on; only a hang, a crash of the interpreter or too much memory ends it.
"""

import hashlib
import sys
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["secmail", "asn1crypto"]):
    import fixed  # noqa: F401 (before all that uses its keys)
    import guard
    import mutators
    import seeds
    import targets

TIMEOUT, MEMORY, LONGEST = 10, 1_500, 100_000  # seconds, MiB, octets


def main(folder: Path, name: str, seconds: int) -> None:
    corpus, findings = folder / "corpus" / name, folder / "findings"
    for each in (corpus, findings):
        each.mkdir(parents=True, exist_ok=True)
    beginning = seeds.inputs(name)
    if not any(corpus.iterdir()):
        for data in beginning:
            (corpus / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    for data in beginning:  # so that making the keys, which takes seconds, counts for none of the messages
        guard.judge(name, data)
    kind = targets.TARGETS[name].kind

    def one(data: bytes) -> None:
        found = guard.judge(name, data)
        if found is not None and found.keep(findings, data):
            print(f"FOUND {found.name}", flush=True)

    def mutated(data: bytes, longest: int, seed: int) -> bytes:
        random = Random(seed)
        own = mutators.scrambler(random)

        def scramble(octets: bytes) -> bytes:
            return atheris.Mutate(octets, len(octets) + 64) if octets and random.random() < 0.5 else own(octets)

        return mutators.of(kind, data, random, scramble, beginning)[:longest]

    def crossed(data: bytes, other: bytes, longest: int, seed: int) -> bytes:
        random = Random(seed)
        return mutators.of(kind, data, random, mutators.scrambler(random), (other,))[:longest]

    arguments = {
        "max_total_time": seconds, "timeout": TIMEOUT, "rss_limit_mb": MEMORY, "max_len": LONGEST, "print_final_stats": 1,
        "artifact_prefix": f"{findings}/{name}-", "len_control": 0,
    }  # fmt: skip
    argv = [sys.argv[0], *(f"-{key}={value}" for key, value in arguments.items()), str(corpus)]
    atheris.Setup(argv, one, custom_mutator=mutated, custom_crossover=crossed)
    atheris.Fuzz()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
