"""Names of the standard library in pickles: what could run something is refused, the rest becomes inert.

Nothing runs in either case. Checkpoints hold the types of their options (`typing.Any`, `uuid.UUID`, Python 2's
`unicode`); a file that names `os.system` is hostile, and is said to be.
"""

import builtins
import sys

_MODULES = """
os posix nt posixpath ntpath subprocess sys shutil socket socketserver ssl ctypes _ctypes importlib
runpy code codeop pty pickle _pickle cPickle marshal shelve dbm webbrowser urllib http ftplib
smtplib poplib imaplib telnetlib xmlrpc asyncio multiprocessing concurrent threading _thread signal
tempfile glob io _io platform pip site sysconfig inspect gc pdb bdb profile cProfile timeit trace
zipimport pkgutil imp commands popen2 mmap fcntl resource faulthandler atexit sched zipapp venv
ensurepip distutils setuptools idlelib lib2to3 doctest unittest test tkinter turtle antigravity
sqlite3 zipfile tarfile gzip bz2 lzma fileinput linecache tokenize py_compile compileall contextlib
weakref ast dis symtable cgi cgitb wsgiref pydoc rlcompleter readline crypt spwd pwd grp nis syslog
"""
_FUNCTIONS = """
eval exec execfile compile open file __import__ input raw_input globals locals vars setattr delattr
breakpoint exit quit apply reload help copyright credits license __loader__ __spec__ __build_class__
"""
_RUNNING = frozenset(_MODULES.split())
_RUNNING_BUILTINS = frozenset(_FUNCTIONS.split())
_OPERATORS = frozenset({"attrgetter", "methodcaller", "call", "setitem", "delitem"})
_OF_PYTHON_2 = frozenset({"unicode", "long", "xrange", "basestring", "buffer", "unichr", "cmp", "reduce"})
_BUILTINS = ("builtins", "__builtin__")
_RENAMED = frozenset({"copy_reg", "__main__", "__builtin__"})  # names of Python 2, and of scripts


def is_standard(module: str) -> bool:
    """Return whether a module is one of Python's own."""
    return module.split(".")[0] in sys.stdlib_module_names | _RENAMED | _RUNNING


def could_run(module: str, name: str) -> bool:
    """Return whether a name of the standard library could read, write, import or run something."""
    root = module.split(".")[0]
    if root in _BUILTINS:
        return name in _RUNNING_BUILTINS or not (hasattr(builtins, name) or name in _OF_PYTHON_2)
    if root in ("operator", "_operator"):
        return name in _OPERATORS
    if root == "logging":
        return module != "logging"
    return root in _RUNNING
