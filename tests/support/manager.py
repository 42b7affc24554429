#!/usr/bin/python3
"""manager.py SOCKET FILE: a service manager as far as its programs see one: a datagram socket; what it is told goes to FILE, each datagram a line with
its newlines as spaces. Ends when it is told so by a signal."""
import os, socket, sys

os.umask(0)  # programs that run as somebody else may speak, too
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1])
with open(sys.argv[2], "a") as out:
    while True:
        out.write(receiver.recv(4096).decode().replace("\n", " ") + "\n")
        out.flush()
