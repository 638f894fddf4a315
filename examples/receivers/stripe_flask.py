"""A receiver on PyPI `stripe` and Flask, as Stripe's documentation has it: WEBHOOK_SECRET=whsec_… python stripe_flask.py PORT"""
import os
import sys

import stripe
from flask import Flask, jsonify, request

app = Flask(__name__)


@app.post("/webhooks/inbound")
def inbound():
    try:
        stripe.Webhook.construct_event(
            request.data, request.headers.get("Stripe-Signature"), os.environ["WEBHOOK_SECRET"]
        )
    except ValueError:
        return jsonify(error="payload"), 400
    except stripe.SignatureVerificationError:
        return jsonify(error="signature"), 400
    return jsonify(success=True)


if __name__ == "__main__":
    app.run(port=int(sys.argv[1]), threaded=True)
