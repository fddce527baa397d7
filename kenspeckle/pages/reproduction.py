"""The page and the text of reproduced experiments. Nothing here computes a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kenspeckle.pages.html import data_uri, environment
from kenspeckle.pages.text import duration

Document = Mapping[str, Any]  # as in reproduction.json


def page(document: Document, pictures: Mapping[str, bytes]) -> str:
    """One self-contained HTML page; `pictures` are PNG files by the name that `document` gives."""
    made = environment()
    made.filters["quantity"] = quantity
    made.filters["interval"] = interval
    made.filters["target"] = target
    encoded = {name: data_uri(data, "image/png") for name, data in pictures.items()}
    template = made.get_template("reproduction.html")
    return template.render(document=document, pictures=encoded)


def markdown(document: Document, *, folder: str) -> str:
    """The same as Markdown; pictures are linked from `folder`."""
    lines = [
        "# Every experiment of the seed documents",
        "",
        "Written by `ken reproduce`. Each number is a mean over seeds on the test split, with a",
        "95 % interval over the seeds, or Wilson's for a single one.",
        "",
        _machine(document),
        "",
        "| experiment | quantity | document | ours (95 % interval) | asked for | seeds | time |",
        "|---|---|---|---|---|---|---|",
    ]
    for item in document["experiments"]:
        if item["skipped"]:
            lines.append(f"| {item['name']} | | {item['headline']} | {item['skipped']} | | | |")
        for number, row in enumerate(item["quantities"]):
            first = number == 0
            ours = f"{quantity(row)} {interval(row)}".strip()
            lines.append(
                f"| {item['name'] if first else ''} | {row['name']} | {row['headline']} | {ours} "
                f"| {target(row)} | {item['seeds'] if first else ''} "
                f"| {duration(item['seconds']) if first else ''} |"
            )
    for item in document["experiments"]:
        lines += ["", f"## {item['name']}", "", f"{item['document']}: {item['section']}."]
        if item["skipped"]:
            lines += ["", f"Skipped: {item['skipped']}."]
            continue
        lines += ["", item["story"]]
        made = "1 seed" if item["seeds"] == 1 else f"{item['seeds']} seeds"
        if item["settings"]:
            made += f", with {', '.join(item['settings'])}"
        lines += ["", f"*{made}*"]
        for note in item["notes"]:
            lines += ["", f"*{note}*"]
        for picture in item["pictures"]:
            lines += ["", f"![{picture['about']}]({folder}/{picture['file']})"]
    return "\n".join(lines) + "\n"


def quantity(row: Mapping[str, Any]) -> str:
    """The mean of a quantity in its unit, with its deviation over the seeds."""
    mean, deviation = row["mean"], row["deviation"]
    if mean is None:
        return "not reached"
    if row["unit"] == "share":
        return f"{mean:.2%}" + (f" (sd {deviation * 100:.2f})" if deviation is not None else "")
    if row["unit"] == "seconds":
        return duration(mean)
    return f"{mean:,.0f}" if row["unit"] == "steps" else f"{mean:.4g}"


def interval(row: Mapping[str, Any]) -> str:
    """The interval of a share and its n."""
    if not row["interval"]:
        return ""
    low, high = row["interval"]
    if row["unit"] != "share":
        return f"({low:.3g} to {high:.3g})"
    return f"({low * 100:.2f} to {high * 100:.2f}, n={row['n']:,})"


def target(row: Mapping[str, Any]) -> str:
    """What was asked for, and whether it was met."""
    if row["met"] is None:
        return ""
    share = row["unit"] == "share"
    least, most = (
        "" if bound is None else f"{bound:.2%}" if share else f"{bound:g}"
        for bound in (row["least"], row["most"])
    )
    asked = f"{least} to {most}" if least and most else f"≥ {least}" if least else f"≤ {most}"
    return f"{asked}: {'met' if row['met'] else 'not met'}"


def _machine(document: Document) -> str:
    facts = document["environment"]
    return (
        f"{facts['processor']}, {facts['threads']} threads, torch {facts['versions']['torch']}, "
        f"kenspeckle {facts['versions']['kenspeckle']} at {facts['commit'] or 'no commit'}."
    )
