"""python -m dni_actors.launch: trains a chain of time boxes. `--help` shows the usual options, `--help-all` all."""

import sys

from dni_actors.command import command
from dni_actors.options import parse
from dni_actors.runtime.kernels import restart_with_kernels


@command
def main() -> None:
    config = parse(sys.argv[1:])
    restart_with_kernels(config, "dni_actors.launch")
    from dni_actors.experiment import run  # late: --help shall not wait for Ray and its friends

    result = run(config)
    if not sys.argv[1:]:  # the main job: somebody's first
        from dni_actors.first import lesson

        print(lesson(config, result))


if __name__ == "__main__":
    sys.exit(main())
