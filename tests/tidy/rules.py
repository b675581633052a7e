"""What tidy.py holds the tree to, as data. A new edge or folder here is a design change."""
import re

COLUMNS_MAX, FUNCTION_MAX, FILE_MAX = 100, 70, 600

# A unit is a folder with rules of its own; a file belongs to the unit with the longest name that
# leads to it. Each unit may include itself and the units on its line, nothing else.
EMU_BACKENDS = {"emu/chardev", "emu/block", "emu/net", "emu/share", "emu/display",
                "emu/audio"}
EMU_DEVICES = EMU_BACKENDS | {"emu/mem", "emu/cpu", "emu/state", "emu/dev", "emu/riscv",
                              "emu/virtio"}
EMU = EMU_DEVICES | {"emu/jit", "emu/board", "emu/control", "emu"}
BELOW = {"platform", "aio"}

MAY_INCLUDE = {
    "platform": set(),
    "platform/posix": {"platform"},
    "platform/win32": {"platform"},
    "aio": {"platform"},
    "aio-posix": BELOW,
    "aio-win32": BELOW,
    "emu/mem": BELOW,
    "emu/chardev": BELOW,
    "emu/block": BELOW,
    "emu/net": BELOW,
    "emu/audio": BELOW,
    "emu/share": BELOW,
    "emu/display": BELOW | {"emu/chardev"},  # an agent is a stream to the guest
    "emu/state": BELOW,  # says how state is described and stored, not of what
    "emu/cpu": BELOW | {"emu/mem"},
    "emu/dev": BELOW | {"emu/mem", "emu/chardev", "emu/display", "emu/state"},
    "emu/riscv": BELOW | {"emu/mem", "emu/cpu", "emu/state"},
    "emu/virtio": BELOW | EMU_BACKENDS | {"emu/mem", "emu/dev", "emu/state"},
    "emu/jit": BELOW | {"emu/mem", "emu/cpu", "emu/riscv"},
    "emu/board": BELOW | EMU_DEVICES,
    "emu": BELOW | EMU_DEVICES | {"emu/jit", "emu/board"},
    "emu/control": BELOW | EMU,
    "ui": BELOW | EMU | {"ui/session", "ui/sdl"},
    "ui/terminal": set(),
    "ui/view": {"platform", "ui/terminal"},
    "ui/session": BELOW | EMU,
    "ui/sdl": BELOW | EMU | {"ui/session", "ui/view", "ui/terminal"},
    "tests": BELOW | EMU | {"ui", "ui/sdl", "ui/session", "ui/terminal", "ui/view"},
}

# Its folders are units each; only files directly in it belong to the unit.
WITHOUT_SUBFOLDERS = {"emu"}

# C that runs in a guest, is part of a sysroot or drives a peer for a benchmark: held to the rules
# about text and lengths only.
FOREIGN = ("demo/", "scripts/", "tests/riscv/", "tests/boot/", "tests/aio/bench/")

# The folders that may know the operating system, and those that may know the processor.
HOST_FOLDERS = ("platform/posix/", "platform/win32/", "aio-posix/", "aio-win32/")
PROCESSOR_FOLDERS = HOST_FOLDERS + ("emu/jit/host/",)

HOST_MACRO = re.compile(
    r"\b(_WIN32|_WIN64|WIN32|_MSC_VER|__MINGW\w+|__CYGWIN__|__linux__|__linux|__APPLE__|__unix__"
    r"|__unix|__FreeBSD__|__ANDROID__|G_OS_WIN32|G_OS_UNIX|G_PLATFORM_WIN32)\b")
PROCESSOR_MACRO = re.compile(
    r"\b(__x86_64__|__x86_64|__amd64__|__i386__|__aarch64__|__arm__|_M_X64|_M_ARM64|__SSE\w*"
    r"|__AVX\w*)\b")
HOST_HEADER = re.compile(
    r"(windows|winsock2|ws2tcpip|mswsock|afunix|winbase|winnt|io|direct|process|synchapi"
    r"|pthread|unistd|poll|fcntl|sched|semaphore|termios|dlfcn|dirent|netdb|pwd|spawn|strings"
    r"|ucontext|(sys|netinet|net|arpa|linux|mach|asm)/.*|glib-unix|gio/.*|glib/gwin32)\.h")
PROCESSOR_HEADER = re.compile(r"(\w*intrin|cpuid|arm_neon)\.h")

# Host calls with a door in platform/ (or, for time, a clock object).
HOST_CALL = re.compile(
    r"\b(fopen|freopen|clock_gettime|gettimeofday|nanosleep|usleep|g_usleep|g_get_monotonic_time"
    r"|g_get_real_time|g_thread_new|g_mutex_lock|g_fopen|g_open)\s*\(")

# Which folders may use a library besides tests; a library that is not here is free (glib).
LIBRARIES = {
    r"glib-object\.h|gio/": (),
    r"SDL": ("ui/sdl/",),
    r"pixman": ("emu/display/", "ui/"),
    r"slirp": ("emu/net/",),
    r"libfdt|fdt\.h": ("emu/board/",),
    r"jansson": ("emu/block/", "emu/control/", "ui/"),
    r"zlib\.h": ("emu/board/", "emu/block/", "emu/display/", "emu/state/"),
    r"zstd": ("emu/board/", "emu/block/", "emu/state/"),
    r"vterm": ("ui/terminal/",),
    r"ft2build|fontconfig": ("platform/posix/",),
    r"liburing": ("aio-posix/",),
    r"gnutls": ("emu/block/nbd/",),
    r"capstone": ("emu/jit/",),
}
