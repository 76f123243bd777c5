"""Executors that misbehave: any order, any number of workers, workers that die."""

import random

from raysearch.scanning.executor import Lost, Serial
from raysearch.scanning.work import run_sets


class AnyOrder(Serial):
    """Gives results back in an order of its own, as several workers would."""

    def __init__(self, workers, seed):
        self.workers, self._random = workers, random.Random(seed)

    def ended(self, handles, timeout_s):
        count = self._random.randint(1, len(handles))
        return self._random.sample(list(handles), count)


class Counting(Serial):
    """Counts the trials it runs, and stops the scan after some."""

    def __init__(self, most=None):
        self.trials, self._most = 0, most

    def start(self, function, *arguments, outputs=1):
        if function is run_sets:
            self.trials += len(arguments[2])
            if self._most is not None and self.trials > self._most:
                raise KeyboardInterrupt
        return super().start(function, *arguments, outputs=outputs)


class Deadly(Serial):
    """Raises in the pieces that a rule names by function and arguments."""

    error = RuntimeError("the worker died")

    def __init__(self, kills):
        self._kills, self.lost, self.started = kills, [], []

    def start(self, function, *arguments, outputs=1):
        self.started.append(function)

        def lose(*values):
            raise self.error

        if self._kills(function, arguments):
            self.lost.append(arguments)
            return super().start(lose, outputs=outputs)
        return super().start(function, *arguments, outputs=outputs)


class Losing(Deadly):
    """Loses those pieces as a system that fails, and not for what they do."""

    error = Lost("NodeDiedError: the node is gone")
