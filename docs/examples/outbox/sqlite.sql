-- The outbox of postgresql.sql for SQLite. The worker of either is worker.php. All of it or none: `sqlite3 -bail`.

BEGIN;

CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    -- A UUID (version 4): SQLite has no function for one.
    id TEXT NOT NULL UNIQUE DEFAULT (
        lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
            || substr('89AB', 1 + abs(random() % 4), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))),
    type TEXT NOT NULL,
    resource TEXT NOT NULL,
    refused TEXT
);

CREATE TRIGGER order_created AFTER INSERT ON orders
BEGIN
    INSERT INTO outbox (type, resource)
    VALUES (
        'ORDER.' || upper(NEW.status),
        json_object('order', json_object('id', NEW.id, 'total_cents', NEW.total_cents, 'status', upper(NEW.status))));
END;

CREATE TRIGGER order_changed AFTER UPDATE OF status ON orders WHEN OLD.status IS NOT NEW.status
BEGIN
    INSERT INTO outbox (type, resource)
    VALUES (
        'ORDER.' || upper(NEW.status),
        json_object('order', json_object('id', NEW.id, 'total_cents', NEW.total_cents, 'status', upper(NEW.status))));
END;

COMMIT;
