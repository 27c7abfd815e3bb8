"""python -m dni_actors.launch: trains a chain of time boxes. `--help` tells every option."""

import os
import sys

from dni_actors.box.errors import BoxError, RuntimeUnavailableError
from dni_actors.config.checks import ConfigError
from dni_actors.options import parse
from dni_actors.runtime.interrupts import Terminated, listen
from dni_actors.runtime.kernels import restart_with_kernels


def main() -> int:
    """Exit code: 0 finished, 1 failed on the way, 2 wrong input, 130 interrupted, 143 terminated."""
    listen()
    try:
        config = parse(sys.argv[1:])
        restart_with_kernels(config, "dni_actors.launch")
        from dni_actors.experiment import run  # late: --help shall not wait for Ray and its friends

        run(config)
    except BrokenPipeError:  # who read our output (head, say) has enough of it; Python's own last flush shall not fail
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ConfigError as error:
        return tell(error, 2)
    except (BoxError, RuntimeUnavailableError, OSError) as error:
        return tell(error, 1)
    except KeyboardInterrupt as error:
        return tell(error, 143 if isinstance(error, Terminated) else 130)
    return 0


def tell(error: BaseException, code: int) -> int:
    print(f"dni_actors: {str(error) or 'interrupted'}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
