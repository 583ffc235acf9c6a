"""Gathers the reports of all processes of torch.distributed on rank 0."""

from __future__ import annotations

from dataclasses import replace

import torch.distributed as dist

from pybridge.torch.report import Report

__all__ = ["gathered"]


def gathered(report: Report) -> None:
    """Add the other processes' results to the report of rank 0, if processes are connected.

    All processes of the default group must call this. Each result gets its rank; the other ranks
    keep their own results.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return
    rank = dist.get_rank()
    report.checked = [replace(checked, rank=rank) for checked in report.checked]
    report.unchecked = [replace(call, rank=rank) for call in report.unchecked]
    everyone: list[Report | None] = [None] * dist.get_world_size()
    dist.all_gather_object(everyone, report)
    report.ranks = len(everyone)
    if rank == 0:
        for other in everyone[1:]:
            assert other is not None
            report.checked += other.checked
            report.unchecked += other.unchecked
            report.not_sampled += other.not_sampled
            report.notes += [note for note in other.notes if note not in report.notes]
