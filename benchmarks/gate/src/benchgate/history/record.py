"""What is kept of one comparison: for each case and metric, the log ratio of every pair that decided."""

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..decide.evidence import Evidence
from ..decide.measured import DISTURBING_SHARE
from ..decide.metrics import Metric
from ..errors import GateError
from ..report.stored import Stored
from ..revisions.git import git

#: Version of what is kept. 1: first.
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Record:
    """A comparison of two commits; `ratios` are log(head/base) by case and metric, one a pair."""

    base: str
    head: str
    ratios: Mapping[str, Mapping[Metric, list[float]]]
    format_version: int = FORMAT_VERSION

    @classmethod
    def of(cls, stored: Stored) -> "Record":
        """From a gate.json: the undisturbed pairs of each case that was judged."""
        evidence = Evidence(DISTURBING_SHARE * stored.settings.rule.limit)
        for pair in stored.result.pairs:
            evidence.add(pair)
        ratios = {
            finding.case: {metric.metric: evidence.values(finding.case, metric.metric) for metric in finding.metrics}
            for finding in stored.result.findings
        }
        return cls(
            stored.result.base.commit, stored.result.head.commit, {case: of for case, of in ratios.items() if of}
        )

    def joined(self, earlier: "Record | None") -> "Record":
        """With the cases of an earlier record of the same two commits, where this one has not measured them.

        It may be of a shard, or of those that were confirmed.
        """
        if earlier is None or (earlier.base, earlier.head) != (self.base, self.head):
            return self
        return replace(self, ratios={**earlier.ratios, **self.ratios})

    def as_text(self) -> str:
        """The record as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def parsed(cls, text: str, where: str) -> "Record":
        """The record of a text that is kept in `where`; raises GateError when it is none, or a newer version's."""
        try:
            fields = json.loads(text)
            version = fields["format_version"]
            record = cls(**fields)
        except (ValueError, KeyError, TypeError) as error:
            raise GateError(f"{where} holds no record of benchgate ({error})") from None
        if version != FORMAT_VERSION:
            raise GateError(f"{where} has format_version {version}, and this version reads {FORMAT_VERSION}: update it")
        return record


class Notes:
    """Records as git notes of the commits that were head: they are pushed and fetched as branches are."""

    REF = "refs/notes/benchgate"

    def __init__(self, repository: Path) -> None:
        self._repository = repository

    def __str__(self) -> str:
        return f"git notes ({self.REF})"

    def add(self, record: Record) -> None:
        """Keeps a record, in place of an earlier one of the same head."""
        who = {f"GIT_{role}_{part}": "benchgate" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
        with tempfile.TemporaryDirectory(prefix="benchgate-note-") as directory:
            file = Path(directory) / "note"
            file.write_text(record.as_text(), encoding="utf-8")
            self._git("add", "--force", f"--file={file}", record.head, **who)

    def all(self) -> list[Record]:
        """Every record there is."""
        heads = [line.split()[1] for line in self._git("list").splitlines()]
        return [Record.parsed(self._git("show", head), f"the note of {head[:10]}") for head in heads]

    def of(self, head: str) -> Record | None:
        """The record of a head; None if there is none."""
        with suppress(GateError):
            return Record.parsed(self._git("show", head), head)
        return None

    def _git(self, *arguments: str, **environment: str) -> str:
        return git(self._repository, "notes", f"--ref={self.REF}", *arguments, **environment)


class Folder:
    """Records as files of a folder, each named for the commit that was head."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __str__(self) -> str:
        return str(self._folder)

    def add(self, record: Record) -> None:
        """Keeps a record, in place of an earlier one of the same head; whole or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = self._folder / f".{record.head}.{os.getpid()}"
        unfinished.write_text(record.as_text(), encoding="utf-8")
        unfinished.replace(self._folder / f"{record.head}.json")

    def all(self) -> list[Record]:
        """Every record there is."""
        return [_read(file) for file in sorted(self._folder.glob("*.json"))]

    def of(self, head: str) -> Record | None:
        """The record of a head; None if there is none."""
        with suppress(GateError, FileNotFoundError):
            return _read(self._folder / f"{head}.json")
        return None


def _read(file: Path) -> Record:
    return Record.parsed(file.read_text(encoding="utf-8", errors="replace"), str(file))
