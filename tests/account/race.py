"""A race on purpose: two threads ask one engine at once. The thread sanitizer must report it, or it reports nothing.

    LD_PRELOAD=libtsan.so python tests/account/race.py    # of a build with CROSSMARGIN_SANITIZE=thread; exits with 66
"""

import ctypes
import sys
from pathlib import Path
from threading import Thread

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from account.test_gate_fuzz import address, opened

engine = opened("isolated")
check = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, *[ctypes.c_int64] * 4)(address("gate_check"))


def ask(account):
    for _ in range(2000):
        check(engine.address, account, 0, 1, 100)


threads = [Thread(target=ask, args=(account,)) for account in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
