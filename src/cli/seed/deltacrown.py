# Made by `smoke seed deltacrown`. Run it where the staging application runs, never on production:
#
#     python manage.py shell < seed.py
#
# It makes a staff user, owners, payments and matches with fresh random passwords, each payment and match in a tournament of its own, so
# that webhooks can be told apart, and writes payments.csv, matches.csv and staff.env (mode 0600: they hold passwords) into OUT.
# A few owners have all the rows: /api/token/ takes 100 logins an hour from one address.
import csv
import datetime
import io
import os
import secrets
import uuid

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import models, transaction
from django.utils import timezone

PAYMENTS = @PAYMENTS@
MATCHES = @MATCHES@
OWNERS = 5
AMOUNT_BDT = 500
OUT = @OUT@
STAFF_GROUP = "Valorant Organizer"

TAG = uuid.uuid4().hex[:8]
User = get_user_model()


def plausible(field, given):
    """A value for a field that must have one and was not given any."""
    if field.choices:
        return field.choices[0][0]
    if isinstance(field, (models.ForeignKey, models.OneToOneField)):
        related = field.related_model
        if field.unique:
            return make(related, **given)
        return related._default_manager.first() or make(related, **given)
    if isinstance(field, models.EmailField):
        return f"{unique()}@smoke.invalid"
    if isinstance(field, models.URLField):
        return "https://smoke.invalid/"
    if isinstance(field, (models.CharField, models.TextField)):
        # The end of it is what differs.
        return unique()[-(field.max_length or 200) :]
    if isinstance(field, models.BooleanField):
        return False
    if isinstance(field, (models.IntegerField, models.DecimalField, models.FloatField)):
        return 1
    if isinstance(field, models.DateTimeField):
        return timezone.now()
    if isinstance(field, models.DateField):
        return timezone.localdate()
    if isinstance(field, models.TimeField):
        return timezone.localtime().time()
    if isinstance(field, models.DurationField):
        return datetime.timedelta(hours=1)
    if isinstance(field, models.GenericIPAddressField):
        return "192.0.2.1"
    if isinstance(field, models.FileField):
        # A name is enough where nobody opens the file; a game's icon is one.
        return f"{unique()}.png"
    if isinstance(field, models.UUIDField):
        return uuid.uuid4()
    if isinstance(field, models.JSONField):
        return {}
    if type(field).__name__ == "ArrayField":
        return []
    raise SystemExit(f"{field}: smoke knows no value for it; give it one in this script")


def unique():
    return f"smoke-{TAG}-{uuid.uuid4().hex[:8]}"


def make(model, **given):
    """Saves a row of the model; names that this version of the model does not have are left out."""
    names = {field.name for field in model._meta.concrete_fields}
    names |= {field.attname for field in model._meta.concrete_fields}
    values = {name: value for name, value in given.items() if name in names}
    for field in model._meta.concrete_fields:
        is_given = field.name in values or field.attname in values
        fills_itself = field.primary_key or field.null or field.blank or field.has_default()
        fills_itself = fills_itself or getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
        if not is_given and not fills_itself:
            values[field.name] = plausible(field, given)
    row = model(**values)
    row.save()
    return row


def person(role, number):
    username = f"smoke_{TAG}_{role}{number}"
    password = secrets.token_urlsafe(18)
    user = make(User, username=username, email=f"{username}@smoke.invalid", is_active=True)
    user.set_password(password)
    user.save()
    return user, password


def staff_user():
    user, password = person("staff", 1)
    # is_staff is derived from the groups each time the user is saved, so that setting it by hand would be undone.
    user.groups.add(Group.objects.get_or_create(name=STAFF_GROUP)[0])
    user.save()
    user.refresh_from_db()
    if not user.is_staff:
        print(f"warning: members of the group {STAFF_GROUP} are no staff here; put {user.username} into a group that is")
    return user, password


def tournament(name, organizer):
    now = timezone.now()
    return make(
        apps.get_model("tournaments", "Tournament"),
        name=name,
        slug=unique(),
        description="Made by smoke for its runs; may be deleted.",
        organizer=organizer,
        participation_type="solo",
        max_participants=16,
        status="registration_open",
        registration_start=now - datetime.timedelta(days=1),
        registration_end=now + datetime.timedelta(days=30),
        tournament_start=now + datetime.timedelta(days=31),
        has_entry_fee=True,
        entry_fee_amount=AMOUNT_BDT,
    )


def registration(event, user, status):
    return make(apps.get_model("tournaments", "Registration"), tournament=event, user=user, status=status)


def payment_row(number, owner, password, organizer):
    Payment = apps.get_model("tournaments", "PaymentVerification")
    event = tournament(f"Smoke Pay {TAG} {number:05}", organizer)
    registered = registration(event, owner, "pending")
    # Where the application makes the payment with the registration, that one is taken.
    payment = Payment._default_manager.filter(registration=registered).first()
    payment = payment or make(Payment, registration=registered, method="bkash", amount_bdt=AMOUNT_BDT, status="pending")
    if payment.amount_bdt != AMOUNT_BDT:
        payment.amount_bdt = AMOUNT_BDT
        payment.save()
    return {
        "payment_id": payment.pk,
        "registration_id": registered.pk,
        "tournament_id": event.pk,
        "amount_bdt": AMOUNT_BDT,
        "user_username": owner.username,
        "user_password": password,
        "user_email": owner.email,
    }


def match_row(number, first, password, second, organizer):
    event = tournament(f"Smoke Match {TAG} {number:05}", organizer)
    for player in (first, second):
        registration(event, player, "confirmed")
    match = make(
        apps.get_model("tournaments", "Match"),
        tournament=event,
        round_number=1,
        match_number=1,
        participant1_id=first.pk,
        participant1_name=first.username,
        participant2_id=second.pk,
        participant2_name=second.username,
        state="scheduled",
        scheduled_time=timezone.now(),
    )
    return {
        "match_id": match.pk,
        "tournament_id": event.pk,
        "participant_a_username": first.username,
        "participant_a_password": password,
        "participant_a_email": first.email,
        "participant_b_username": second.username,
        "participant_b_email": second.email,
    }


def write(name, text):
    path = os.path.join(OUT, name)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
    print(f"wrote {path}")


def write_rows(name, rows):
    if not rows:
        return
    text = io.StringIO()
    table = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write(name, text.getvalue())


def seed():
    with transaction.atomic():
        staff, staff_password = staff_user()
        owners = [person("owner", number + 1) for number in range(OWNERS)]
        opponent, _ = person("opponent", 1)
        payments = [payment_row(n + 1, *owners[n % OWNERS], staff) for n in range(PAYMENTS)]
        matches = [match_row(n + 1, *owners[n % OWNERS], opponent, staff) for n in range(MATCHES)]
    os.makedirs(OUT, mode=0o700, exist_ok=True)
    write_rows("payments.csv", payments)
    write_rows("matches.csv", matches)
    write(
        "staff.env",
        f"STAFF_USERNAME={staff.username}\nSTAFF_PASSWORD={staff_password}\nSTAFF_EMAIL={staff.email}\n",
    )
    print(f"smoke payments --staging URL --data {OUT}/payments.csv --env-file {OUT}/staff.env")


seed()
