"""A receiver on PyPI `standardwebhooks` and Flask, as its README has it: WEBHOOK_SECRET=whsec_… python standardwebhooks_flask.py PORT"""
import os
import sys

from flask import Flask, request
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

app = Flask(__name__)
webhook = Webhook(os.environ["WEBHOOK_SECRET"])


@app.post("/webhooks/inbound")
def inbound():
    try:
        webhook.verify(request.get_data(), dict(request.headers))
    except WebhookVerificationError:
        return "", 401
    return "", 204


if __name__ == "__main__":
    app.run(port=int(sys.argv[1]), threaded=True)
