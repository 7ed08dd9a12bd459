//! Every text of the panel in Brazilian Portuguese. What `en.rs` has and this doesn't, or the other way round, doesn't
//! compile.

use super::texts;

texts! {
    struct PT;
    // The frame.
    place: "Perfil e preferências";
    product: "Notificações";
    skip: "Pular para o conteúdo";
    menu: "Menu principal";
    overview: "Visão geral";
    webhooks: "Webhooks";
    events: "Eventos";
    notifications: "Notificações";
    sign_out: "Sair";
    language: "Idioma";
    left: "Não está mais nesta lista: mudou ou passou para outra página";
    news: "Há novidades: mostrar";
    account: "Conta";
    read_only: "Somente leitura";
    // Signing in.
    sign_in: "Entrar";
    access_token: "Token de acesso";
    sign_in_help:
        "O token do primeiro início está no arquivo admin-token da pasta de dados; outros são criados com: carteiro \
         token create";
    wrong_token: "Este token é desconhecido, foi revogado ou expirou.";
    too_many_tokens: "Tokens errados demais vieram deste endereço. Espere {} s e tente de novo.";
    no_read_scope: "Este token não permite leitura (escopo read).";
    // Errors.
    not_found_title: "Não encontrado";
    not_found: "Não há nada neste endereço, ou não é seu.";
    forbidden_title: "Não permitido";
    forbidden: "Este token só permite leitura.";
    host_lost_title: "Este formulário não pode ser aceito";
    host_lost:
        "Uma página de {} enviou o formulário, mas a chamada chegou ao carteiro como sendo para {}. Se há um proxy na \
         frente, ele precisa repassar o cabeçalho Host como o navegador o enviou (nginx: proxy_set_header Host \
         $http_host; Apache: ProxyPreserveHost On). Depois recarregue a página e envie de novo.";
    prefix_title: "O carteiro não funciona abaixo de um caminho";
    prefix:
        "O proxy na frente publica o carteiro em {}. Os caminhos do painel e da API começam em /: dê ao carteiro um \
         nome de host próprio, por exemplo carteiro.loja.example, e encaminhe todos os caminhos dele sem mudá-los.";
    stale_title: "Recarregue a página";
    stale: "O formulário não veio desta sessão. Volte, recarregue a página e envie de novo.";
    too_long: "O formulário passa de 64 KiB, e nada foi feito. Encurte o que escreveu e envie de novo.";
    busy:
        "O carteiro está recebendo formulários demais ao mesmo tempo, e nada foi feito. Tente de novo em alguns \
         segundos.";
    cant_title: "Não foi possível";
    back: "Voltar";
    // Statuses.
    pending: "Pendente";
    retrying: "Tentando de novo";
    held: "Em espera";
    delivered: "Entregue";
    failed: "Falhou";
    cancelled: "Cancelada";
    active: "Ativo";
    paused: "Pausado";
    disabled: "Desativado";
    failing: "Com falhas";
    in_flight_now: "Enviando agora";
    // Time.
    ago: "há {}";
    in_span: "em {}";
    now: "agora";
    never: "nunca";
    // The overview.
    last_day: "Últimas 24 horas";
    last_month: "Últimos 30 dias";
    attempts: "Tentativas";
    chart_title: "Tentativas e o que veio delas";
    came_confirmed: "Confirmadas";
    came_retried: "Sem confirmação";
    came_failed: "Sem confirmação, e era a última";
    chart_label: "Tentativas confirmadas: {}; sem confirmação: {}; sem confirmação, e era a última: {}";
    highest: "Tentativas na barra mais alta: {}";
    in_numbers: "Ver em números";
    hour: "Hora (UTC)";
    day: "Dia (UTC)";
    backlog: "Pendentes";
    still_pending: "{} pendentes";
    pending_many: "Pendentes";
    held_many: "Em espera";
    failed_many: "Falharam";
    oldest_pending: "Pendente mais antiga";
    nothing_pending: "Nada pendente";
    nothing_yet: "Ainda não há tentativas neste período.";
    failing_webhooks: "Webhooks com falhas";
    absent_account:
        "O armazenamento tem a conta {}, que a configuração não cita: as entregas dela estão em espera e os tokens \
         dela são recusados. Cite-a de novo ([[account]] name = \"{}\") e reinicie, ou use carteiro account export {} \
         e carteiro account remove {}.";
    no_failing_webhooks: "Nenhum webhook com falhas.";
    what_to_do: "O que fazer";
    last_failure: "Última falha";
    failing_since: "Sem confirmação há {}";
    will_disable: "Será desativado em {} se nada for confirmado.";
    system: "Sistema";
    disk_used: "Uso em disco";
    disk_free: "Livre no disco";
    last_backup: "Último backup agendado";
    no_backup: "nenhum desde o início; veja store.backup_dir";
    version: "Versão";
    kept_events: "Eventos guardados";
    in_all_accounts: "em todas as contas";
    ready: "Aceitando eventos";
    not_ready: "Não aceita eventos agora";
    // Webhooks.
    create_webhook: "Criar webhook";
    no_webhooks: "Nenhum webhook ainda";
    no_webhooks_help: "Um webhook diz para onde vão as notificações. Crie o primeiro aqui, ou pela API:";
    target: "Destino";
    authorization: "Autorização";
    status: "Status";
    last_success: "Última entrega";
    success_rate: "Taxa de sucesso (24 h)";
    no_attempts: "sem tentativas";
    hourly: "Tentativas por hora nas últimas 24 horas";
    spark_label: "Tentativas confirmadas nas últimas 24 horas: {}; não confirmadas: {}";
    description: "Descrição";
    edit: "Editar";
    pause: "Pausar";
    resume: "Retomar";
    test: "Testar";
    rotate: "Trocar o segredo";
    rotate_title: "Trocar o segredo de assinatura?";
    rotate_help:
        "O segredo atual ainda assina junto com o novo por algum tempo, e os anteriores, cada um até o seu fim: há \
         tempo de pôr o novo no destino.";
    leaked_title: "O segredo vazou?";
    leaked_help:
        "Então só o novo assina, a partir de agora, e todos os anteriores terminam. O destino recusa as notificações \
         até receber o novo; elas são tentadas de novo.";
    leaked_yes: "O segredo vazou: trocar e encerrar os anteriores";
    delete: "Excluir";
    delete_title: "Excluir este webhook?";
    delete_pending: ["{} notificação pendente será cancelada.", "{} notificações pendentes serão canceladas."];
    delete_pending_many: "Pelo menos {} notificações pendentes serão canceladas.";
    delete_pending_none: "Não há nada pendente.";
    delete_help: "O histórico continua na lista. Isto não pode ser desfeito.";
    delete_yes: "Sim, excluir";
    cancel: "Cancelar";
    save: "Salvar";
    new_webhook: "Novo webhook";
    edit_webhook: "Editar webhook";
    url: "URL";
    url_help: "Para onde as notificações são enviadas por POST: um endereço http ou https.";
    authorization_help: "O valor exato do cabeçalho Authorization. Opcional; nunca é mostrado de novo.";
    authorization_keep: "Há uma guardada. Deixe em branco para mantê-la.";
    authorization_again: "Escreva-a de novo: por segurança, ela não volta para a página.";
    authorization_remove: "Remover a autorização guardada";
    is_set: "definida";
    is_not_set: "não definida";
    all_events: "Todos os eventos";
    all_of: "Todos de {}";
    more_patterns: "Outros padrões";
    sample_of: "Um exemplo de {}";
    more_patterns_help: "Um por linha, como ORDER.* ou PAYMENT.PAID.";
    ordered: "Manter a ordem";
    ordered_help: "Notificações sobre o mesmo recurso saem uma de cada vez, na ordem em que foram registradas.";
    max_in_flight: "Envios simultâneos";
    max_in_flight_help: "De 1 a 1000; em branco, o padrão da configuração.";
    rate_limit: "Envios por segundo";
    rate_limit_help: "De 0,01 a 10000; em branco, sem limite.";
    limits: "Limites e ordem";
    secret_title: "Segredo de assinatura";
    secret_once: "Copie agora: ele não será mostrado de novo. O destino confere com ele o cabeçalho webhook-signature.";
    copy: "Copiar";
    copied: "Copiado";
    bad_fields: "Confira os campos marcados.";
    address: "o endereço";
    bad_authorization: "Use de 1 a 4096 caracteres ASCII visíveis, sem espaço nas pontas.";
    no_patterns: "Escolha ao menos um evento, e no máximo 100.";
    bad_pattern: "“{}” não é um padrão: escreva PAYMENT.PAID, PAYMENT.* ou *.";
    bad_description: "Use no máximo 500 bytes.";
    bad_max_in_flight: "Escreva um número inteiro de 1 a 1000.";
    bad_rate_limit: "Escreva um número de 0,01 a 10000.";
    headers: "Cabeçalhos extras";
    headers_help: "Enviados em cada tentativa; um por linha, como X-Loja: 42. Os valores nunca são mostrados de novo.";
    headers_keep:
        "Um por linha, como X-Loja: 42. “…” mantém o valor guardado; apague a linha para remover o cabeçalho.";
    bad_headers: "Escreva um cabeçalho por linha, como X-Loja: 42; “…” só mantém um valor já guardado.";
    retry: "Novas tentativas";
    retry_help: "Deixe tudo em branco para usar a agenda da configuração.";
    retry_schedule: "Intervalos após cada falha";
    retry_schedule_help: "De 1 a 19, como 5s 30s 5m 2h; o último se repete. Cada um de 1ms a 30days.";
    retry_attempts: "Tentativas automáticas";
    retry_attempts_help: "De 1 a 20, a primeira incluída; em branco, 20.";
    retry_jitter: "Variação dos intervalos (%)";
    retry_jitter_help: "Cada intervalo é esticado ao acaso em até isto: 0 a 100; em branco, 10.";
    bad_schedule: "Escreva de 1 a 19 intervalos, como 5s 30s 5m 2h, cada um de 1ms a 30days.";
    bad_attempts: "Escreva um número inteiro de 1 a 20.";
    bad_jitter: "Escreva um número de 0 a 100.";
    created_at: "Criado";
    unknown_types: "Nenhum tipo do catálogo e nenhum evento registrado corresponde a: {}. Confira como foi escrito.";
    see_notifications: "Ver notificações";
    // Events.
    event: "Evento";
    event_type: "Tipo";
    external_id: "Id externo";
    resource_id: "Id do recurso";
    period: "Período";
    any_time: "Qualquer";
    last_hour: "Última hora";
    last_week: "Últimos 7 dias";
    from: "De";
    to: "Até";
    utc: "(UTC)";
    local_time: "(hora local)";
    undelivered: "Ainda não entregues";
    filter: "Filtrar";
    clear: "Limpar";
    recorded: "Registrado";
    occurred: "Ocorrido";
    newer: "Mais novos";
    older: "Mais antigos";
    newer_notifications: "Mais novas";
    older_notifications: "Mais antigas";
    pages: "Páginas";
    no_events: "Nenhum evento ainda";
    no_events_help: "Registre o primeiro pela API:";
    nothing_matches: "Nada corresponde aos filtros.";
    keep_looking: "Nesta parte nada corresponde; a busca continua mais para trás.";
    bad_filter: "Um filtro não pôde ser lido e foi deixado de lado: {}";
    nobody: "Nenhum webhook";
    resource: "Recurso";
    resource_erased: "O conteúdo foi apagado.";
    history: "Histórico de notificações";
    no_subscriber: "Nenhum webhook assinava este tipo quando o evento foi registrado.";
    resend: "Reenviar";
    resend_event: "Reenviar a todos";
    resend_to: "Reenviar para {}";
    attempt_n: "Tentativa {}";
    by_schedule: "automática";
    manual: "manual";
    by_test: "teste";
    not_notified: "Webhooks que não o recebem: {}";
    next_attempt: "Próxima tentativa";
    of_attempts: "{} de {} tentativas automáticas";
    response_body: "Corpo da resposta";
    confirmed: "O destino confirmou.";
    no_response: "sem resposta";
    dns: "DNS";
    connect: "conexão";
    tls: "TLS";
    first_byte: "espera";
    rest: "leitura";
    total: "total";
    // Notifications.
    notification: "Notificação";
    webhook: "Webhook";
    response: "Resposta";
    any: "Todos";
    response_none: "Sem resposta";
    select: "Selecionar";
    select_page: "Selecionar todas desta página";
    resend_selected: "Reenviar as selecionadas";
    resend_all: "Reenviar todas que correspondem";
    not_whole_held: "As que estão em espera não são reenviadas: saem quando o webhook voltar a ficar ativo.";
    not_whole_cancelled: "Canceladas não podem ser reenviadas.";
    some_paused: "O que é de webhooks pausados ou desativados espera até que eles sejam retomados.";
    not_whole_aside: "Um filtro ficou de lado: corrija-o para poder reenviar todas que correspondem.";
    not_whole_event: "As de um evento são reenviadas na página dele, com “Reenviar a todos”.";
    no_notifications: "Nenhuma notificação ainda";
    no_notifications_help: "Elas aparecem quando um evento corresponde a um webhook.";
    nothing_selected: "Nada foi selecionado.";
    resent_some: "Reenviadas: {}. Não puderam ser reenviadas: {}.";
    not_whole_deleted: "As notificações de um webhook excluído estão canceladas e não podem ser reenviadas.";
    resend_job: "Reenvio em massa";
    resend_jobs: "Reenvios em massa";
    any_status: "Todos, inclusive as já entregues";
    recorded_from: "Registrado a partir de";
    recorded_to: "Registrado antes de";
    job_running: "Em andamento";
    job_done: "Concluído";
    job_failed: "Concluído em parte";
    job_cancelled: "Cancelado";
    job_progress: "Reenviadas: {} de {}; puladas: {}";
    confirm_all_one: "Reenviar uma notificação?";
    confirm_all: "Reenviar {} notificações?";
    confirm_all_many: "Reenviar pelo menos {} notificações?";
    confirm_all_help: "Cada uma recebe uma tentativa manual, no ritmo do seu webhook.";
    resend_yes: "Sim, reenviar";
    // What was just done.
    done_resent: "Reenvio pedido: a nova tentativa aparece no histórico.";
    done_saved: "Salvo.";
    done_paused: "Pausado: as notificações ficam em espera.";
    done_resumed: "Retomado.";
    done_deleted: "Webhook excluído.";
}
