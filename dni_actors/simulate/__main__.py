"""python -m dni_actors.simulate: how fast a chain would be, with these boxes, links and failures; see options.py."""

import json
import sys
from pathlib import Path

from dni_actors.command import command
from dni_actors.config.checks import ConfigError
from dni_actors.observe.account import Account
from dni_actors.observe.trace import messages
from dni_actors.simulate import events
from dni_actors.simulate.costs import SHIPPED, keep
from dni_actors.simulate.options import parse
from dni_actors.simulate.outcome import Outcome, least_lag, simulate
from dni_actors.simulate.setting import Setting
from dni_actors.simulate.sweep import swept
from dni_actors.simulate.words import CHAINS, LAGGED, parse_updates
from dni_actors.view import simulation
from dni_actors.view.perfetto import events as trace_events
from dni_actors.view.perfetto import write

TRACED = 200  # ticks of a trace, where --ticks does not say


@command
def main() -> None:
    setting = parse(sys.argv[1:])
    rules = parse_updates("updates", setting.updates)
    if setting.target is not None and not set(rules) & set(LAGGED):
        raise ConfigError("target", f"{setting.updates} has no lag; add one of {', '.join(LAGGED)} to --updates")
    if setting.keep_costs is not None and setting.measured is not None:
        keep(setting.measured, setting.keep_costs)
    if setting.sweep is not None:
        sweep(setting, rules, setting.sweep)
        return
    outcomes = []
    for update in rules:
        outcomes.append(simulate(setting, update))
        tell(setting, {"event": "simulated"}, outcomes[-1])
    if setting.console == "plain":
        print(simulation.table(setting, outcomes))
        if setting.measured is not None:
            print(f"costs of {setting.measured.origin}")
            if setting.costs == SHIPPED:
                print("yours: --costs runs/NAME")
    if setting.perfetto is not None:
        perfetto(setting, rules[0], Path(setting.perfetto))
    for update in [] if setting.target is None else [name for name in rules if name in LAGGED]:
        least = least_lag(setting, update)
        if setting.console == "json":
            print(json.dumps({"event": "least lag", "update": update, "lag": least, "target": setting.target}))
        elif setting.console == "plain":
            print(f"{update}: lag {least} is the least with {setting.target:.0%} of the speed of an unlimited lag")


def perfetto(setting: Setting, update: str, path: Path) -> None:
    """Writes the trace of the first ticks, as a real run's."""
    if update not in CHAINS:
        raise ConfigError(
            "perfetto", f"{update} is no chain of boxes; give one of {', '.join(CHAINS)} to --updates first"
        )
    scene, rows = setting.scene(update, setting.seed, failures=True), list[tuple[int, ...]]()
    events.run(scene, setting.ticks or TRACED, traced=rows)
    table = events.as_trace(rows)
    nodes = [f"simulated {i}" for i in range(int(table["node"].max()) + 1)]
    account = Account(f"simulated {update}", str(path))
    write(path, trace_events(account, nodes, [table], messages(table)))
    if setting.console == "plain":
        print(path)


def sweep(setting: Setting, rules: list[str], text: str) -> None:
    """Each rule at each value; tells them, and draws them."""
    asked = swept(setting, text)
    found: dict[str, list[Outcome]] = {update: [] for update in rules}
    for value, one in zip(asked.values, asked.settings, strict=True):
        for update in rules:
            found[update].append(simulate(one, update))
            tell(setting, {"event": "simulated", asked.name: value}, found[update][-1])
    if setting.console == "plain":
        print(simulation.sweep_table(asked.name, asked.values, found))
    picture = simulation.draw_sweep(asked.name, asked.values, asked.logarithmic, found)
    Path(setting.output).write_bytes(picture)
    if setting.console == "plain":
        print(setting.output)


def tell(setting: Setting, event: dict[str, object], outcome: Outcome) -> None:
    if setting.console == "json":
        print(json.dumps(event | outcome._asdict()), flush=True)


if __name__ == "__main__":
    sys.exit(main())
