"""The queue on a terminal: `queue`, `queue retry ID…`, `queue cancel ID…`."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from portal.operations import selectors, services, terminal

DECISIONS = {"retry": services.retry_job, "cancel": services.cancel_job}


class Command(BaseCommand):
    help = "Show what waits in the queue and what was given up; let dead jobs begin again (retry) or never happen (cancel)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("decision", nargs="?", choices=sorted(DECISIONS), help="what shall become of dead jobs")
        parser.add_argument("ids", nargs="*", type=int, metavar="ID", help="numbers of dead jobs, as listed")
        parser.add_argument("--all", action="store_true", help="all dead jobs")

    def handle(self, *args: object, decision: str | None, ids: list[int], all: bool, **options: object) -> None:
        if decision is None:
            self._show()
            return
        if not ids and not all:
            raise CommandError(f"name the jobs to {decision}, or --all")
        actor = terminal.actor()
        chosen = selectors.dead_ids() if all else ids
        refused = [job_id for job_id in chosen if DECISIONS[decision](actor=actor, job_id=job_id)]
        self.stdout.write(f"{decision}: {len(chosen) - len(refused)} of {len(chosen)} jobs")
        if refused:
            raise CommandError(f"not dead (any more): {', '.join(map(str, refused))}")

    def _show(self) -> None:
        state = selectors.state()
        self.stdout.write(f"{'kind':20} {'precedence':12} {'waiting':>8} {'delayed':>8} {'running':>8} {'oldest':>10}")
        for each in state.depths:
            numbers = f"{each.waiting:8} {each.delayed:8} {each.running:8} {each.oldest:8.1f} s"
            self.stdout.write(f"{each.kind:20} {each.precedence_name.lower():12} {numbers}")
        self.stdout.write(f"\n{state.dead_count} dead")
        for job, _ in state.dead:
            self.stdout.write(f"{job.id:8} {job.kind:20} {job.target:34} {job.attempts} attempts  {job.reason}")
        if state.reason:
            self.stdout.write(f"\n{state.reason}")
