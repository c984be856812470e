"""Ray's tasks, actors and objects, measured as bench_compute measures ours: every answer is checked.

    ray_core.py --cpus 2 --runs 5 --seconds 1 --folder DIR [MEASURE...]

Starts a head of its own and ends it. Prints one JSON object per line and run: {"measure": NAME, FIGURE: VALUE}.
"""
import argparse
import itertools
import json
import time

import numpy as np
import ray

IN_FLIGHT = 1_000  # More is no faster, and 100,000 take a minute.
LARGE = 100 * 1_000_000
STORE = 2_000_000_000


def right(x):
    return x * 7 + 1


@ray.remote
def answer(x):
    return right(x)


@ray.remote
class Answerer:
    def answer(self, x):
        return right(x)


def check(answers, arguments):
    if answers != [right(x) for x in arguments]:
        raise SystemExit("wrong answer")


class Bench:
    def __init__(self, seconds):
        self.seconds = seconds
        self.arguments = itertools.count()  # never the same twice
        self.large = np.arange(LARGE // 8, dtype=np.int64)
        self.store_is_warm = False
        self.actor = Answerer.remote()

    def rate(self, things, once):
        """How many things a second, of which once() does so many. A fifth of the time to warm up."""
        for seconds in (self.seconds / 5, self.seconds):
            rounds, start = 0, time.perf_counter()
            while rounds == 0 or time.perf_counter() < start + seconds:
                once()
                rounds += 1
            taken = time.perf_counter() - start
        return rounds * things / taken

    def calls(self, submit, count):
        def once():
            arguments = list(itertools.islice(self.arguments, count))
            check(ray.get([submit(x) for x in arguments]), arguments)
        return {"per_s": self.rate(count, once)}

    def put(self):
        def once():
            arguments = list(itertools.islice(self.arguments, IN_FLIGHT))
            start = time.perf_counter()
            references = [ray.put(right(x)) for x in arguments]
            nonlocal putting
            putting += time.perf_counter() - start
            check(ray.get(references), arguments)
        putting, rounds = 0.0, 0
        while putting < self.seconds:
            once()
            rounds += 1
        return {"per_s": rounds * IN_FLIGHT / putting}

    def put_and_get(self):
        def once():
            x = next(self.arguments)
            check([ray.get(ray.put(right(x)))], [x])
        return {"per_s": self.rate(1, once)}

    def put_large(self):
        def once():
            self.large[0] = next(self.arguments)
            reference = ray.put(self.large)
            got = ray.get(reference)  # maps it, copies nothing
            if got[0] != self.large[0] or got[-1] != self.large[-1]:
                raise SystemExit("wrong answer")
        if not self.store_is_warm:
            # The first use of each page of the store is many times slower.
            for _ in range(2 * STORE // LARGE):
                once()
            self.store_is_warm = True
        return {"gb_per_s": self.rate(LARGE / 1e9, once)}

    def measures(self):
        return {"single": lambda: self.calls(answer.remote, 1),
                "in-flight": lambda: self.calls(answer.remote, IN_FLIGHT),
                "actor": lambda: self.calls(self.actor.answer.remote, 1),
                "actor-in-flight": lambda: self.calls(self.actor.answer.remote, IN_FLIGHT),
                "put": self.put, "put-get": self.put_and_get, "put-large": self.put_large}


def say(measure, figures):
    print(json.dumps({"measure": measure, **figures}), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--folder", required=True)
    parser.add_argument("measure", nargs="*")
    args = parser.parse_args()
    start = time.perf_counter()
    # "local": a head of our own, even where another one runs.
    ray.init(address="local", num_cpus=args.cpus, include_dashboard=False, log_to_driver=False, _temp_dir=args.folder,
             _node_ip_address="127.0.0.1", object_store_memory=STORE)
    try:
        check([ray.get(answer.remote(1))], [1])
        if not args.measure or "start" in args.measure:
            say("start", {"s": time.perf_counter() - start})
        all_measures = Bench(args.seconds).measures()
        for _ in range(args.runs):
            for name, measure in all_measures.items():
                if not args.measure or name in args.measure:
                    say(name, measure())
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main()
