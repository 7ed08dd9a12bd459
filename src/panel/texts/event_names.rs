//! What an event is called, in a few words, in both languages.

use super::define::paired_texts;

paired_texts! { EventTexts;
    orders: "Orders", "Pedidos";
    payments: "Payments", "Pagamentos";
    order_created: "Order created", "Pedido criado";
    order_waiting: "Order waiting for payment", "Pedido aguardando pagamento";
    order_paid: "Order paid", "Pedido pago";
    order_not_paid: "Order not paid", "Pedido não pago";
    order_updated: "Order updated", "Pedido alterado";
    order_cancelled: "Order cancelled", "Pedido cancelado";
    order_reverted: "Order reverted", "Pedido revertido";
    payment_created: "Payment created", "Pagamento criado";
    payment_pending: "Payment pending", "Pagamento pendente";
    payment_waiting: "Payment waiting for the customer", "Pagamento aguardando o cliente";
    payment_in_analysis: "Payment under review", "Pagamento em análise";
    payment_pre_authorized: "Payment pre-authorized", "Pagamento pré-autorizado";
    payment_authorized: "Payment authorized", "Pagamento autorizado";
    payment_paid: "Payment paid", "Pagamento pago";
    payment_settled: "Payment settled", "Pagamento liquidado";
    payment_cancelled: "Payment cancelled", "Pagamento cancelado";
    payment_refunded: "Payment refunded", "Pagamento devolvido";
    payment_reversed: "Payment reversed", "Pagamento estornado";
    payment_updated: "Payment updated", "Pagamento alterado";
    webhook_failing: "Another webhook is failing", "Outro webhook falhando";
    webhook_recovered: "Another webhook is well again", "Outro webhook voltou ao normal";
    webhook_disabled: "Another webhook disabled", "Outro webhook desativado";
    notification_failed: "A notification of another webhook failed", "Notificação de outro webhook falhou";
    test_event: "Test", "Teste";
}
