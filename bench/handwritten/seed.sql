-- What seed_rule.yaml means, as somebody who knows DuckDB well would write it over native columns.
WITH halves AS MATERIALIZED (
    SELECT time_bucket(INTERVAL '1h', TimeGenerated) AS timekey, coalesce(nullif(DvcFQDN, ''), nullif(DvcHostname, ''), nullif(DvcIpAddr, ''), nullif(DvcId, ''), _ResourceId) AS Dvc, ActorUsername,
        TargetProcessCommandLine AS CommandLine,
        system.main.regexp_matches(TargetProcessCommandLine, '(?i)(?:^|[^0-9A-Za-z])New-MailboxExportRequest(?:$|[^0-9A-Za-z])') AS IsExport,
        system.main.regexp_matches(TargetProcessCommandLine, '(?i)(?:^|[^0-9A-Za-z])Remove-MailboxExportRequest(?:$|[^0-9A-Za-z])') AS IsRemoval
    FROM events
    WHERE contains(lower(TargetProcessCommandLine), '-mailboxexportrequest')
        AND (system.main.regexp_matches(TargetProcessName, '(?i)(?:^|[^0-9A-Za-z])powershell[.]exe(?:$|[^0-9A-Za-z])') OR system.main.regexp_matches(TargetProcessName, '(?i)(?:^|[^0-9A-Za-z])cmd[.]exe(?:$|[^0-9A-Za-z])'))
)
SELECT DISTINCT timekey, Dvc, ActorUsername, CommandLine, Dvc AS HostCustomEntity,
    ActorUsername AS AccountCustomEntity
FROM halves AS e
WHERE IsExport AND EXISTS (
    SELECT 1 FROM halves AS r WHERE r.IsRemoval AND r.Dvc = e.Dvc AND r.timekey = e.timekey
        AND r.ActorUsername = e.ActorUsername)
