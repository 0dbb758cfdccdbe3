"""PyTorch on the CPU as an engine of compare-models.

    npx compare-models --peer torch='python3 peers/torch_peer.py --mode compile'
    python3 peers/torch_peer.py --check     compare with test/fixtures, and with a plain float64 recurrence; no protocol
"""
import argparse
import ctypes
import platform
import sys
from pathlib import Path

import torch
import torch._inductor.config as inductor
import torch._inductor.cpp_builder as cpp_builder

from checking import check
from serving import serve
from torch_models import Model


class Runtime:
    def __init__(self, compiled):
        self.compiled = self.builds = compiled

    def start(self, threads, thorough):
        if self.compiled:
            cpp_builder.get_cpp_compiler()  # raises where there is none
        self.thorough = thorough
        torch.set_num_threads(threads)
        torch.set_flush_denormal(True)
        way = "compiled" if self.compiled else "eager"
        return {"runtime": "torch", "versions": {"torch": torch.__version__}, "provider": None, "way": way}

    def model(self, layers, config, weights, file=None):
        return Model(layers, config, weights, self.compiled, self.thorough)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--mode", choices=("eager", "compile"), default="eager")
    p.add_argument("--check", action="store_true", help="compare with the fixtures, and with a recurrence; no protocol")
    p.add_argument("--fixtures", type=Path, default=Path(__file__).resolve().parent.parent / "test" / "fixtures")
    args = p.parse_args()
    if platform.libc_ver()[0] == "glibc":  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD: keep freed memory: no page faults
        ctypes.CDLL("libc.so.6").mallopt(-3, 1 << 30), ctypes.CDLL("libc.so.6").mallopt(-1, 2**31 - 1)
    inductor.freezing, inductor.cpp_wrapper = True, True  # weights packed as constants; calls from C++
    inductor.compile_threads = 1  # no pool of processes beside the one that is timed
    torch._dynamo.config.recompile_limit = 256  # prefill is compiled for each length
    runtime = Runtime(args.mode == "compile")
    with torch.inference_mode():
        return check(runtime, args.fixtures) if args.check else serve(runtime)


if __name__ == "__main__":
    sys.exit(main())
