#!/usr/bin/env bash
# Checks a signed statement of smoke (NAME.intoto.jsonl) with tools that smoke has no part in: in_toto_attestation and
# securesystemslib from PyPI, and openssl.
#
#   deploy/verify-statement.sh artifacts/staging_payments.intoto.jsonl public.pem
#
# public.pem is what `smoke key --pem` printed. The digests of the files beside it are compared as well.
# PYTHON names a python with both packages; without it a virtual environment is made for this run.
set -euo pipefail

file=${1:?"usage: $0 NAME.intoto.jsonl PUBLIC.pem"}
pem=${2:?"usage: $0 NAME.intoto.jsonl PUBLIC.pem"}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ -z "${PYTHON:-}" ]; then
    python3 -m venv "$work/venv"
    PYTHON="$work/venv/bin/python"
    "$PYTHON" -m pip install --quiet --disable-pip-version-check in-toto-attestation 'securesystemslib[crypto]'
fi

"$PYTHON" - "$file" "$pem" "$work" <<'PY'
import base64, hashlib, json, pathlib, sys

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from google.protobuf import json_format
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1 import statement_pb2
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

file, pem, work = (pathlib.Path(a) for a in sys.argv[1:])
line = json.loads(file.read_text().splitlines()[0])

# securesystemslib: the envelope and its signature.
keyid = line["signatures"][0]["keyid"]
# It takes the signatures apart in place: a copy, since they are needed again for openssl.
envelope = Envelope.from_dict(json.loads(json.dumps(line)))
crypto = load_pem_public_key(pem.read_bytes())
key = SSlibKey.from_crypto(crypto, keyid)
envelope.verify([key], 1)
print("securesystemslib: signature valid")

# in_toto_attestation: the statement, and the predicate of a test result.
message = statement_pb2.Statement()
json_format.Parse(envelope.payload, message)
statement = Statement.copy_from_pb(message)
statement.validate()
body = json.loads(envelope.payload)
if body["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1":
    json_format.ParseDict(body["predicate"], test_result_pb2.TestResult())
print("in_toto_attestation: statement valid:", body["predicateType"])

# The files beside it.
for subject in body["subject"]:
    # What was tested is named by a URL or an image, and stands nowhere beside it.
    name = subject.get("name") or "-"
    beside = file.parent / name.replace("/", "_")
    if "sha256" in subject["digest"] and beside.is_file():
        digest = hashlib.sha256(beside.read_bytes()).hexdigest()
        assert digest == subject["digest"]["sha256"], f"{beside}: SHA-256 differs"
        print("digest valid:", beside.name)

# For openssl: what was signed, and the signature.
(work / "signed").write_bytes(envelope.pae())
(work / "signature").write_bytes(base64.b64decode(line["signatures"][0]["sig"]))
PY

openssl pkeyutl -verify -pubin -inkey "$pem" -rawin -in "$work/signed" -sigfile "$work/signature" >/dev/null
echo "openssl: signature valid"
