"""What a task is about, in one line: what a newcomer, or somebody with a file of their own, wants to see first."""

from dni_actors.tasks.task import Fresh, Streaming, Task, optional

LISTED = 5  # classes whose shares are told one by one


def told(task: Task) -> str:
    """Sequences, what is learned of them, and how many samples are for what."""
    more = optional(task)
    length = "any number of steps" if task.steps is None else plural(task.steps, "step")
    length = f"up to {length}" if more.begins is not None else length
    what = f"{'streams' if isinstance(task, Streaming) else 'sequences'} of {length}, {plural(task.inputs, 'input')}"
    parts = f"{task.train} to train, {task.validation} to validate, {task.test} to test"
    if isinstance(task, Streaming):
        return f"{what}; {asked(task)}"
    if isinstance(task, Fresh):
        parts = f"drawn anew in each tick, {task.validation} to validate, {task.test} to test"
    return f"{what}; {asked(task)}; {parts}"


def asked(task: Task) -> str:
    """`2 classes, one a sequence: 57 % no, 43 % yes`."""
    kind = {"softmax": "class", "bits": "bit", "squared": "number"}[task.loss]
    whole = "step" if task.per_step else "sequence"
    if task.loss != "softmax":
        return f"{plural(task.classes, kind)} a {whole}"
    return f"{plural(task.classes, kind)}, one a {whole}{shares(task)}"


def shares(task: Task) -> str:
    """Of the classes among the labels to train with, as far as the task tells."""
    more = optional(task)
    if more.counts is None:
        return ""
    total, names = max(1, int(more.counts.sum())), class_names(task)
    of = [(count / total, name) for count, name in zip(more.counts.tolist(), names, strict=True)]
    if len(of) > LISTED:
        of = [max(of), min(of)]
        return f": from {of[1][0]:.1%} ({of[1][1]}) to {of[0][0]:.1%} ({of[0][1]})"
    return ": " + ", ".join(f"{share:.0%} {name}" for share, name in of)


def class_names(task: Task) -> tuple[str, ...]:
    """Of all classes: those that the task tells, else their numbers."""
    return optional(task).names or tuple(map(str, range(task.classes)))


def plural(count: int, word: str) -> str:
    return f"{count} {word}" + ("" if count == 1 else "es" if word.endswith("s") else "s")
