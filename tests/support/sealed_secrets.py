"""Stored secrets as another program seals and opens them: by libsodium, from what docs/secrets.md says of them."""

import contextlib
import ctypes
import ctypes.util
import datetime
import hashlib
import os
import sqlite3

NONCE, TAG = 24, 16
SODIUM = ctypes.CDLL(ctypes.util.find_library("sodium"))


def seal(key, plain, bound_to):
    nonce = os.urandom(NONCE)
    out = ctypes.create_string_buffer(len(plain) + TAG)
    SODIUM.crypto_aead_xchacha20poly1305_ietf_encrypt(
        out, None, plain, ctypes.c_ulonglong(len(plain)), bound_to, ctypes.c_ulonglong(len(bound_to)), None, nonce, key)
    return nonce + out.raw


def unseal(key, sealed, bound_to):
    nonce, sealed = sealed[:NONCE], sealed[NONCE:]
    out = ctypes.create_string_buffer(len(sealed))
    if SODIUM.crypto_aead_xchacha20poly1305_ietf_decrypt(
            out, None, None, sealed, ctypes.c_ulonglong(len(sealed)), bound_to, ctypes.c_ulonglong(len(bound_to)), nonce, key):
        raise ValueError("sealed with another key, or damaged")
    return out.raw[:len(sealed) - TAG]


def keys_of(path):
    """The first seals."""
    return [bytes.fromhex(line) for line in path.read_text().splitlines() if not line.startswith("#")]


def id_of(key):
    return hashlib.blake2b(b"tidemark key " + key, digest_size=32).hexdigest()[:16]


class SealedSecrets:
    """Of a store in a file, which has one secret at least."""

    def __init__(self, store):
        self.store = store

    def bound_to(self, what, project, name, version):
        return "\0".join((what, project, name, str(version))).encode()

    def project(self, session):
        return session.execute("select project_id from etl_project").fetchone()[0]

    def add(self, secrets, key):
        """All at once, where a command for each would take an hour."""
        at = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        with contextlib.closing(sqlite3.connect(self.store)) as session, session:
            project = self.project(session)
            for name, value in secrets.items():
                own = os.urandom(32)
                session.execute("insert into etl_secrets values (?, 1, ?, 'a test', ?, ?, ?)", (
                    name, id_of(key), at, seal(key, own, self.bound_to("key", project, name, 1)).hex(),
                    seal(own, value.encode(), self.bound_to("value", project, name, 1)).hex()))

    def read(self, key):
        """All of them, by this key alone."""
        with contextlib.closing(sqlite3.connect(self.store)) as session:
            project = self.project(session)
            found = {}
            for name, version, key_id, sealed_key, sealed in session.execute(
                    "select name, version, key_id, sealed_key, sealed from etl_secrets"):
                if key_id != id_of(key):
                    raise ValueError(f"{name} is sealed with {key_id}")
                own = unseal(key, bytes.fromhex(sealed_key), self.bound_to("key", project, name, version))
                found[name] = unseal(own, bytes.fromhex(sealed), self.bound_to("value", project, name, version)).decode()
            return found
