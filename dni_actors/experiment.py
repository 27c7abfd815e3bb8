"""A run, whole: configuration in, result out; the runtime, the record and the view meet here and nowhere else."""

from contextlib import closing

from dni_actors.box.report import Event
from dni_actors.box.standing import Standing
from dni_actors.checks import ConfigError
from dni_actors.config import RunConfig
from dni_actors.record.recorder import Recorder
from dni_actors.record.result import Result
from dni_actors.runtime import cluster_address, session
from dni_actors.runtime.interrupts import interrupts_held
from dni_actors.runtime.tuning import tune
from dni_actors.view.console import view


def run(config: RunConfig) -> Result:
    """Runs to the end, recording and showing what happens.

    Raises ConfigError before anything has begun; RuntimeUnavailableError if no runtime can be had, BoxError if a box
    failed, KeyboardInterrupt on Ctrl-C: what was reached is recorded first.
    """
    kernels = config.execution.kernels or ("portable" if cluster_address(config) else "native")
    recorder = Recorder(config.validated().replace(kernels=kernels))
    config = recorder.config
    standing = Standing(config)
    standing.evaluations = recorder.evaluations()
    shown = view(config.output.console, standing)
    results: list[Result] = []

    def tell(event: Event) -> None:
        standing.take(event)
        recorder.take(event, standing)
        shown.show(event)

    def end(status: str, error: str | None = None) -> None:
        """The first time counts: before Ray is shut down, for who says SIGTERM may lose patience meanwhile."""
        with interrupts_held():
            if not results:
                for news in recorder.news(settled=True):
                    tell(news)
                results.append(recorder.close(standing, status, error))
                shown.close(results[0].content())

    try:
        shown.open()
        with session(config) as running:
            try:
                if config.learning.lag == "auto":
                    tuned = tune(config, running)
                    config = standing.config = config.replace(lag=tuned.lag)
                    recorder.settle(config)
                    tell(tuned)
                with closing(running.run(config, recorder.cuts)) as events:
                    for event in events:
                        for news in (event, *recorder.news()):
                            tell(news)
                        if (stop := early_end(standing, recorder)) is not None:
                            standing.end_at(*stop)
                            break
            except ConfigError:
                raise
            except BaseException as error:
                end(*ended_by(error))
                raise
            end("finished")
    except ConfigError:  # wrong input that only the runtime could find: the run never began
        shown.close(None)
        recorder.discard()
        raise
    except BaseException as error:
        end(*ended_by(error))
        raise
    if recorder.problem:
        raise OSError(recorder.problem)
    return results[0]


def ended_by(error: BaseException) -> tuple[str, str | None]:
    """A run's status, and the sentence that ended it."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", None
    return "failed", str(error) or type(error).__name__


def early_end(standing: Standing, recorder: Recorder) -> tuple[int, list[str]] | None:
    """The cut at which patience with the validation was used up, and the boxes' digests there; None while it lasts.

    Boxes have gone on beyond it by then, as decoupled boxes do; that does not count: the end is the same every time.
    """
    tick = standing.stops_at
    digests = None if tick is None or tick == standing.config.ticks else recorder.digests_at(tick)
    return None if tick is None or digests is None else (tick, digests)
