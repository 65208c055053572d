"""Event and trace ids of requests: 32 hexadecimal digits outside, 16 bytes in their rows and indexes."""


def id_bytes(ident: str) -> bytes:
    """The bytes of an id; none for what is no id, which equal no row's."""
    try:
        return bytes.fromhex(ident)
    except ValueError:
        return b""
