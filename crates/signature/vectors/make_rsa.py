#!/usr/bin/env python3
"""Makes rsa.jsonl: messages signed with RSA by `cryptography` (OpenSSL), for src/rsa_vectors.rs.

    python3 -m venv venv && venv/bin/pip install cryptography && venv/bin/python make_rsa.py > rsa.jsonl

Each line: algorithm, public key (PEM), another key, timestamp, body, signature (base64).
"""
import base64, json
from cryptography.hazmat.primitives import hashes, serialization as s
from cryptography.hazmat.primitives.asymmetric import padding, rsa

BODIES = ['{"type":"paid","amount":1.0}', '{"name":"Ün\u00ef \u0995\u09be\u09aa"}', "plain"]
ALGORITHMS = {
    "rsa": (padding.PKCS1v15(), hashes.SHA256()),
    "rsa-pss-sha512": (padding.PSS(mgf=padding.MGF1(hashes.SHA512()), salt_length=64), hashes.SHA512()),
}


def pem(key):
    return key.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo).decode()


other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
for bits in (2048, 3072, 4096):
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    for name, (pad, digest) in ALGORITHMS.items():
        for body in BODIES:
            signature = key.sign(b"1795438932." + body.encode(), pad, digest)
            print(json.dumps({
                "algorithm": name, "public": pem(key), "other": pem(other), "timestamp": 1795438932, "body": body,
                "signature": base64.b64encode(signature).decode(),
            }))
