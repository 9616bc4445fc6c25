-- What rule.yaml means, as somebody who knows DuckDB well would write it over native columns: one pass
-- over the log, the cheapest test first, and episodes by window functions instead of joins.
WITH lines AS (
    SELECT *, replace(TargetProcessCommandLine, '^', '') AS Line
    FROM events
    WHERE EventType <> 'ProcessTerminated' AND (contains(TargetProcessCommandLine, 'q')
        OR contains(TargetProcessCommandLine, 'Q')
        OR system.main.regexp_matches(replace(TargetProcessCommandLine, '^', ''),
            '(?i)[/–—―-]e[a-z]*["'']?[\s:]+["'']?[a-z0-9+/]{16}|FromBase64String'))
), decoded AS (
    SELECT *, coalesce(regexp_replace(TRY(decode(system.main.from_base64(regexp_extract(Line,
        '(?i)(?:[/–—―-]e[a-z]*["'']?[\s:]+["'']?|FromBase64String\(["'']+)([a-z0-9+/]{16,}={0,2})',
        1)))), '\x00', '', 'g'), '') AS Decoded
    FROM lines
), plain AS (
    SELECT *, Line || ' ' || Decoded AS Text,
        lower(regexp_replace(Line || ' ' || Decoded, '[\s"''`+(),;–—―-]', '', 'g')) AS Plain
    FROM decoded
), marked AS (
    SELECT *, system.main.regexp_matches(Line, '[RZ]QB[4Y]A[FH]AA[Tb]wB[Sy]A[FH]QA[Uc]gB[Fl]A[FH]EA[Vd]QB[Fl]A[FH]MA[Vd]A|UA[We]AB[Qw]A[EG]8A[Uc]gB[0U]A[FH]IA[RZ]QB[Rx]A[FH]UA[RZ]QB[Tz]A[FH]QA|[Fl]A[FH]gA[Uc]AB[Pv]A[FH]IA[Vd]AB[Sy]A[EG]UA[Uc]QB[1V]A[EG]UA[Uc]wB[0U]A') AND NOT contains(Plain, 'exportrequest') AS Unread,
        (TargetUsername <> '' AND lower(TargetUsername) NOT IN ('-', '-\-', 'nobody', 'local system', 's-1-0-0'))
            OR (TargetUserId ILIKE 'S-1-%' AND lower(TargetUserId) NOT IN ('-', '-\-', 'nobody', 'local system', 's-1-0-0')) AS ByTarget,
        coalesce(nullif(DvcFQDN, ''), nullif(DvcHostname, ''), nullif(DvcIpAddr, ''), nullif(DvcId, ''), _ResourceId) AS Dvc
    FROM plain
), named AS (
    SELECT *, Unread OR contains(Plain, 'newmailboxexportrequest') AS IsExport,
        Unread OR contains(Plain, 'removemailboxexportrequest') AS IsRemoval,
        CASE WHEN ByTarget THEN TargetUsername ELSE ActorUsername END AS Ran,
        CASE WHEN ByTarget THEN TargetUserId ELSE ActorUserId END AS RanId,
        lower(CASE WHEN contains(DvcFQDN, '.') THEN DvcFQDN
            WHEN contains(Dvc, '.') AND NOT system.main.regexp_matches(Dvc, '^[0-9.]+$') THEN Dvc
            WHEN lower(DvcDomainType) = 'fqdn' AND DvcDomain <> '' AND DvcHostname <> ''
                THEN DvcHostname || '.' || DvcDomain
            ELSE '' END) AS "Full"
    FROM marked
), halves AS MATERIALIZED (
    SELECT TimeGenerated AS Moment, "Full", EventProduct, TargetProcessCommandLine AS CommandLine,
        CASE WHEN "Full" = '' THEN lower(Dvc) ELSE regexp_extract("Full", '^[^.]+') END AS Short,
        TargetProcessName AS Process, ActingProcessName AS Parent,
        CASE WHEN Ran ILIKE 'S-1-%' OR lower(Ran) IN ('-', '-\-', 'nobody', 'local system', 's-1-0-0') THEN '' ELSE Ran END AS Runner,
        CASE WHEN RanId ILIKE 'S-1-%' AND lower(RanId) NOT IN ('-', '-\-', 'nobody', 'local system', 's-1-0-0') THEN RanId
            WHEN Ran ILIKE 'S-1-%' AND lower(Ran) NOT IN ('-', '-\-', 'nobody', 'local system', 's-1-0-0') THEN Ran ELSE '' END AS Sid,
        array_to_string(regexp_extract_all(Text,
            '(?i)[–—―-]filep[a-z]*[\s:]+\(?["'']?([^"''\s)]+)', 1), ' ; ') AS Target,
        IsExport, IsRemoval, Unread OR contains(lower(Decoded), 'exportrequest') AS IsEncoded,
        IsExport AND system.main.regexp_matches(Text,
            '(?i)[–—―-]com(?:p[a-z]*)?[\s:]+["''(]*(?:0|\[timespan\]::zero)') AS KeepsNoRecord
    FROM named
    WHERE IsExport OR IsRemoval
), placed AS (
    SELECT h.*, CASE WHEN h."Full" <> '' THEN h."Full" ELSE coalesce(f."Full", h.Short) END AS Host
    FROM halves AS h LEFT JOIN (SELECT DISTINCT Short, "Full" FROM halves WHERE "Full" <> '') AS f
        ON h."Full" = '' AND f.Short = h.Short
), begun AS (
    SELECT *, coalesce(Moment - lag(Moment) OVER earlier > INTERVAL '1h', TRUE) AS Begins
    FROM placed
    WINDOW earlier AS (PARTITION BY Host ORDER BY Moment)
), chained AS (
    SELECT *, max(CASE WHEN Begins THEN Moment END) OVER (PARTITION BY Host ORDER BY Moment) AS Episode
    FROM begun
), found AS (
    SELECT Host, Episode, min(Moment) AS StartTime, max(Moment) AS EndTime,
        count(*) FILTER (WHERE IsExport) AS Exports, count(*) FILTER (WHERE IsRemoval) AS Removals,
        count(*) FILTER (WHERE IsEncoded) AS EncodedEvents,
        count(*) FILTER (WHERE KeepsNoRecord) AS Unrecorded,
        count(*) FILTER (WHERE IsExport AND IsRemoval) AS InBoth,
        min(Moment) FILTER (WHERE IsRemoval) AS FirstRemoval,
        min(Moment) FILTER (WHERE IsExport) AS ExportTime,
        max(Moment) FILTER (WHERE IsRemoval) AS RemovalTime,
        to_json(list_sort(list_distinct(list(to_json(Runner))))) AS Accounts, to_json(list_sort(list_distinct(list(to_json(Sid))))) AS Sids,
        to_json(list_sort(list_distinct(list(to_json(EventProduct))))) AS Products, to_json(list_sort(list_distinct(list(to_json(Target))))) AS Targets,
        to_json(list_sort(list_distinct(list(to_json(CASE WHEN IsExport THEN CommandLine ELSE '' END))))) AS ExportCommands,
        to_json(list_sort(list_distinct(list(to_json(CASE WHEN IsRemoval THEN CommandLine ELSE '' END))))) AS RemovalCommands,
        coalesce(arg_min(CommandLine, Moment) FILTER (WHERE IsExport), '') AS ExportCommand, coalesce(arg_min(Process, Moment) FILTER (WHERE IsExport), '') AS ExportProcess, coalesce(arg_min(Parent, Moment) FILTER (WHERE IsExport), '') AS ExportParent, coalesce(arg_min(Runner, Moment) FILTER (WHERE IsExport), '') AS ExportAccount, coalesce(arg_min(Sid, Moment) FILTER (WHERE IsExport), '') AS ExportSid, coalesce(arg_max(CommandLine, Moment) FILTER (WHERE IsRemoval), '') AS RemovalCommand, coalesce(arg_max(Process, Moment) FILTER (WHERE IsRemoval), '') AS RemovalProcess, coalesce(arg_max(Parent, Moment) FILTER (WHERE IsRemoval), '') AS RemovalParent, coalesce(arg_max(Runner, Moment) FILTER (WHERE IsRemoval), '') AS RemovalAccount, coalesce(arg_max(Sid, Moment) FILTER (WHERE IsRemoval), '') AS RemovalSid
    FROM chained
    GROUP BY Host, Episode
    HAVING Exports > 0 AND (Removals > 0 OR Unrecorded > 0)
)
SELECT StartTime AS TimeGenerated, StartTime, EndTime, Host,
    CASE WHEN system.main.regexp_matches(Host, '^[^.]+\..*[a-z]') THEN regexp_extract(Host, '^[^.]+') ELSE Host END AS HostName,
    regexp_extract(Host, '^[^.]+\.(.*[a-z].*)$', 1) AS DnsDomain,
    regexp_extract(ExportAccount, '[^\\]+$') AS ExportName,
    regexp_extract(ExportAccount, '^([^\\]+)\\', 1) AS ExportDomain, ExportSid,
    regexp_extract(RemovalAccount, '[^\\]+$') AS RemovalName,
    regexp_extract(RemovalAccount, '^([^\\]+)\\', 1) AS RemovalDomain, RemovalSid, ExportTime, RemovalTime,
    ExportCommand, RemovalCommand, ExportProcess, RemovalProcess, ExportParent, RemovalParent,
    ExportAccount, RemovalAccount, Targets, ExportCommands, RemovalCommands, Accounts, Sids, Exports, Removals,
    CASE WHEN InBoth > 0 THEN 'both in one command' WHEN Removals = 0 THEN 'no removal'
        WHEN FirstRemoval < ExportTime THEN 'removal first' ELSE 'export first' END AS "Order",
    EncodedEvents > 0 AS Encoded, Unrecorded > 0 AS RecordSuppressed,
    array_to_string(Products ->> '$[*]', ', ') AS Sources,
    substring(ExportCommand, 1, 400) AS ExportText, substring(RemovalCommand, 1, 400) AS RemovalText,
    substring(regexp_replace(array_to_string(Targets ->> '$[*]', ' ; '), '^[ ;]+', ''), 1, 200) AS TargetText
FROM found
