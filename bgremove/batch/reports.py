"""What a run leaves besides its outputs: figures as JSON, and a contact sheet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from bgremove.batch.job import STANDARD, Job
from bgremove.batch.records import ImageRecord, records_json
from bgremove.contact_sheet import MOST_IMAGES, Entry, contact_sheet
from bgremove.errors import UsageError
from bgremove.files import check_json_file, write_bytes, write_json_file
from bgremove.formats import FORMAT_OF_SUFFIX, encode
from bgremove.paths import display_name


@dataclass(frozen=True, slots=True)
class Reports:
    """Where they go; None is nowhere. Whatever was there before is replaced."""

    json_file: Path | None = None
    sheet: Path | None = None

    def __post_init__(self) -> None:
        if self.sheet is not None and self.sheet.suffix.lower() not in FORMAT_OF_SUFFIX:
            suffixes = ", ".join(FORMAT_OF_SUFFIX)
            raise UsageError(f"{display_name(self.sheet)}: the name of a contact sheet ends in one of {suffixes}")

    def check(self, jobs: Iterable[Job], others: Iterable[Path] = ()) -> None:
        """Raise `OutputError` unless all can be written, `UsageError` if one would replace a file of the run."""
        files = chain.from_iterable((job.source, *job.outputs.values()) for job in jobs)
        keep = [path for path in chain(files, others) if path != STANDARD]
        if self.json_file is not None:
            check_json_file(self.json_file, keep)
        if self.sheet is not None:
            check_json_file(self.sheet, chain(keep, filter(None, [self.json_file])))

    def prepared(self, jobs: Sequence[Job]) -> tuple[Job, ...]:
        """`jobs`, of which those make a preview that the contact sheet has room for: the first by path."""
        if self.sheet is None:
            return tuple(jobs)
        shown = {job.source for job in sorted(jobs, key=lambda job: job.source)[:MOST_IMAGES]}
        return tuple(replace(job, preview=job.source in shown) for job in jobs)

    def write(self, records: Sequence[ImageRecord], left_out: Mapping[str, int]) -> None:
        """Write all. The contact sheet shows what was cut out or has failed, by path."""
        if self.json_file is not None:
            write_json_file(self.json_file, records_json(records, left_out))
        if self.sheet is not None:
            shown = sorted((r for r in records if r.preview or r.status == "failed"), key=lambda record: record.path)
            entries = [Entry(display_name(r.path), r.preview, bool(r.error or r.warnings)) for r in shown]
            content = encode(contact_sheet(entries[:MOST_IMAGES]), FORMAT_OF_SUFFIX[self.sheet.suffix.lower()])
            write_bytes(self.sheet, content, overwrite=True)
