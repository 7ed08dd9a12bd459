"""What schemathesis must be told of carteiro that the document can't say."""

import datetime
import itertools
import re

import schemathesis
from hypothesis import strategies as st

# Each call comes from another address, as far as the daemon knows (it trusts 127.0.0.1 to say so). Otherwise the wrong
# tokens that `ignored_auth` sends on purpose are so many guesses of one caller, who is then answered 429 and learns
# nothing.
addresses = itertools.count(1)

NAME = re.compile("[a-z0-9_-]{1,64}")
CURSOR = re.compile("AQAA[0-9A-Za-z_-]{13}[AQgw][0-9A-Za-z_-]{8}")


@schemathesis.hook
def before_call(context, case, kwargs):
    number = next(addresses)
    case.headers["X-Forwarded-For"] = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    # A cursor that is made up has the form of one and is of no list: only the daemon makes those that are.
    if case.query and CURSOR.fullmatch(str(case.query.get("cursor", ""))):
        del case.query["cursor"]
    # An `If-Match` that is made up is no webhook's: one in four stays, so that the others' fields are looked at, too.
    if number % 4 and case.headers.get("If-Match"):
        del case.headers["If-Match"]
    # It takes the links that sign in to the panel, which it has had answered, for targets: those have no fragment, and
    # don't lead to this machine.
    webhook = case.body.get("webhook") if isinstance(case.body, dict) else None
    if isinstance(webhook, dict) and "/sign-in/link" in str(webhook.get("target")):
        webhook["target"] = "https://loja.example/webhooks"
    # A client certificate is one of the config's, which has none.
    if isinstance(webhook, dict) and NAME.fullmatch(str(webhook.get("client_certificate"))):
        del webhook["client_certificate"]
    # What a filter may say is more than the document can, and a resource stands beside no event.
    trial = case.body if case.path.endswith("/filter/test") else None
    for holder in (webhook, trial):
        if isinstance(holder, dict) and isinstance(holder.get("filter"), dict):
            holder["filter"] = {"payment": {"method": {"$in": ["PIX", number]}}}
    if isinstance(trial, dict) and trial.get("resource") is not None:
        trial.pop("event_id", None)


# The format `date-time` begins with the year 0, and what a shop records doesn't: a time before 1970 is refused.
schemathesis.openapi.format(
    "date-time",
    st.datetimes(min_value=datetime.datetime(1970, 1, 2)).map(
        lambda at: at.isoformat(timespec="milliseconds") + "Z"
    ),
)
# The format `uri` has hosts of 255 bytes, which no name has, and schemes that nothing is sent by.
schemathesis.openapi.format(
    "uri",
    st.from_regex(r"https?://[a-z0-9]{1,63}(\.[a-z]{2,63}){1,2}(:[1-9][0-9]{0,3})?(/[a-z0-9]{1,40}){0,3}", fullmatch=True),
)
