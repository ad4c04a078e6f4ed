"""deny_uring.py ERRNO PROGRAM [ARGUMENT...]: runs a program that io_uring_setup is refused to, as containers refuse it.

A seccomp filter answers the call with ERRNO (a name, such as EPERM) and lets everything else through. It holds for
whatever the program starts, too. The process stays the same one: its id is the program's.
"""

import ctypes
import errno
import os
import struct
import sys

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 22, 38
SECCOMP_MODE_FILTER = 2
SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO = 0x7FFF0000, 0x00050000
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
IO_URING_SETUP = 425  # on every architecture


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def deny(number):
    install(b"".join(
        struct.pack("HBBI", *one)
        for one in ((LOAD_WORD, 0, 0, 0), (JUMP_IF_EQUAL, 0, 1, IO_URING_SETUP), (RETURN, 0, 0, SECCOMP_RET_ERRNO | number),
                    (RETURN, 0, 0, SECCOMP_RET_ALLOW))))


def install(instructions):
    """A filter for this process and whatever it starts."""
    memory = ctypes.create_string_buffer(instructions, len(instructions))
    program = Program(len(instructions) // 8, ctypes.addressof(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)):
        if libc.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    deny(getattr(errno, sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])
