"""A run's folder as a run of a million ticks would leave it, made in a second."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dni_actors.observe.events import Row
from dni_actors.observe.trace import BEGIN, CODES, ROWS, TICK
from dni_actors.protocol.channel import Channel
from dni_actors.record.storage import Storage
from dni_actors.record.tables import CutDigest, schema
from dni_actors.record.traces import TraceTable

PERIOD = 1e-3  # seconds a tick
PHASES = ("train synthesizer", "forward", "synthesize", "backward", "update")


def long_run(folder, ticks=1_000_000, boxes=4, lag=4, window=500, every=100):
    """Metrics with a spike each, a sampled trace, settings and a result; box k is k / 2 ticks behind box 0."""
    for name in ("metrics", "digests", "cuts"):
        (folder / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = ticks // window
    first = np.repeat(np.arange(rows) * window, boxes)
    box = np.tile(np.arange(boxes), rows)
    noise = rng.uniform(size=len(first))
    seconds = np.full(len(first), window * PERIOD)
    columns = {name: np.zeros(len(first)) for name in Row._fields}
    columns |= {
        "box": box, "incarnation": np.zeros(len(first), int), "first_tick": first, "last_tick": first + window - 1,
        "loss": np.where(box == boxes - 1, noise + 1e5 / (first + 1e5), np.nan), "updates": np.full(len(first), window),
        "seconds": seconds, "cpu_seconds": seconds / 2, "wait_state_seconds": seconds * 0.2 * noise,
        "forward_seconds": seconds * 0.2, "backward_seconds": seconds * 0.3, "slack": np.clip(noise * lag, 0, lag),
        "cosine": np.where(box < boxes - 1, noise / 2, np.nan),
    }  # fmt: skip
    columns["cosine"][boxes * (rows // 3)] = -0.99
    kinds = schema(Row)
    arrays = [
        pa.array([b"\0" * 4 * window] * len(first))
        if field.name == "prints"
        else pa.array(columns[field.name], from_pandas=True).cast(field.type)
        for field in kinds
    ]
    pq.write_table(pa.Table.from_arrays(arrays, schema=kinds), folder / "metrics" / "part-00000.parquet")
    pq.write_table(schema(CutDigest).empty_table(), folder / "digests" / "part-00000.parquet")
    traces = TraceTable(Storage.of(str(folder / "trace")))
    traced = np.unique(np.concatenate([np.arange(200), np.arange(0, ticks, every), np.arange(ticks - 200, ticks)]))
    for k in range(boxes):
        traces.take(k, 0, "node", of_box(k, boxes, lag, traced).tobytes())
    traces.flush()
    evaluations = [
        {"tick": int(t), "accuracy": 1 - 1 / (i + 2), "loss": 0.1, "validation_accuracy": 0.5, "validation_loss": 0.2}
        for i, t in enumerate(np.linspace(ticks / 1000, ticks, 1000))
    ]
    result = {"status": "finished", "ticks": ticks, "ticks_per_second": 1 / PERIOD, "overlap": 1.9, "restarts": []}
    (folder / "result.json").write_text(json.dumps(result | {"evaluations": evaluations}))
    (folder / "manifest.json").write_text(json.dumps({"started": "then", "ended": "now", "how": "finished"}))
    (folder / "config.toml").write_text(f'task = "rows"\nboxes = {boxes}\nlag = {lag}\nupdate = "synthetic"\n')
    return folder


def of_box(k, boxes, lag, traced):
    """ROWS of the traced ticks."""
    lines = [np.array([(CODES[BEGIN], 0, 0, 0.0, 0.0)], ROWS)]
    begin = (traced + k / 2) * PERIOD
    part = PERIOD / (len(PHASES) + 1)

    def add(kind, index, begins, ends):
        one = np.zeros(len(traced), ROWS)
        one["kind"], one["tick"], one["index"] = CODES[kind], traced, index
        one["begin"], one["end"] = begins, ends
        lines.append(one)

    for i, phase in enumerate(PHASES):
        add(phase, 0, begin + i * part, begin + (i + 1) * part)
    if k < boxes - 1:
        add(f"put {Channel.STATE}", traced, begin + 1.9 * part, begin + 1.95 * part)
        add(f"take {Channel.GRADIENT}", traced - lag, begin - 0.1 * part, begin)
    if k:
        add(f"take {Channel.STATE}", traced, begin + 0.9 * part, begin + part)
        add(f"put {Channel.GRADIENT}", traced, begin + 3.9 * part, begin + 3.95 * part)
    add(TICK, 0, begin, begin + part * len(PHASES))
    return np.concatenate(lines)
