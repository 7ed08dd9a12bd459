//! What the pages of whoever looks after carteiro say in Brazilian Portuguese: its tokens and its system.

use super::define::texts;

texts! {
    struct UpkeepTexts as PT;
    // Tokens.
    tokens: "Tokens";
    tokens_help: "Dê a cada programa e a cada pessoa um token próprio, só com as permissões de que precisa.";
    no_tokens: "Nenhum token";
    token_new: "Novo token";
    token_name: "Nome";
    token_name_example: "Loja virtual";
    token_scopes: "Permissões";
    token_made: "Criado";
    token_used: "Último uso";
    token_expires: "Validade";
    token_own: "este acesso";
    token_create: "Criar token";
    token_ready: "Token criado";
    token_once: "Copie agora: ele não será mostrado de novo.";
    token_name_problem: "Dê um nome de até 100 caracteres.";
    token_scopes_problem: "Escolha ao menos uma permissão.";
    never_expires: "Não vence";
    in_days: "Em {} dias";
    scope_admin: "Tudo, inclusive criar e revogar tokens";
    scope_ingest: "Registrar eventos";
    scope_read: "Ver tudo, sem alterar nada";
    scope_metrics: "Ler as métricas";
    revoke: "Revogar";
    revoke_and_leave: "Revogar e sair";
    revoke_title: "Revogar este token?";
    revoke_help: "Quem o usa perde o acesso na hora. Esta ação não pode ser desfeita.";
    revoke_own:
        "Você entrou com este token: ao revogá-lo, sua sessão termina. Tenha outro token de administrador à mão.";
    revoke_yes: "Sim, revogar";
    // The system.
    system_help: "O que é guardado, o disco e os backups. As configurações ficam no arquivo de configuração.";
    system_of_operator: "O disco, os backups e as versões são vistos na conta de quem opera o carteiro.";
    retention: "Retenção";
    retention_time: "Eventos guardados por";
    retention_size: "Volume guardado, no máximo";
    retention_help: "Eventos com notificações pendentes ficam até que elas terminem.";
    no_limit: "sem limite";
    disk: "Disco";
    disk_reserve: "Reserva mínima livre";
    kept_notifications: "Notificações guardadas";
    kept_payloads: "Dados dos eventos";
    folder: "Pasta";
    backups: "Backups";
    backup_failed: "O último backup agendado falhou em";
    no_schedule: "Nenhum backup agendado. Defina backup_dir e backup_every em [store] na configuração.";
    backup_size: "Tamanho";
    backup_every: "Intervalo";
    backups_kept: "Backups mantidos";
    versions: "Versões";
    store_format: "Formato do armazenamento";
    platform: "Plataforma";
    running_since: "Em execução desde";
    days_n: ["{} dia", "{} dias"];
    hours_n: ["{} hora", "{} horas"];
}
