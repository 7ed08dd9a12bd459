-- An outbox in PostgreSQL 14 or newer: every change of an order's status becomes an event, in the transaction that makes the
-- change, whatever program makes it. Here for a table orders (id text, total_cents bigint, status text); change the
-- names to those of your shop. Run worker.php, or a worker of your own, against the same database.

CREATE TABLE outbox (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    type text NOT NULL,
    resource jsonb NOT NULL,
    refused text
);

CREATE FUNCTION order_to_outbox() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox (type, resource)
    VALUES (
        'ORDER.' || upper(NEW.status),
        jsonb_build_object('order', jsonb_build_object(
            'id', NEW.id, 'total_cents', NEW.total_cents, 'status', upper(NEW.status))));
    RETURN NULL;
END
$$;

CREATE TRIGGER order_created AFTER INSERT ON orders
    FOR EACH ROW EXECUTE FUNCTION order_to_outbox();

CREATE TRIGGER order_changed AFTER UPDATE OF status ON orders
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION order_to_outbox();
