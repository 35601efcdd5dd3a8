"""A scheduler of Dask and its workers, in processes of their own on loopback."""

import subprocess
import sys
import time

import psutil

# Where Dask allows no failure, its own error comes before the news that a worker is lost.
STRICT = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}


class DaskCluster:
    """Started at once; `file` is the scheduler file."""

    def __init__(self, folder, environment, threads, memory_limit="0"):
        self.file = folder / "scheduler.json"
        self._memory_limit = memory_limit
        self._environment, self._folder = {**environment, **STRICT}, folder
        self._processes = []
        self.scheduler = self._start("scheduler", "--port", "0", "--scheduler-file", self.file)
        self._wait_for(lambda: self.file.exists() and self.file.read_text())
        for count in threads:
            self.add_worker(count)

    def add_worker(self, threads):
        own = "--nthreads", str(threads), "--local-directory", self._folder, "--memory-limit", self._memory_limit
        worker = self._start("worker", "--scheduler-file", self.file, *own)
        # said by its child, which does the tasks, when the scheduler knows it
        self._wait_for(lambda: any("Registered to" in line for line in self._log(worker)))
        return worker

    def stop(self):
        for process in reversed([each for each in self._processes if each.poll() is None]):
            for each in [*psutil.Process(process.pid).children(recursive=True), process]:
                each.kill()
            process.wait()

    def _start(self, what, *arguments):
        line = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--host", "127.0.0.1", "--no-dashboard"]
        with (self._folder / f"{len(self._processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [*line, *arguments], env=self._environment, cwd=self._folder, stdout=log, stderr=subprocess.STDOUT
            )
        self._processes.append(process)
        return process

    def _log(self, process):
        return (self._folder / f"{self._processes.index(process)}.log").read_text().splitlines()

    def _wait_for(self, seen):
        end = time.monotonic() + 60
        while not seen():
            assert time.monotonic() < end
            time.sleep(0.05)
