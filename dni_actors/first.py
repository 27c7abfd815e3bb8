"""What the main job, `launch` without options, has shown, in plain words, beside a rival; and what to try next."""

from dni_actors.config.run import RunConfig
from dni_actors.observe.guessing import guessing
from dni_actors.observe.standing import Standing
from dni_actors.record.result import Result
from dni_actors.runtime import inline

NEXT = (
    ("make demo", "slow links, exact backpropagation beside it, a killed box"),
    ('make run ARGS="--preset recall"', "a task that needs gradients through time"),
    ("make compare", "several update rules on ten digits, one table"),
    ('make report ARGS="{path}"', "pictures of this run"),
)

MARGIN = 0.02  # share of the images, within which the two rules count as equally good


def truncated(config: RunConfig) -> Standing:
    """The same chain and mini-batches, but no box gets a gradient from the boxes after it; here, in this process."""
    rival = config.changed(update="truncated", runtime="inline", trace="off")
    standing = Standing(rival)
    for event in inline.run(rival):
        standing.take(event)
    return standing


def lesson(config: RunConfig, result: Result) -> str:
    """What a finished run has shown, in a few lines. It trains a rival first, in about the time the run took."""
    best, rival, base = result.best, truncated(config).evaluations.best, guessing(config)
    if best is None or rival is None or base is None:
        return ""
    more = round((best["accuracy"] - rival.accuracy) * base.asked)
    against = f"{abs(more)} of {base.asked} images {'fewer' if more > 0 else 'more'}" if more else "just as many"
    lines = [
        "",
        "What this run has shown",
        f"  {config.boxes} boxes, each a process of its own, have learned to tell images of 0 and 1 apart. No box",
        "  waited for the true gradient: each predicted it, and updated its weights at once.",
        f"  Right answers for test images: {best['accuracy']:.1%}. Always the same answer: {base.value:.1%}.",
        "  The same boxes without any gradient from the boxes after them (truncated, trained just now):",
        f"  {rival.accuracy:.1%}, {against}.",
    ]
    if abs(more) <= MARGIN * base.asked:
        lines.append("  So this task hardly needs these gradients. The task recall, below, cannot be learned without.")
    lines += ["  Run it again: the digest, a fingerprint of all weights, stays the same.", "", "What to try next"]
    commands = [(command.format(path=result.path), what) for command, what in NEXT]
    widest = max(len(command) for command, _ in commands)
    lines += [f"  {command:{widest}}  {what}" for command, what in commands]
    return "\n".join(lines)
