"""What schemathesis must be told of carteiro that the document can't say."""

import datetime
import itertools

import schemathesis
from hypothesis import strategies as st

# Each call comes from another address, as far as the daemon knows (it trusts 127.0.0.1 to say so). Otherwise the wrong tokens
# that `ignored_auth` sends on purpose are so many guesses of one caller, who is then answered 429 and learns nothing.
addresses = itertools.count(1)


@schemathesis.hook
def before_call(context, case, kwargs):
    number = next(addresses)
    case.headers["X-Forwarded-For"] = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


# The format `date-time` begins with the year 0, and what a shop records doesn't: a time before 1970 is refused.
schemathesis.openapi.format(
    "date-time",
    st.datetimes(min_value=datetime.datetime(1970, 1, 2)).map(
        lambda at: at.isoformat(timespec="milliseconds") + "Z"
    ),
)
