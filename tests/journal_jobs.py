"""Jobs for a journal, and a run that has done one of them and begun another."""

from bgremove.batch.job import Job
from bgremove.batch.journal import Journal


def make_jobs(folder):
    made = []
    for name in ("a", "b", "c"):
        (folder / f"{name}.jpg").write_bytes(b"picture")
        made.append(Job(folder / f"{name}.jpg", {"cutout": folder / "out" / f"{name}.png"}))
    return made


def run_some(folder, settings, jobs):
    with Journal(folder, settings) as journal:
        for job in jobs[:2]:
            assert journal.take(job) is None
        jobs[0].outputs["cutout"].touch()
        journal.done(jobs[0], {})
