import http.client
import json
import os
import sqlite3
import sys
import time
import urllib.error
import urllib.request
import uuid

CARTEIRO = os.environ.get("CARTEIRO_SERVER", "http://127.0.0.1:8080")


def shop():
    db = sqlite3.connect("shop.db", timeout=10)
    db.execute("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, total_cents INTEGER NOT NULL, status TEXT NOT NULL)")
    db.execute("CREATE TABLE IF NOT EXISTS outbox (id TEXT PRIMARY KEY, type TEXT NOT NULL, resource TEXT NOT NULL, refused TEXT)")
    return db


def pay(db, order, total_cents):
    resource = {"order": {"id": order, "total_cents": total_cents, "status": "PAID"}}
    with db:  # one transaction: the order is paid and its event is in the outbox, or neither
        db.execute("INSERT INTO orders VALUES (?, ?, 'PAID')", (order, total_cents))
        row = (str(uuid.uuid4()), "ORDER.PAID", json.dumps(resource))
        db.execute("INSERT INTO outbox VALUES (?, ?, ?, NULL)", row)


def record(id, type, resource):
    event = {"event": {"id": id, "type": type, "resource": json.loads(resource)}}
    headers = {
        "Authorization": "Bearer " + os.environ["CARTEIRO_TOKEN"],
        "Content-Type": "application/json",
        "Idempotency-Key": id,
    }
    request = urllib.request.Request(CARTEIRO + "/api/events", json.dumps(event).encode(), headers)
    urllib.request.urlopen(request, timeout=30).close()


def drain(db):
    for id, type, resource in db.execute("SELECT id, type, resource FROM outbox WHERE refused IS NULL ORDER BY rowid").fetchall():
        try:
            record(id, type, resource)
        except urllib.error.HTTPError as error:
            if error.code not in (400, 409, 413, 422):
                raise
            with db:  # asking again would bring the same answer: somebody has to look at it
                db.execute("UPDATE outbox SET refused = ? WHERE id = ?", (error.read().decode(errors="replace"), id))
            continue
        with db:
            db.execute("DELETE FROM outbox WHERE id = ?", (id,))


if sys.argv[1] == "pay":
    pay(shop(), sys.argv[2], int(sys.argv[3]))
elif sys.argv[1] == "worker":
    while True:
        try:
            drain(shop())
        except (OSError, http.client.HTTPException, sqlite3.OperationalError) as error:
            print("again in a second:", error, file=sys.stderr)
        time.sleep(1)
