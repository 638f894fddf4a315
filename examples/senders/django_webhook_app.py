"""A Django project in one file whose orders send webhooks by django-webhook, with Celery's worker in a thread.

    pip install django django-webhook celery
    SECRET=... WEBHOOK_URL=http://127.0.0.1:8787/webhooks/inbound python django_webhook_app.py
"""

import json
import os
import sys
import tempfile
import threading

import django
from celery import Celery
from django.conf import settings

settings.configure(
    SECRET_KEY="of no use", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, USE_TZ=True, LOGGING_CONFIG=None,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django_webhook"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "OPTIONS": {"timeout": 20},
                           "NAME": os.path.join(tempfile.mkdtemp(), "db.sqlite3")}},
    DJANGO_WEBHOOK={"MODELS": ["auth.Group"], "USE_CACHE": False, "STORE_EVENTS": False},
)
app = Celery("orders", broker="memory://", backend="cache+memory://")
app.set_default()
django.setup()

from django.contrib.auth.models import Group  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402
from django_webhook.models import Webhook, WebhookSecret, WebhookTopic  # noqa: E402
from django_webhook import tasks  # noqa: E402,F401


def orders(request):
    group = Group.objects.create(name=json.loads(request.body)["name"])
    return JsonResponse({"id": group.id}, status=201)


urlpatterns = [path("orders", orders)]

if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    hook = Webhook.objects.create(url=os.environ["WEBHOOK_URL"])
    WebhookSecret.objects.create(webhook=hook, token=os.environ["SECRET"])
    hook.topics.set([WebhookTopic.objects.get_or_create(name="auth.Group/create")[0]])
    worker = app.Worker(pool="threads", concurrency=8, loglevel="WARNING", quiet=True)
    threading.Thread(target=worker.start, daemon=True).start()
    from wsgiref.simple_server import make_server

    server = make_server("127.0.0.1", int(sys.argv[1] if len(sys.argv) > 1 else 8000), get_wsgi_application())
    server.serve_forever()
