"""What is said when a run has ended."""

from typing import Any


def summary(result: dict[str, Any]) -> str:
    """A few lines: how it ended, and what was reached."""
    figure, digest = result["figure"], result["digest"]
    reached = "no evaluation yet" if figure is None else f"test {figure}{where(result)}"
    lines = [
        f"{result['status']}: {reached} after {result['ticks']} ticks in {result['seconds']:.1f} s of training",
        f"  {result['ticks_per_second']:.1f} ticks/s, overlap {result['overlap']:.2f}, digest {digest or '-'}",
        f"  {result['path']}",
    ]
    remarks = [result["verdict"]] if result.get("verdict") else []
    remarks += [f"warning: {warning}" for warning in result["warnings"]]
    if restarts := sum(result["restarts"]):
        remarks.append(f"boxes started again: {restarts}")
    if result["status"] != "finished" and result["cuts"]:
        remarks.append(f"goes on from tick {result['cuts'][-1]} with --resume {result['path']}")
    lines[2:2] = [f"  {line}" for line in remarks + result["hints"]]
    nodes, links = set(result.get("nodes", [])), [link for link in result.get("links_ms", []) if link is not None]
    if len(nodes) > 1 and links:
        lines.insert(2, f"  {len(nodes)} nodes, links of {min(links):.1f} to {max(links):.1f} ms there and back")
    if len(result["kernels"]) > 1:
        kernels = "; ".join(result["kernels"])
        lines.insert(
            2, f"  warning: boxes used different CPU kernels ({kernels}): for equal bits use --kernels portable"
        )
    return "\n".join(lines)


def where(result: dict[str, Any]) -> str:
    """Of the best evaluation, if it is not the newest."""
    best, evaluations = result.get("best"), result.get("evaluations")
    if not best or not evaluations or best["tick"] == max(one["tick"] for one in evaluations):
        return ""
    return f", best by validation, at tick {best['tick']} (at the end {result['figure_at_end']})"
