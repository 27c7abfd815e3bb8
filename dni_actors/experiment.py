"""A run, whole: configuration in, result out; the runtime, the record and the view meet here and nowhere else."""

import sys
from collections.abc import Callable
from contextlib import closing, nullcontext

from dni_actors.config.checks import ConfigError
from dni_actors.config.effects import shown as in_words
from dni_actors.config.fields import FIELDS
from dni_actors.config.run import RunConfig
from dni_actors.observe.advice import Health
from dni_actors.observe.events import Event, Told, Up, Warned
from dni_actors.observe.standing import Standing
from dni_actors.record.recorder import Recorder
from dni_actors.record.result import Result
from dni_actors.report import write
from dni_actors.runtime import Runtime, cluster_address, started
from dni_actors.runtime.driver.tuning import tune
from dni_actors.runtime.interrupts import interrupts_held
from dni_actors.runtime.kernels import cores, single_blas_thread
from dni_actors.sessions import within
from dni_actors.tasks.told import told
from dni_actors.view.console import View, view


def run(
    config: RunConfig, running: Runtime | None = None, shown_by: Callable[[Standing], View] | None = None
) -> Result:
    """Runs to the end, recording and showing what happens: in a runtime that is up, if there is one (see `session`),
    and otherwise than by the configured console, if that is given.

    Raises ConfigError before anything has begun, or if a box that starts anew no longer finds its data;
    RuntimeUnavailableError if no runtime can be had, BoxError if a box failed, KeyboardInterrupt on Ctrl-C: what was
    reached is recorded first.
    """
    if running is None:
        config, running = within(config)
    kernels = config.execution.kernels or ("portable" if cluster_address(config) else "native")
    config = config.replace().validated().fitted(cores()).validated()  # its file may have changed
    recorder = Recorder(config.replace(kernels=kernels))
    config = recorder.config
    standing = Standing(config, recorder.evaluations())
    shown = view(config.output.console, standing) if shown_by is None else shown_by(standing)
    sinks: list[View] = []
    results: list[Result] = []

    def tell(event: Event) -> None:
        standing.take(event)
        for one in (shown, *sinks):
            one.show(event)
        recorder.take(event, standing)  # last: what a cut brings is not told again after it

    def end(status: str, error: str | None = None) -> None:
        """Only the first call counts. It comes before Ray is shut down: after SIGTERM there may be few seconds left."""
        with interrupts_held(), single_blas_thread():
            if not results:
                for news in recorder.news(settled=True):
                    tell(news)
                results.append(recorder.close(standing, status, error))
                for one in (*sinks, shown):
                    one.close(results[0].content())

    try:
        shown.open()
        sinks += further(standing, recorder)
        tell(Told(learned(config)))
        for warning in unplaced(config):
            tell(warning)
        with nullcontext(running) if running is not None else started(config) as running:
            standing.cores = running.cores
            tell(Up())
            try:
                if config.learning.lag == "auto":
                    tuned = tune(config, running)
                    config = standing.config = config.replace(lag=tuned.lag)
                    recorder.settle(config)
                    tell(tuned)
                health = Health(config)
                with closing(running.run(config, recorder.cuts)) as events:
                    for event in events:
                        for news in (event, *health.take(event), *recorder.news()):
                            tell(news)
                        if (stop := early_end(standing, recorder)) is not None:
                            standing.end_at(*stop)
                            break
            except BaseException as error:
                if isinstance(error, ConfigError) and not standing.places:
                    raise
                end(*ended_by(error))
                raise
            end("finished")
    except BaseException as error:
        if isinstance(error, ConfigError) and not standing.places:  # that only the runtime could find: it never began
            for one in (shown, *sinks):
                one.close(None)
            recorder.discard()
            raise
        end(*ended_by(error))
        raise
    finally:
        if results and config.output.report:
            draw(str(results[0].path))
    if recorder.problem:
        raise OSError(recorder.problem)
    return results[0]


def ended_by(error: BaseException) -> tuple[str, str | None]:
    """A run's status, and the sentence that ended it."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", None
    return "failed", str(error) or type(error).__name__


def draw(place: str) -> None:
    """The run's report; what goes wrong with it is told, and is no reason to call the run a failure."""
    try:
        print(f"dni_actors: {write(places=[place])}", file=sys.stderr)
    except Exception as error:
        print(f"dni_actors: report.html could not be drawn ({type(error).__name__}: {error})", file=sys.stderr)


def further(standing: Standing, recorder: Recorder) -> list[View]:
    """What else takes the events, if it is asked for. ConfigError if it cannot be had."""
    output, found = standing.config.output, list[View]()
    if output.prometheus:
        from dni_actors.runtime.driver.prometheus import Prometheus

        found.append(Prometheus(standing))
    if output.tensorboard:
        from dni_actors.view.tensorboard import TensorBoard

        found.append(TensorBoard(recorder.path and recorder.path / "tensorboard"))
    return found


def learned(config: RunConfig) -> str:
    """What the run is about: its task, and how the boxes share it."""
    shares = sorted(set(config.unrolls) - {0})
    each = " or ".join(map(str, shares)) + " step" + "s" * (shares != [1])
    if config.chain.cell == "dense":
        each = "a layer"
    readout = " (the last one reads out only)" if config.unrolls[-1] == 0 else ""
    if config.boxes > 1:
        boxes = f"{config.boxes} boxes of {each} each{readout}"
    elif config.boundaries:
        boxes = "one box that goes round, and is its own neighbour"
    else:
        boxes = "one box: nothing is decoupled"
    scaled = "" if config.scaling is None else "; numbers standardized"
    return f"{told(config.task)}{scaled}; {boxes}"


ON_CLUSTERS = ("placement", "cpus_per_box", "resources_per_box", "placement_timeout")


def unplaced(config: RunConfig) -> list[Warned]:
    """What was asked of a cluster, if there is none: where one is, the environment says, too."""
    if config.execution.runtime == "inline" or cluster_address(config) is not None:
        return []
    asked = [name for name in ON_CLUSTERS if config.flat()[name] != FIELDS[name].default]
    return [
        Warned(f"{name} {in_words(config.flat()[name])} has no effect without a cluster (--address)") for name in asked
    ]


def early_end(standing: Standing, recorder: Recorder) -> tuple[int, list[str]] | None:
    """The cut at which patience with the validation was used up, and the boxes' digests there; None while it lasts.

    Boxes have gone on beyond it by then, as decoupled boxes do; that does not count: the end is the same every time.
    """
    tick = standing.evaluations.stops_at
    digests = None if tick is None or tick == standing.config.ticks else recorder.digests_at(tick)
    return None if tick is None or digests is None else (tick, digests)
