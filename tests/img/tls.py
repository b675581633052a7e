#!/usr/bin/env python3
"""NBD with TLS: others use our server, our client uses theirs; each refusal says what is wrong.

usage: tls.py PROGRAM
"""
import os
import random
import subprocess
import sys

import tool
from tool import check, good, run

PROGRAM = os.path.abspath(sys.argv[1])
IMG = (PROGRAM, "img")
SIZE = 3 << 20
AUTHORITY = "cn=authority\nca\ncert_signing_key\n"
SERVER = "cn=server\ndns_name=localhost\nip_address=127.0.0.1\ntls_www_server\n"
CLIENT = "cn=client\ntls_www_client\n"
DAYS = "signing_key\nexpiration_days=2\n"
random.seed(6)


def path(*names):
    return os.path.join(tool.folder, *names)


def pair(folder, name, template, *how):
    """Makes a key and its certificate."""
    good("certtool", "--generate-privkey", "--key-type=ecdsa", "--outfile",
         path(folder, f"{name}-key.pem"))
    tool.write("template", (template + DAYS).encode())
    good("certtool", "--load-privkey", path(folder, f"{name}-key.pem"), "--template", "template",
         "--outfile", path(folder, f"{name}-cert.pem"), *how)


def certificates(folder, **templates):
    """A folder with an authority and what it has signed, by the names that all programs know."""
    os.mkdir(path(folder))
    pair(folder, "ca", AUTHORITY, "--generate-self-signed")
    for name, template in templates.items():
        pair(folder, name, template, "--generate-certificate",
             "--load-ca-certificate", path(folder, "ca-cert.pem"),
             "--load-ca-privkey", path(folder, "ca-key.pem"))


def folder_of(name, **files):
    """A folder with some files of other folders."""
    os.mkdir(path(name))
    for file, source in files.items():
        tool.write(f"{name}/{file}.pem".replace("_", "-"), tool.read(source))


def uri(socket, query="", user=""):
    return f"nbds+unix://{user}/disk?socket={path(socket)}&{query}"


def certified(socket, folder, more=""):
    return uri(socket, f"tls-certificates={path(folder)}{more}")


def keyed(socket, file="keys", user="alice"):
    return uri(socket, f"tls-psk-file={path(file)}", user + "@")


def serve(socket, *options):
    return tool.start(*IMG, "serve", "-r", "-f", "raw", "-k", socket, "-x", "disk", *options,
                      "disk", ready=lambda child: tool.listens(socket), stdout=subprocess.DEVNULL)


def refused(words, where):
    status, _, errors = run(*IMG, "info", where)
    check(status == 1 and words in errors, f"{where}: no '{words}' in {errors!r}")


def setup():
    tool.write("disk", random.randbytes(SIZE))
    tool.write("empty", bytes(SIZE))
    tool.write("keys", b"alice:00112233445566778899aabbccddeeff\n")
    tool.write("wrong", b"alice:ff112233445566778899aabbccddeeff\nbob:0011223344556677\n")
    certificates("ours", server=SERVER, client=CLIENT)
    certificates("others", client=CLIENT)
    folder_of("nobody", ca_cert="ours/ca-cert.pem")
    folder_of("stranger", ca_cert="ours/ca-cert.pem", client_cert="others/client-cert.pem",
              client_key="others/client-key.pem")


def read_by_others(where):
    check("with TLS" in good("nbdinfo", where), "nbdinfo sees TLS")
    good("nbdcopy", where, "copy")
    check(tool.read("copy") == tool.read("disk"), "nbdcopy reads the same")
    good(*IMG, "compare", "-f", "raw", "-F", "raw", where, "disk")


def test_server_certificates():
    server = serve("s1", f"--tls-certificates={path('ours')}")
    read_by_others(certified("s1", "nobody"))
    good("qemu-img", "compare", "--object",
         f"tls-creds-x509,id=t,endpoint=client,dir={path('nobody')}", "--image-opts",
         f"driver=nbd,path={path('s1')},export=disk,tls-creds=t,tls-hostname=localhost",
         f"driver=raw,file.filename={path('disk')}")
    good(*IMG, "compare", "--object", f"tls-creds-x509,id=t,endpoint=client,dir={path('nobody')}",
         "--image-opts", f"driver=nbd,server.type=unix,server.path={path('s1')},export=disk,"
         "tls-creds=t,tls-hostname=localhost", f"driver=raw,file.filename={path('disk')}")
    refused("not signed by an authority that is believed here", certified("s1", "others"))
    refused("not signed by an authority that is believed on this host", uri("s1"))
    refused("is not for 'elsewhere'", certified("s1", "nobody", "&tls-hostname=elsewhere"))
    good(*IMG, "info", uri("s1", "tls-verify-peer=false"))
    refused("nothing in common", keyed("s1"))
    refused("wants TLS", certified("s1", "nobody").replace("nbds", "nbd").split("&")[0])
    check(run("nbdinfo", f"nbd+unix:///disk?socket={path('s1')}")[0] != 0, "never without TLS")
    check(tool.stop(server) == 0, "ends")


def test_server_verifies():
    server = serve("s2", f"--tls-certificates={path('ours')}", "--tls-verify-peer")
    read_by_others(certified("s2", "ours"))
    refused("wants a certificate of this client", certified("s2", "nobody"))
    refused("does not believe this client's certificate", certified("s2", "stranger"))
    check(run("nbdinfo", certified("s2", "nobody"))[0] != 0, "no one without a certificate")
    good(*IMG, "info", certified("s2", "ours"))
    check(tool.stop(server) == 0, "ends")


def test_server_keys():
    server = serve("s3", "--tls=on", f"--tls-psk={path('keys')}")
    read_by_others(keyed("s3"))
    good("nbdcopy", f"nbd+unix:///disk?socket={path('s3')}", "copy")
    os.rename(path("keys"), path("keys.psk"))
    good(*IMG, "info", "--object", f"tls-creds-psk,id=t,endpoint=client,username=alice,"
         f"dir={tool.folder}", "--image-opts",
         f"driver=raw,file.driver=nbd,file.path={path('s3')},file.tls-creds=t")
    os.rename(path("keys.psk"), path("keys"))
    refused("another key for the user 'alice'", keyed("s3", "wrong"))
    refused("another key for the user 'bob'", keyed("s3", "wrong", "bob"))
    refused("has no key for the user 'carl'", keyed("s3", "wrong", "carl"))
    refused("nothing in common", certified("s3", "ours"))
    check(tool.stop(server) == 0, "ends")


def use_server(where):
    good(*IMG, "convert", "-n", "-f", "raw", "-O", "raw", "disk", where)
    good(*IMG, "compare", "-f", "raw", "-F", "raw", "disk", where)


def nbdkit(socket, *options):
    return tool.start("nbdkit", "-f", "-e", "disk", "-U", path(socket), *options, "memory", SIZE,
                      ready=lambda child: tool.listens(socket), stderr=subprocess.DEVNULL)


def test_client():
    server = nbdkit("k1", "--tls=require", f"--tls-certificates={path('ours')}",
                    "--tls-verify-peer")
    use_server(certified("k1", "ours"))
    refused("TLS", certified("k1", "nobody"))
    refused("wants TLS", f"nbd+unix:///disk?socket={path('k1')}")
    tool.stop(server)
    server = nbdkit("k2", "--tls=require", f"--tls-psk={path('keys')}")
    use_server(keyed("k2"))
    refused("another key for the user 'alice'", keyed("k2", "wrong"))
    tool.stop(server)
    server = nbdkit("k3")
    refused("has no TLS", certified("k3", "ours"))
    tool.stop(server)
    server = tool.start("qemu-nbd", "-t", "-f", "raw", "-k", path("q"), "-x", "disk", "--object",
                        f"tls-creds-x509,id=t,endpoint=server,verify-peer=on,dir={path('ours')}",
                        "--tls-creds", "t", "empty", ready=lambda child: tool.listens("q"),
                        stderr=subprocess.DEVNULL)
    use_server(certified("q", "ours"))
    refused("TLS", certified("q", "nobody"))
    tool.stop(server)


def test_messages():
    tool.write("line", b"alice:00\nno key\n")
    folder_of("half", server_cert="ours/server-cert.pem", server_key="others/client-key.pem")
    folder_of("lone", server_cert="ours/server-cert.pem")
    for options, words in ((["--tls=on"], "wants certificates or keys"),
                           (["--tls=maybe"], "there is no --tls=maybe"),
                           (["--tls-psk=keys", "--tls-certificates=ours"], "exclude each other"),
                           (["--tls-psk=keys", "--tls-verify-peer"], "--tls-verify-peer wants"),
                           (["--tls-psk=nowhere"], "nowhere"),
                           (["--tls-psk=line"], "line 2 of 'line'"),
                           (["--tls-certificates=others"], "server-cert.pem"),
                           (["--tls-certificates=half"], "does not have the key of its"),
                           (["--tls-certificates=lone"], "server-key.pem")):
        status, _, errors = run(*IMG, "serve", "-k", "s9", *options, "disk")
        check(status == 1 and words in errors, f"{options}: no '{words}' in {errors!r}")


tool.need("certtool", "nbdinfo", "nbdcopy", "nbdkit", "qemu-nbd", "qemu-img")
setup()
if "has no TLS" in run(*IMG, "serve", "--tls-psk=keys", "-k", "none", "nowhere")[2]:
    tool.skip("this build has no TLS")
test_server_certificates()
test_server_verifies()
test_server_keys()
test_client()
test_messages()
tool.finish()
