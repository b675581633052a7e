"""Drops a file on a window of an X server, as a file manager does: XDND, version 5."""
import ctypes
import pathlib
import time

CLIENT_MESSAGE, SELECTION_REQUEST, SELECTION_NOTIFY = 33, 30, 31
LONG = ctypes.c_long
LIMIT_S = 90


class Event(ctypes.Structure):
    """What all events have, and room for the largest one."""
    _fields_ = [("type", ctypes.c_int), ("serial", LONG), ("send_event", ctypes.c_int),
                ("display", ctypes.c_void_p), ("window", LONG), ("rest", LONG * 24)]


class Message(ctypes.Structure):
    """XClientMessageEvent."""
    _fields_ = Event._fields_[:5] + [("message", LONG), ("format", ctypes.c_int),
                                     ("data", LONG * 5), ("room", LONG * 12)]


class Request(ctypes.Structure):
    """XSelectionRequestEvent; `window` is the owner."""
    _fields_ = Event._fields_[:5] + [("requestor", LONG), ("selection", LONG), ("target", LONG),
                                     ("property", LONG), ("time", LONG), ("room", LONG * 12)]


class Notify(ctypes.Structure):
    """XSelectionEvent; `window` is who asked."""
    _fields_ = Event._fields_[:5] + [("selection", LONG), ("target", LONG), ("property", LONG),
                                     ("time", LONG), ("room", LONG * 12)]


class Source:
    """Who has the file that is dragged."""

    def __init__(self):
        self.x11 = ctypes.CDLL("libX11.so.6")
        self.x11.XOpenDisplay.restype = ctypes.c_void_p
        for name in ("XDefaultRootWindow", "XCreateSimpleWindow", "XInternAtom"):
            getattr(self.x11, name).restype = LONG
        self.display = ctypes.c_void_p(self.x11.XOpenDisplay(None))
        root = LONG(self.x11.XDefaultRootWindow(self.display))
        self.window = self.x11.XCreateSimpleWindow(self.display, root, 0, 0, 1, 1, 0, LONG(0),
                                                   LONG(0))

    def atom(self, name):
        """The X server's number of a name."""
        return self.x11.XInternAtom(self.display, name.encode(), 0)

    def send(self, target, name, *data):
        """One message of the protocol to the window."""
        event = Message(type=CLIENT_MESSAGE, window=target, message=self.atom(name), format=32,
                        data=(LONG * 5)(self.window, *data))
        self.x11.XSendEvent(self.display, LONG(target), 0, LONG(0), ctypes.byref(event))
        self.x11.XFlush(self.display)

    def answer(self, request, data):
        """Gives the window the file's address."""
        self.x11.XChangeProperty(self.display, LONG(request.requestor), LONG(request.property),
                                 LONG(request.target), 8, 0, data, len(data))
        event = Notify(type=SELECTION_NOTIFY, window=request.requestor, time=request.time,
                       selection=request.selection, target=request.target,
                       property=request.property)
        self.x11.XSendEvent(self.display, LONG(request.requestor), 0, LONG(0),
                            ctypes.byref(event))

    def wait(self, name, data):
        """Serves the window until it sends that message."""
        event, end = Event(), time.monotonic() + LIMIT_S
        while time.monotonic() < end:
            if not self.x11.XPending(self.display):
                time.sleep(0.01)
                continue
            self.x11.XNextEvent(self.display, ctypes.byref(event))
            if event.type == SELECTION_REQUEST:
                self.answer(Request.from_buffer(event), data)
            elif event.type == CLIENT_MESSAGE:
                if Message.from_buffer(event).message == self.atom(name):
                    return
        raise TimeoutError(f"the window did not answer with {name}")


def drop(path, window, x, y):
    """Drags a file to a place of the screen, where that window is, and lets it go."""
    source = Source()
    data = (pathlib.Path(path).as_uri() + "\r\n").encode()
    uris = source.atom("text/uri-list")
    source.x11.XSetSelectionOwner(source.display, LONG(source.atom("XdndSelection")),
                                  LONG(source.window), LONG(0))
    source.send(window, "XdndEnter", 5 << 24, uris, 0, 0)
    source.send(window, "XdndPosition", 0, x << 16 | y, 0, source.atom("XdndActionCopy"))
    source.wait("XdndStatus", data)
    source.send(window, "XdndDrop", 0, 0, 0, 0)
    source.wait("XdndFinished", data)
    source.x11.XCloseDisplay(source.display)
