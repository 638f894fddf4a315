#!/usr/bin/env python3
"""Makes vectors.jsonl: webhooks signed or judged by each provider's own library, for src/provider_vectors.rs.

    python3 -m venv venv && venv/bin/pip install stripe standardwebhooks svix slack_sdk twilio squareup Adyen line-bot-sdk \
        discord-interactions pynacl sendgrid hubspot-api-client django-webhook mlflow-skinny http-message-signatures \
        paddle-python-sdk celery mailgun
    npm install @octokit/webhooks-methods stripe @linear/sdk @shopify/shopify-api @zoom/rivet
    venv/bin/python make.py > vectors.jsonl && node make.mjs >> vectors.jsonl

Each line: sender, the library with its version, whether the library signed it or only judged it, and what it says.
"""
import base64, binascii, datetime, hashlib, hmac, importlib.metadata as md, json, sys, time
from unittest import mock

NOW = 1_795_438_932
ASCII = '{"type":"paid","id":"evt_1","amount":1.0}'
UNICODE = '{"type":"paid","name":"Ün\u00ef \u0995\u09be\u09aa <x/y>","emoji":"\U0001f600"}'
BODIES = [ASCII, UNICODE, '{"a": [1, 2,  3]}\n']
URL = "https://hooks.example.com/in?x=1&y=a%20b"


def out(sender, library, secret, headers, body, valid, signed_by_library=False, url="", method="POST", now_ms=NOW * 1000, note=""):
    if isinstance(body, bytes):
        body = body.decode()
    print(json.dumps({
        "sender": sender, "library": f"{library} {md.version(library)}", "signed_by_library": signed_by_library,
        "secret": secret, "method": method, "url": url, "headers": headers, "body": body, "now_ms": now_ms,
        "valid": bool(valid), "note": note,
    }, ensure_ascii=True, separators=(",", ":")))


def b64(mac):
    return base64.b64encode(mac).decode()


def h256(key, message):
    return hmac.new(key.encode(), message.encode(), hashlib.sha256)


def frozen(at=NOW):
    return mock.patch("time.time", return_value=at)


def says(check):
    """What a library says that answers with an exception or False."""
    try:
        return check() is not False
    except Exception:
        return False


def stripe():
    import stripe as lib
    secret = "whsec_5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH"
    make = lib.WebhookSignature.generate_signature_header
    for body in BODIES:
        header = make(body, secret, NOW)
        def judge(header, now):
            with frozen(now):
                return says(lambda: lib.WebhookSignature.verify_header(body, header, secret, 300))
        for head, now, note in [(header, NOW, ""), (header, NOW + 300, "300 s old"), (header, NOW + 301, "301 s old"),
                                (header.replace(",", ", "), NOW, "a blank after the comma"),
                                (header + ",v1=" + "0" * 64, NOW, "a second v1"),
                                ("v1=" + "0" * 64 + "," + header, NOW, "another v1 first")]:
            out("stripe", "stripe", secret, {"Stripe-Signature": head}, body, judge(head, now), True, now_ms=now * 1000, note=note)


def standard(sender, lib_name, headers, make):
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    lib = make(secret)
    at = datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc)
    for body in BODIES:
        tag = lib.sign("msg_1", at, body)
        h = dict(zip(headers, ["msg_1", str(NOW), tag]))
        out(sender, lib_name, secret, h, body, True, True)
        two = dict(h); two[headers[2]] = "v1," + b64(b"0" * 32) + " " + tag
        out(sender, lib_name, secret, two, body, True, True, note="two signatures")


def slack():
    from slack_sdk.signature import SignatureVerifier
    secret = "8f742231b10e8888abcd99yyyzzz85a5"
    lib = SignatureVerifier(secret)
    for body in BODIES + ["token=x&command=%2Fweather&text=94070"]:
        tag = lib.generate_signature(timestamp=str(NOW), body=body)
        out("slack", "slack_sdk", secret, {"X-Slack-Request-Timestamp": str(NOW), "X-Slack-Signature": tag}, body, True, True)


def twilio():
    from twilio.request_validator import RequestValidator
    secret = "12345abcde12345abcde12345abcde12"
    lib = RequestValidator(secret)
    from urllib.parse import urlencode, parse_qsl
    for fields in [{"CallSid": "CA1234", "Digits": "1234", "From": "+14158675309"}, {"Body": "Ün\u00ef & b", "A": ""}]:
        body = urlencode(fields)
        tag = lib.compute_signature(URL, dict(parse_qsl(body, keep_blank_values=True)))
        out("twilio", "twilio", secret, {"X-Twilio-Signature": tag}, body, lib.validate(URL, fields, tag), True, url=URL)
        out("twilio", "twilio", secret, {"X-Twilio-Signature": tag}, body + "&Z=1", lib.validate(URL, {**fields, "Z": "1"}, tag), url=URL)


def square():
    from square.utils.webhooks_helper import verify_signature
    secret = "asdf1234"
    for body in BODIES:
        tag = b64(h256(secret, URL + body).digest())
        judge = lambda body: verify_signature(request_body=body, signature_header=tag, signature_key=secret, notification_url=URL)
        out("square", "squareup", secret, {"x-square-hmacsha256-signature": tag}, body, judge(body), url=URL)
        out("square", "squareup", secret, {"x-square-hmacsha256-signature": tag}, body + " ", judge(body + " "), url=URL)


def adyen():
    from Adyen.util import generate_notification_sig, is_valid_hmac_notification
    secret = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
    item = {"pspReference": "7914073381342284", "originalReference": "", "merchantAccountCode": "TestMerchant",
            "merchantReference": "TestPayment-1407325143704", "amount": {"value": 1130, "currency": "EUR"},
            "eventCode": "AUTHORISATION", "success": "true", "additionalData": {}}
    for reference in ["", "other:one\\two"]:
        item = {**item, "originalReference": reference, "additionalData": {}}
        tag = generate_notification_sig(item, secret).decode()
        item["additionalData"] = {"hmacSignature": tag}
        for success in ["true", "false"]:
            told = {**item, "success": success}
            body = json.dumps({"live": "false", "notificationItems": [{"NotificationRequestItem": told}]})
            out("adyen", "Adyen", secret, {}, body, is_valid_hmac_notification(dict(told), secret), True)


def line():
    from linebot.v3.webhook import SignatureValidator
    secret = "8c570fa6dd201bb328f1c1eac23a96d8"
    for body in BODIES:
        tag = b64(h256(secret, body).digest())
        judge = SignatureValidator(secret).validate
        out("line", "line-bot-sdk", secret, {"x-line-signature": tag}, body, judge(body, tag))
        out("line", "line-bot-sdk", secret, {"x-line-signature": tag}, body + " ", judge(body + " ", tag))


def discord():
    from nacl.signing import SigningKey
    from discord_interactions import verify_key
    key = SigningKey(b"\x07" * 32)
    public = key.verify_key.encode().hex()
    for body in BODIES:
        tag = key.sign(str(NOW).encode() + body.encode()).signature.hex()
        h = {"X-Signature-Ed25519": tag, "X-Signature-Timestamp": str(NOW)}
        with mock.patch("builtins.print"):
            out_ = [(body, verify_key(body.encode(), tag, str(NOW), public)), (body + " ", verify_key((body + " ").encode(), tag, str(NOW), public))]
        for text, valid in out_:
            out("discord", "discord-interactions", public, h, text, valid)


def sendgrid():
    from sendgrid.helpers.eventwebhook import EventWebhook
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    key = ec.derive_private_key(0x1234567890ABCDEF, ec.SECP256R1())
    public = b64(key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))
    lib = EventWebhook(public)
    for body in ['[{"event":"delivered","sg_event_id":"x","email":"a@example.com"}]\r\n', UNICODE]:
        tag = b64(key.sign((str(NOW) + body).encode(), ec.ECDSA(hashes.SHA256())))
        h = {"X-Twilio-Email-Event-Webhook-Signature": tag, "X-Twilio-Email-Event-Webhook-Timestamp": str(NOW)}
        for text in [body, body + " "]:
            out("sendgrid", "sendgrid", public, h, text, lib.verify_signature(text, tag, str(NOW)))


def hubspot():
    from hubspot.utils.signature import Signature
    secret = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
    url, ms = "https://hooks.example.com/in?x=1", str(NOW * 1000)
    for body in BODIES + ['[{"eventId":1,"subscriptionType":"contact.creation"}]']:
        tag = Signature.get_signature(secret, body, "v3", url, "POST", ms)
        tag = tag.decode() if isinstance(tag, bytes) else tag
        h = {"X-HubSpot-Signature-v3": tag, "X-HubSpot-Request-Timestamp": ms}
        out("hubspot", "hubspot-api-client", secret, h, body, True, True, url=url)
        out("hubspot", "hubspot-api-client", secret, h, body + " ", False, url=url)


def django_webhook():
    import types
    for name in ["django_webhook.models"]:
        sys.modules[name] = types.SimpleNamespace(Webhook=object)
    import importlib.util
    from django.conf import settings
    settings.configure()
    spec = importlib.util.find_spec("django_webhook")
    loader = importlib.util.spec_from_file_location("django_webhook_http", spec.submodule_search_locations[0] + "/http.py")
    http = importlib.util.module_from_spec(loader); loader.loader.exec_module(http)
    secret = "whk_0123456789abcdef0123456789abcdef"
    for body in BODIES:
        tag = http.sign_payload(body, secret, NOW)
        for value in [tag, http.sign_payload(body, "another", NOW) + "," + tag]:
            h = {"Django-Webhook-Request-Timestamp": str(NOW), "Django-Webhook-Signature-v1": value, "Django-Webhook-UUID": "6f1c1d3e-2f0a-4a53-9d0e-7f3b1b1f0c11"}
            out("django-webhook", "django-webhook", secret, h, body, True, True)


def mlflow():
    from mlflow.webhooks.delivery import _generate_hmac_signature
    secret = "my-webhook-secret-of-some-length"
    for body in BODIES:
        h = {"X-MLflow-Delivery-Id": "d1", "X-MLflow-Timestamp": str(NOW), "X-MLflow-Signature": _generate_hmac_signature(secret, "d1", str(NOW), body)}
        out("mlflow", "mlflow-skinny", secret, h, body, True, True)


def mailgun():
    from mailgun.security import SecurityGuard
    key, token = "key-0123456789abcdef0123456789abcdef", "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a697887"
    for event in ["delivered", "Ün\u00ef"]:
        tag = h256(key, f"{NOW}{token}").hexdigest()
        for now, signature, note in [(NOW, tag, ""), (NOW + 900, tag, "900 s old"), (NOW + 901, tag, "901 s old"),
                                     (NOW - 901, tag, "901 s ahead"), (NOW, h256(key, f"{token}{NOW}").hexdigest(), "the other way round")]:
            body = json.dumps({"signature": {"timestamp": str(NOW), "token": token, "signature": signature},
                               "event-data": {"event": event, "id": "x"}})
            with frozen(now):
                valid = says(lambda: SecurityGuard.verify_webhook(key, token, str(NOW), signature))
            out("mailgun", "mailgun", key, {}, body, valid, now_ms=now * 1000, note=note)


def paddle():
    from paddle_billing.Notifications.Verifier import Verifier
    from paddle_billing.Notifications.Secret import Secret
    secret = "pdl_ntfset_01gkpjp8bkm3tm53kdgkx6sms7_6h3qd3uFSi9YCD3OLYAShQI90XTI5vEI"
    for body in BODIES:
        header = f"ts={NOW};h1={h256(secret, f'{NOW}:{body}').hexdigest()}"
        for head, now, note in [(header, NOW, ""), (header, NOW + 5, "5 s old"), (header, NOW + 7, "7 s old"), (header, NOW - 7, "7 s ahead"),
                                (header.replace(";", "; "), NOW, "a blank after the semicolon"),
                                (f"ts={NOW};h1={'0' * 64};h1={header.split('h1=')[1]}", NOW, "two secrets")]:
            request = type("R", (), {"headers": {"Paddle-Signature": head}, "body": body.encode()})()
            with mock.patch("paddle_billing.Notifications.Verifier.time", return_value=float(now)):
                valid = says(lambda: Verifier().verify(request, Secret(secret)))
            out("paddle", "paddle-python-sdk", secret, {"Paddle-Signature": head}, body, valid, now_ms=now * 1000, note=note)


def rfc9421():
    import requests
    from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver, algorithms
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives import serialization as ser
    ed = ed25519.Ed25519PrivateKey.from_private_bytes(b"\x09" * 32)
    p256 = ec.derive_private_key(0xABCDEF0123456789, ec.SECP256R1())
    pem = lambda k: k.public_key().public_bytes(ser.Encoding.PEM, ser.PublicFormat.SubjectPublicKeyInfo).decode()
    raw = lambda k: "whpk_" + b64(k.public_key().public_bytes(ser.Encoding.Raw, ser.PublicFormat.Raw))
    spki = lambda k: "ecpub_" + b64(k.public_key().public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo))
    import inspect
    takes = inspect.signature(HTTPMessageSigner.sign).parameters
    USE = {"use_existing_digest": True} if "use_existing_digest" in takes else {}
    takes_body = "body" in takes
    secret = "a-shared-secret-of-thirty-two-ch"
    for algorithm, key, told in [(algorithms.HMAC_SHA256, secret.encode(), secret), (algorithms.ED25519, ed, raw(ed)), (algorithms.ECDSA_P256_SHA256, p256, spki(p256))]:
        class Resolver(HTTPSignatureKeyResolver):
            def resolve_private_key(self, key_id): return key
            def resolve_public_key(self, key_id): return key
        for body in BODIES:
            request = requests.Request("POST", URL, data=body.encode(), headers={"Content-Type": "application/json"}).prepare()
            request.headers["Content-Digest"] = f"sha-256=:{b64(hashlib.sha256(body.encode()).digest())}:"
            HTTPMessageSigner(signature_algorithm=algorithm, key_resolver=Resolver()).sign(
                request, key_id="k1", covered_component_ids=("@method", "@authority", "@target-uri", "content-digest"),
                created=datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc), label="sig1", include_alg=True, **USE, **({"body": body.encode()} if takes_body else {}))
            h = {n: v for n, v in request.headers.items() if n.lower() in ("content-digest", "signature", "signature-input", "content-type")}
            out("rfc9421", "http-message-signatures", told, h, body, True, True, url=URL)
            out("rfc9421", "http-message-signatures", told, h, body + " ", False, url=URL, note="another body")
            out("rfc9421", "http-message-signatures", told, h, body, False, url=URL.replace("/in", "/out"), note="another URL")


def main():
    stripe()
    import standardwebhooks, svix.webhooks
    standard("standard-webhooks", "standardwebhooks", ["webhook-id", "webhook-timestamp", "webhook-signature"], standardwebhooks.Webhook)
    standard("svix", "svix", ["svix-id", "svix-timestamp", "svix-signature"], svix.webhooks.Webhook)
    for make in [slack, twilio, square, adyen, line, discord, sendgrid, hubspot, mlflow, mailgun, paddle, rfc9421, django_webhook]:
        try:
            make()
        except Exception as e:
            print(f"{make.__name__}: {type(e).__name__}: {e}", file=sys.stderr)


main()
