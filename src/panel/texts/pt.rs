//! Every text of the panel in Brazilian Portuguese. What `en.rs` has and this doesn't, or the other way round, doesn't
//! compile.

use super::define::texts;

texts! {
    struct Texts as PT;
    // The frame.
    place: "Perfil e preferências";
    product: "Notificações";
    skip: "Pular para o conteúdo";
    menu: "Menu principal";
    webhooks: "Webhooks";
    events: "Eventos";
    notifications: "Notificações";
    sign_out: "Sair";
    language: "Idioma";
    left: "Não está mais nesta lista";
    news: "Há itens novos · Atualizar";
    account: "Conta";
    read_only: "Somente leitura";
    home: "Início";
    search: "Busca";
    search_for: "Buscar pedido, pagamento ou evento";
    api_reference: "Referência da API";
    close: "Fechar";
    away: "Sem conexão com o carteiro desde {}. Tentando de novo… O que você vê pode estar desatualizado.";
    away_click: "Sem conexão com o carteiro: nada foi enviado. Tente de novo quando a conexão voltar.";
    no: "não";
    yes: "sim";
    // Signing in.
    sign_in: "Entrar";
    access_token: "Token de acesso";
    sign_in_help:
        "O token do primeiro início está no arquivo admin-token da pasta de dados; sem ele, o comando carteiro \
         panel-link mostra um link de acesso.";
    wrong_token: "Token desconhecido, revogado ou expirado.";
    too_many_tokens: "Tokens errados demais vieram deste endereço. Espere {} s e tente de novo.";
    no_read_scope: "Este token não permite leitura (escopo read).";
    ended: "Sua sessão terminou e nada foi salvo. Entre para continuar.";
    ended_form: "Sua sessão tinha terminado, e nada foi feito ainda. Confira o que você preencheu e envie de novo.";
    ended_title: "Continuar de onde parou?";
    ended_action: "Você tinha pedido: {}";
    stop_resend: "Interromper o reenvio";
    link: "Link de acesso";
    link_ready: "O link está aqui e vale uma vez. Falta só clicar.";
    link_help: "Cole aqui o link inteiro que o comando carteiro panel-link mostrou.";
    wrong_link: "Este link já foi usado, venceu ou está incompleto. Peça outro: carteiro panel-link";
    with_a_token: "Entrar com um token de acesso";
    // Errors.
    not_found_title: "Página não encontrada";
    not_found: "O endereço não existe, ou o item foi excluído. Confira o link ou use a busca.";
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
    too_long: "O formulário passa de 64 KB, e nada foi salvo. Encurte o que escreveu e envie de novo.";
    busy:
        "O carteiro está recebendo formulários demais ao mesmo tempo, e nada foi feito. Tente de novo em alguns \
         segundos.";
    cant_title: "Não foi possível";
    back: "Voltar";
    to_the_start: "Ir para o início";
    below_a_path:
        "Se um proxy publica o carteiro em {}: os caminhos do painel e da API começam em /. Dê ao carteiro um nome de \
         host próprio.";
    // Statuses.
    pending: "Na fila";
    retrying: "Tentando de novo";
    held: "Em espera";
    delivered: "Entregue";
    failed: "Falhou";
    cancelled: "Cancelada";
    active: "Ativo";
    paused: "Pausado";
    disabled: "Desativado";
    failing: ["{} webhook precisa de atenção", "{} webhooks precisam de atenção"];
    in_flight_now: "Enviando agora";
    failing_now: "Falhando";
    failing_for: "Falhando há {}";
    pending_n: ["{} na fila", "{} na fila"];
    retrying_n: ["{} tentando de novo", "{} tentando de novo"];
    held_n: ["{} em espera", "{} em espera"];
    delivered_n: ["{} entregue", "{} entregues"];
    failed_n: ["{} falhou", "{} falharam"];
    cancelled_n: ["{} cancelada", "{} canceladas"];
    delivered_many: "Entregues";
    retried_many: "Tentadas de novo";
    retried_n: ["{} tentada de novo", "{} tentadas de novo"];
    // Time.
    ago: "há {}";
    in_span: "em {}";
    now: "agora";
    never: "nunca";
    // The overview.
    last_day: "Últimas 24 horas";
    last_month: "Últimos 30 dias";
    attempts: "Tentativas";
    in_numbers: "Ver em números";
    hour: "Hora";
    day: "Dia";
    pending_many: "Na fila";
    failed_many: "Falharam";
    nothing_yet: "Ainda não há entregas neste período.";
    absent_account:
        "O armazenamento tem a conta {}, que a configuração não cita: as entregas dela estão em espera e os tokens \
         dela são recusados. Cite-a de novo ([[account]] name = \"{}\") e reinicie, ou use carteiro account export {} \
         e carteiro account remove {}.";
    what_to_do: "O que fazer:";
    next_attempt: "Próxima tentativa";
    at_hour: "às";
    on_day: "em";
    will_disable: "Será desativado em {} se nada for confirmado.";
    system: "Sistema";
    disk_used: "Uso em disco";
    disk_free: "Livre no disco";
    last_backup: "Último backup";
    no_backup: "nenhum desde o início";
    kept_events: "Eventos guardados";
    not_ready: "O carteiro não está aceitando eventos.";
    // Webhooks.
    create_webhook: "Criar webhook";
    no_webhooks: "Nenhum webhook ainda";
    no_webhooks_help: "Um webhook diz para onde vão as notificações. Crie o primeiro com o botão acima.";
    authorization: "Autorização";
    status: "Situação";
    last_success: "Última entrega";
    success_rate: "Taxa de entrega (24 h)";
    spark_label: "Tentativas confirmadas nas últimas 24 horas: {}; não confirmadas: {}";
    description: "Descrição";
    edit: "Editar";
    pause: "Pausar";
    resume: "Retomar";
    rotate: "Gerar novo segredo";
    rotate_title: "Gerar novo segredo de assinatura?";
    rotate_help: "Atualize o destino até lá. Enquanto isso, cada notificação é assinada com os dois segredos.";
    leaked_title: "O segredo vazou?";
    leaked_help:
        "Só o novo segredo passa a valer, imediatamente. O destino recusa as notificações até receber o novo; elas \
         são tentadas de novo.";
    leaked_yes: "O segredo vazou: gerar outro e invalidar os anteriores";
    delete_title: "Excluir este webhook?";
    delete_pending: ["{} notificação pendente será cancelada.", "{} notificações pendentes serão canceladas."];
    delete_pending_many: "Pelo menos {} notificações pendentes serão canceladas.";
    delete_pending_none: "Não há nada pendente.";
    delete_help: "O histórico continua na lista. Esta ação não pode ser desfeita.";
    delete_yes: "Sim, excluir";
    cancel: "Cancelar";
    save: "Salvar";
    new_webhook: "Novo webhook";
    edit_webhook: "Editar webhook";
    url: "URL";
    url_help: "O endereço que recebe as notificações, por exemplo https://loja.com.br/notificacoes.";
    authorization_help:
        "O valor inteiro do cabeçalho Authorization, como informado por quem cuida do destino: muitos começam com \
         Bearer ou Basic e um espaço. Opcional.";
    authorization_keep:
        "O valor inteiro do cabeçalho Authorization, como informado por quem cuida do destino: muitos começam com \
         Bearer ou Basic e um espaço. Em branco, a atual continua.";
    authorization_again: "Digite de novo: por segurança, a autorização não volta para a página.";
    authorization_remove: "Remover a autorização atual";
    is_set: "definida";
    is_not_set: "não definida";
    all_events: "Todos os eventos";
    all_events_help: "Inclui todos os tipos abaixo: não é preciso marcar mais nenhum.";
    all_of: "{}: todos";
    more_patterns: "Outros eventos";
    more_patterns_help: "Um por linha, como ORDER.* ou PAYMENT.PAID.";
    ordered: "Manter a ordem";
    ordered_help: "Notificações sobre o mesmo recurso saem uma de cada vez, na ordem em que foram registradas.";
    max_in_flight: "Envios simultâneos";
    max_in_flight_help: "De 1 a 1000. Em branco: {}, o padrão.";
    rate_limit: "Envios por segundo";
    rate_limit_help: "De 0,01 a 10000. Em branco: sem limite.";
    secret_title: "Segredo de assinatura";
    download_txt: "Baixar .txt";
    secret_file: "segredo-do-webhook.txt";
    secret_once: "Copie agora e guarde no sistema que recebe: em alguns minutos, ele não será mostrado de novo.";
    copy: "Copiar";
    copied: "Copiado";
    bad_fields: "Nada foi salvo ainda: confira os campos marcados.";
    address: "o endereço";
    bad_authorization: "Use de 1 a 4096 caracteres, sem acentos e sem espaço nas pontas.";
    no_patterns: "Escolha ao menos um evento, e no máximo 100.";
    bad_pattern: "“{}” não é um evento: escreva, por exemplo, PAYMENT.PAID, PAYMENT.* ou *.";
    bad_description: "Use no máximo 500 bytes.";
    bad_max_in_flight: "Escreva um número inteiro de 1 a 1000.";
    bad_rate_limit: "Escreva um número de 0,01 a 10000.";
    headers: "Cabeçalhos extras";
    headers_help: "Enviados em cada tentativa; um por linha, como X-Loja: 42. Os valores nunca são mostrados de novo.";
    headers_keep:
        "Um por linha, como X-Loja: 42. “…” mantém o valor guardado; apague a linha para remover o cabeçalho.";
    bad_headers: "Escreva um cabeçalho por linha, como X-Loja: 42; “…” só mantém um valor já guardado.";
    retry: "Novas tentativas";
    retry_help: "Deixe em branco para usar a agenda padrão.";
    retry_schedule: "Intervalos após cada falha";
    retry_schedule_help: "De 1 a 19, como 5s 30s 5m 2h; o último se repete. Cada um de 1 ms a 30 dias.";
    retry_attempts: "Tentativas automáticas";
    retry_attempts_help: "De 1 a 20, contando a primeira. Em branco: 20.";
    retry_jitter: "Variação dos intervalos (%)";
    retry_jitter_help: "Cada intervalo aumenta ao acaso em até este percentual: 0 a 100. Em branco: 10.";
    bad_schedule: "Escreva de 1 a 19 intervalos, como 5s 30s 5m 2h, cada um de 1 ms a 30 dias.";
    bad_attempts: "Escreva um número inteiro de 1 a 20.";
    bad_jitter: "Escreva um número de 0 a 100.";
    created_at: "Criado";
    unknown_types: "Nenhum tipo do catálogo e nenhum evento registrado corresponde a: {}. Confira como foi escrito.";
    webhooks_help: "Para onde vão as notificações, e de quais eventos.";
    name_and_url: "Nome e URL";
    find_webhook: "Nome ou URL";
    find: "Buscar";
    last_day_short: "Entregas (24 h)";
    waiting: "Aguardando";
    deleted_webhook: "Webhook excluído";
    held_until_resumed: "até ser retomado";
    paused_help: "Webhook pausado. As novas notificações ficam em espera até você retomar.";
    tabs: "Partes desta página";
    deliveries: "Entregas";
    signature: "Assinatura";
    configuration: "Configuração";
    no_deliveries: "Nenhuma notificação ainda";
    no_deliveries_help:
        "As notificações aparecem aqui quando um evento corresponde a este webhook. Envie um teste para conferir o \
         destino.";
    rotate_until: "O segredo atual continua valendo até";
    signature_help:
        "O destino confere com este segredo o cabeçalho webhook-signature e sabe que a notificação veio do carteiro. \
         Por segurança, ele só aparece quando é gerado.";
    one_secret: "Um único segredo assina as notificações.";
    old_secret_until: "Um segredo anterior também assina até";
    verify_title: "Como conferir no destino";
    verify_help: "Em Node.js; qualquer biblioteca de Standard Webhooks também serve.";
    delete_webhook: "Excluir webhook";
    proposed_url: "Faltava https:// no início, e completamos. Confira e salve.";
    show: "Mostrar";
    hide: "Ocultar";
    advanced: "Avançado: ordem, limites, novas tentativas, cabeçalhos";
    payload_filter: "Filtro por conteúdo";
    payload_filter_help:
        "JSON com a forma do recurso: só são enviados eventos que atendem a tudo. Vazio: todos os eventos escolhidos.";
    filter_tab: "Filtro";
    try_filter: "Testar filtro";
    use_filter: "Usar este filtro";
    try_help: "Mostra quais dos eventos mais recentes atenderiam a este filtro. Nada é enviado nem salvo.";
    tried: "Eventos recentes que atendem: {} de {}";
    meets: "Atende";
    meets_not: "Não atende";
    meets_unknown: "Sem conteúdo";
    others_unmet: ["Mostrar mais {} que não atende", "Mostrar mais {} que não atendem"];
    operators: "O que um filtro pode pedir";
    asks_equal: "este valor exato";
    asks_in: "um dos valores da lista, ou nenhum deles";
    asks_order: "um número, ou um texto como uma data, maior ou menor";
    asks_other: "qualquer outro valor";
    asks_text: "um texto que começa ou termina assim";
    asks_there: "um campo que existe ou, com false, que não existe";
    asks_logic: "um dos filtros da lista, todos eles, ou o contrário de um";
    no_trial_events: "Nenhum evento recente";
    no_trial_events_help: "Nenhum dos eventos mais recentes é de um tipo que este webhook recebe.";
    samples: "Exemplos do que é enviado";
    meant_pattern: "“{}” não é um evento: escreva {}.";
    name: "Nome";
    name_help: "Como este webhook aparece nas listas. Em branco, o host da URL.";
    bad_name: "Use de 1 a 80 caracteres, em uma linha.";
    outdated:
        "Este webhook foi alterado em outra janela enquanto você editava. Nada foi salvo ainda: os campos que você não \
         mudou já mostram o que foi salvo lá, e abaixo de cada campo que você mudou está o valor salvo. Confira e \
         salve de novo para usar os seus.";
    stored_is: "Salvo agora: {}";
    stored_empty: "Salvo agora: vazio";
    secret_kept: "Já guardei";
    // Events.
    event: "Evento";
    event_type: "Tipo";
    external_id: "Pedido (id externo)";
    resource_id: "Id do recurso";
    period: "Período";
    any_time: "Qualquer";
    last_hour: "Última hora";
    last_week: "Últimos 7 dias";
    from: "De";
    to: "Até";
    local_time: "horário local";
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
    no_events_help: "Os eventos aparecem aqui assim que sua loja os registra pela API.";
    nothing_matches: "Nada encontrado com estes filtros.";
    keep_looking: "Nada encontrado até aqui; a busca continua nos mais antigos.";
    bad_cursor: "A página pedida não existe: estes são os itens mais recentes.";
    bad_page: "A página pedida não existe: esta é a primeira.";
    bad_filter: "Filtro inválido, ignorado: {}";
    nobody: "Nenhum webhook";
    resource: "Dados do evento";
    resource_erased: "Os dados deste evento foram apagados.";
    no_subscriber: "Nenhum webhook recebeu este evento";
    resend: "Reenviar";
    resend_event: "Reenviar a todos";
    attempt_n: "Tentativa {}";
    manual: "manual";
    by_test: "teste";
    not_notified: ["{} webhook não recebe este evento", "{} webhooks não recebem este evento"];
    of_attempts: "{} de {}";
    attempts_n: ["{} tentativa", "{} tentativas"];
    confirmed: "Confirmou o recebimento.";
    no_response: "sem resposta";
    dns: "DNS";
    connect: "conexão";
    tls: "TLS";
    first_byte: "espera";
    total: "total";
    events_help: "Tudo o que aconteceu na loja e foi registrado aqui.";
    all_of_them: "Todos";
    more_filters: "Mais filtros";
    remove_filter: "Remover o filtro";
    when: "Quando";
    from_after_to: "O início do período vem depois do fim: nada corresponde.";
    period_and_moments: "O período e as datas se contradizem: valem as datas.";
    copy_json: "Copiar JSON";
    no_subscriber_help: "Nenhum assinava este tipo quando o evento foi registrado.";
    erase: "Apagar dados…";
    erase_title: "Apagar os dados deste evento?";
    erase_goes:
        "São apagados os dados do evento, o que a busca encontra neles e as respostas dos destinos. O evento não pode \
         mais ser reenviado.";
    erase_stays: "Ficam o tipo, o id do evento, as datas e o histórico das tentativas, sem os corpos.";
    erase_external_id: "Apagar id externo…";
    erase_external_id_title: "Apagar também o id externo?";
    erase_external_id_help: "Os dados deste evento já foram apagados. Ficou o id externo, informado por sua loja.";
    erase_external_id_too: "Apagar também o id externo {}";
    erase_external_id_stays: "Sem marcar, ele fica: a busca continua encontrando o evento por ele.";
    erase_help: "Os backups feitos antes continuam com os dados. Esta ação não pode ser desfeita.";
    erase_yes: "Sim, apagar";
    event_types: "Tipos de evento";
    event_types_help: "O que pode acontecer na loja, um exemplo de cada e quem é avisado.";
    subscribers: "Webhooks que recebem";
    sample: "Exemplo";
    other_events: "Outros eventos deste pedido";
    attempt: "Tentativa";
    took: "Tempo";
    result: "Resultado";
    confirmed_at: "Confirmou na {}ª tentativa";
    exchange_of: "Requisição e resposta da tentativa {}";
    show_each: ["Mostrar {} tentativa", "Mostrar as {} tentativas"];
    no_body: "O destino não respondeu.";
    see_details: "Ver detalhes";
    see_event: "Ver o evento";
    resend_now: "Reenviar agora";
    resend_what: "Reenviar {}";
    what_to_webhook: "{} para {}";
    export_csv: "Exportar CSV";
    request: "Requisição";
    copy_curl: "Copiar como curl";
    long_body: "Corpo de {} não mostrado aqui. A requisição inteira e o comando curl:";
    long_resource: "Este conteúdo tem {} e não é mostrado aqui. Ele inteiro:";
    no_request: "Nenhuma requisição saiu.";
    masked: "•••••• (definida)";
    previous: "Anteriores";
    next: "Próximos";
    order: "Pedido";
    order_id: "Id do pedido";
    payment_id: "Id do pagamento";
    amount: "Valor";
    // Notifications.
    notification: "Notificação";
    webhook: "Webhook";
    response: "Resposta";
    any: "Todos";
    response_none: "Sem resposta";
    select: "Selecionar";
    select_page: "Selecionar todas desta página";
    resend_selected: "Reenviar as selecionadas";
    resend_all: "Reenviar todas as filtradas…";
    not_whole_held: "Notificações em espera não são reenviadas: saem quando o webhook voltar a ficar ativo.";
    not_whole_cancelled: "Canceladas não podem ser reenviadas.";
    some_paused: "Notificações de webhooks pausados ou desativados ficam em espera até que sejam retomados.";
    not_whole_aside: "Corrija o filtro inválido para poder reenviar todas as filtradas.";
    not_whole_event: "As de um evento são reenviadas na página dele, com “Reenviar a todos”.";
    no_notifications: "Nenhuma notificação ainda";
    no_notifications_help: "Elas aparecem quando um evento corresponde a um webhook.";
    nothing_selected: "Nenhuma notificação foi selecionada.";
    resent_some: ["{} notificação reenviada.", "{} notificações reenviadas."];
    not_whole_deleted: "As notificações de um webhook excluído não podem ser reenviadas.";
    resend_job: "Reenvio em massa";
    resend_jobs: "Reenvios em massa";
    any_status: "Todas, inclusive as já entregues";
    recorded_from: "Registrado a partir de";
    recorded_to: "Registrado antes de";
    job_running: "Em andamento";
    job_done: "Concluído";
    job_failed: "Concluído em parte";
    job_cancelled: "Cancelado";
    job_progress: "Enviadas: {} de {}";
    job_resent: ["{} reenviada", "{} reenviadas"];
    job_skipped: ["{} pulada", "{} puladas"];
    job_asked_for: "O que foi pedido";
    outcome_delivered: ["{} entregue", "{} entregues"];
    outcome_pending: ["{} ainda tentando", "{} ainda tentando"];
    outcome_failed: ["{} falhou", "{} falharam"];
    outcome_cancelled: ["{} cancelada", "{} canceladas"];
    outcome_replaced: ["{} assumida por outro reenvio em massa", "{} assumidas por outro reenvio em massa"];
    outcome_lost: ["{} perdida por dano nos dados", "{} perdidas por dano nos dados"];
    outcome_help: "Cada uma conta como terminou da primeira vez; um reenvio posterior não muda estes números.";
    see_undelivered: "Ver as não entregues";
    see_resent: "Ver as reenviadas";
    see_created: "Ver as criadas";
    see_webhook: "Ver o webhook";
    confirm_all: ["Reenviar {} notificação?", "Reenviar {} notificações?"];
    confirm_all_help: "Cada uma recebe uma tentativa manual, no ritmo do seu webhook.";
    type_the_count: "Para confirmar, digite {}";
    count_differs: "O número digitado é outro.";
    count_changed: "O número digitado é outro, e a quantidade mudou: agora são {}. Confira e envie de novo.";
    resend_yes: "Sim, reenviar";
    notifications_help: "Cada evento enviado a cada webhook.";
    all_notifications: "Todas";
    event_and_webhook: "Evento e webhook";
    any_response: "Todas";
    test_word: "teste";
    select_what: "Selecionar {}";
    selected: ["{} selecionada", "{} selecionadas"];
    tests: "Testes";
    include_delivered: "Incluir também as já entregues";
    count_delivered: "Contar também as já entregues";
    again_warning:
        "Reenviar o que já foi entregue faz o destino receber de novo: um pedido ou pagamento pode ser processado em \
         dobro, se o destino não reconhecer a repetição pelo webhook-id.";
    undelivered_status: "Todas, menos as já entregues";
    resend_again_yes: "Sim, reenviar também as já entregues";
    // Backfills.
    backfill: "Enviar eventos anteriores";
    backfills: "Eventos anteriores";
    backfill_help:
        "O webhook recebe os eventos dos seus tipos que já estavam registrados e que ainda não recebeu, do mais antigo \
         ao mais novo e no seu ritmo. Testes ficam de fora.";
    backfill_ask: "Ver quantos são";
    backfill_type_help: "Em branco: todos os tipos que o webhook recebe.";
    backfill_others: [
        "{} evento não é enviado: já foi recebido, não atende ao filtro, é um teste ou teve o conteúdo apagado.",
        "{} eventos não são enviados: já foram recebidos, não atendem ao filtro, são testes ou tiveram o conteúdo \
         apagado.",
    ];
    backfill_none: "Não há nada a enviar nesse período.";
    backfill_count: ["Será criada {} notificação.", "Serão criadas {} notificações."];
    backfill_at_most: ["Será criada no máximo {} notificação.", "Serão criadas no máximo {} notificações."];
    backfill_matched: "Eventos dos tipos do webhook nesse período: {}.";
    backfill_yes: "Sim, enviar";
    backfill_waits: "O webhook está pausado ou desativado: o envio espera até que ele seja retomado.";
    backfill_progress: "Notificações criadas: {}; eventos no período: {}";
    backfill_created: ["{} notificação criada", "{} notificações criadas"];
    backfill_skipped: ["{} evento pulado", "{} eventos pulados"];
    backfill_new: "Enviar também eventos anteriores";
    backfill_no: "Não, só os novos";
    stop_backfill: "Interromper o envio de eventos anteriores";
    send_to: "Enviar a este webhook";
    done_sent_to: "Enviado a {}.";
    // What was just done.
    done_saved: "{}: salvo.";
    then_test: "Agora envie um teste para conferir.";
    then_resend: [
        "Agora envie um teste, ou reenvie a {} que aguarda.",
        "Agora envie um teste, ou reenvie as {} que aguardam.",
    ];
    done_paused: "{}: pausado. As novas notificações ficam em espera até você retomar.";
    done_resumed: "{}: retomado.";
    done_deleted: "Webhook excluído.";
    done_created: "{}: webhook criado. Guarde o segredo e envie um teste.";
    done_rotated: "{}: novo segredo gerado. Guarde-o no sistema que recebe.";
    done_sample: "Evento de exemplo enviado.";
    done_sample_unsent:
        "O exemplo foi registrado, mas nenhum webhook o recebe: escolha outro tipo, ou mude os eventos de um deles.";
    done_erased: "Dados apagados.";
    resent_what: "Reenviada: {} – {}";
    resent_soon: "em andamento; o resultado aparece aqui na página.";
    resent_held: "sai assim que possível.";
    resent_delivered: "{}, entregue em {}.";
    resent_refused: "{}, recusada pelo destino.";
    resent_unanswered: "o destino não respondeu.";
    not_resent: ["{} não pôde ser reenviada.", "{} não puderam ser reenviadas."];
    done_revoked: "Token revogado.";
    // The first page.
    all_well: "Tudo certo:";
    all_well_none: "nenhuma notificação nas últimas 24 horas.";
    all_well_n: ["{} notificação entregue nas últimas 24 horas.", "{} notificações entregues nas últimas 24 horas."];
    need_attention: ["{} de {} webhooks precisa de atenção.", "{} de {} webhooks precisam de atenção."];
    nothing_lost: ["{} notificação aguarda; nada foi perdido.", "{} notificações aguardam; nada foi perdido."];
    to_resend: [
        "{} notificação falhou e só sai se você a reenviar.",
        "{} notificações falharam e só saem se você as reenviar.",
    ];
    failed_this_week: [
        "{} notificação falhou nos últimos 7 dias.",
        "{} notificações falharam nos últimos 7 dias.",
    ];
    failed_this_week_help: "Nenhum webhook está falhando agora, mas o que falhou só sai se você reenviar.";
    no_failing: "Nenhum webhook está falhando agora.";
    target_confirmed: "O destino confirmou.";
    changed_since: "o webhook foi alterado depois desta resposta. Envie um teste para conferir.";
    target_said: "Resposta do destino:";
    orders_wait: ["{} notificação {} aguarda.", "{} notificações {} aguardam."];
    of_orders: ["de {} pedido", "de {} pedidos"];
    brasilia_time: "horário de Brasília";
    low_disk: "Pouco espaço em disco.";
    low_disk_help: "Restam {} livres. Libere espaço: com o disco cheio, o carteiro não aceita eventos.";
    old_backup: "O backup agendado está atrasado.";
    old_backup_help: "Veja no log do carteiro por que ele não foi feito.";
    taking_events: "Recebimento de eventos";
    taken: "normal";
    not_taken: "parado";
    all_failing: "Ver todos os {} webhooks com falhas";
    dismiss: "Dispensar";
    dismiss_what: "Dispensar: {}";
    dismissed: ["{} aviso dispensado.", "{} avisos dispensados."];
    show_again: "Mostrar de novo";
    fix_authorization: "Corrigir autorização";
    fix_url: "Corrigir URL";
    send_test: "Enviar teste";
    see_waiting: ["Ver a {} que aguarda", "Ver as {} que aguardam"];
    see_pending: ["Ver a {} na fila", "Ver as {} na fila"];
    see_retrying: ["Ver a {} que será tentada de novo", "Ver as {} que serão tentadas de novo"];
    see_held: ["Ver a {} em espera", "Ver as {} em espera"];
    see_failed: ["Ver a {} que falhou", "Ver as {} que falharam"];
    resend_waiting: ["Reenviar agora a {} que aguarda", "Reenviar agora as {} que aguardam"];
    resend_retrying:
        ["Reenviar agora a {} que será tentada de novo", "Reenviar agora as {} que serão tentadas de novo"];
    resend_waiting_all: "Reenviar agora as que aguardam";
    waits_its_time: [
        "{} notificação aguarda a hora da próxima tentativa.",
        "{} notificações aguardam a hora da próxima tentativa.",
    ];
    in_last_day: "nas últimas 24 horas";
    delivery_rate: "Taxa de entrega";
    comes_by_itself: "saem sozinhas";
    none_retrying: "nenhuma agora";
    failed_help: "últimos 7 dias";
    by_hour: "Entregas por hora";
    by_day: "Entregas por dia";
    hours_24: "24 horas";
    days_30: "30 dias";
    chart_column: "{}: {}, {}, {}";
    kept_in_all: "Eventos guardados em todas as contas";
    welcome: "Boas-vindas ao carteiro";
    welcome_help: "Em quatro passos, seus sistemas passam a saber de cada pedido e pagamento.";
    step_sign_in: "Entrar no painel";
    step_sign_in_help: "Feito. Para entrar de novo, use um token de acesso ou peça outro link: carteiro panel-link.";
    step_done: "Feito.";
    step_webhook: "Criar o primeiro webhook";
    step_webhook_help:
        "Diga para qual endereço (URL) avisar e de quais eventos. Quem cuida do sistema que recebe — ERP, planilha, \
         nota fiscal — informa a URL e, se houver, a autorização.";
    step_webhook_first: "Crie antes um webhook: sem ele, ninguém recebe o evento.";
    step_sample: "Enviar um evento de exemplo";
    step_sample_help:
        "Um evento fictício, marcado como teste (env = test) e enviado uma vez, para ver a notificação chegar.";
    send_sample: "Enviar exemplo";
    by_api: "Sou dev: fazer pela API";
    by_notification: "das notificações";
    response_time: "Tempo de resposta";
    most_below: "95 % abaixo de {}";
    as_yesterday: "como ontem";
    more_than_yesterday: "▲ {} % que ontem";
    less_than_yesterday: "▼ {} % que ontem";
    // Searching.
    nothing_found: "Nada encontrado para “{}”.";
    search_help:
        "Procure pelo número inteiro do pedido (11249, não só o fim dele), ou pelo id do pagamento ou do evento. Nomes \
         de clientes não são buscados.";
    more: "Mais";
    resend_found: "Reenviar…";
    found: "Encontrado para “{}”";
    see_all_found: "Ver todos os eventos encontrados";
}
