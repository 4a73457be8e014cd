-- name: facts
-- What storage knows about each draft, in the order the drafts were given; a limit of 0 is for what no rule asks.
select
    draft.site_id,
    page.closed_at is not null as page_closed,
    (draft.parent_id is null or exists (
        select from comments as parent
        where parent.site_id = draft.site_id and parent.comment_id = draft.parent_id
            and parent.page_id = page.page_id and parent.status = 'approved'
    )) as parent_shown,
    exists (
        select from bans
        where bans.site_id = draft.site_id and bans.until > draft.at
            and bans.subject_key in (draft.author_key, draft.address_key)
    ) as banned,
    author.approved as author_approved,
    (
        select count(*) from (
            select from comments as recent
            where recent.site_id = draft.site_id and recent.address_key = draft.address_key
                and recent.submitted_at > draft.at - make_interval(secs => draft.flood_seconds)
                and recent.submitted_at < draft.at + make_interval(secs => draft.flood_seconds) -- a clock set back
            limit draft.flood_limit
        ) as counted
    ) as recent,
    alike.by_author as repeats_by_author,
    alike.by_others as repeats_by_others,
    earlier.comment_id as earlier_id,
    earlier.request_hash as earlier_hash
from unnest(
    $1::bigint[], $2::text[], $3::uuid[], $4::bytea[], $5::bytea[], $6::bytea[], $7::timestamptz[], $8::text[],
    $9::int[], $10::int[], $11::int[], $12::int[], $13::int[], $14::int[]
) with ordinality as draft (
    site_id, page_key, parent_id, author_key, address_key, fingerprint, at, idempotency_key,
    flood_seconds, flood_limit, duplicate_seconds, copied_seconds, alike_limit, record_limit, place
)
left join pages as page on page.site_id = draft.site_id and page.key = draft.page_key
left join comments as earlier
    on earlier.site_id = draft.site_id and earlier.idempotency_key = draft.idempotency_key
cross join lateral (
    select count(*) filter (where record.status = 'approved') as approved
    from (
        select status from comments
        where comments.site_id = draft.site_id and comments.author_key = draft.author_key
        order by comment_id desc
        limit draft.record_limit
    ) as record
) as author
cross join lateral (
    select
        count(*) filter (
            where own and submitted_at > draft.at - make_interval(secs => draft.duplicate_seconds)
        ) as by_author,
        least(100, count(*) filter (
            where not own and submitted_at > draft.at - make_interval(secs => draft.copied_seconds)
        )) as by_others
    from (
        select submitted_at, (author_key, page_id) is not distinct from (draft.author_key, page.page_id) as own
        from comments
        where comments.site_id = draft.site_id and comments.fingerprint = draft.fingerprint
            and submitted_at > draft.at - make_interval(secs => greatest(draft.duplicate_seconds, draft.copied_seconds))
        order by submitted_at desc
        limit draft.alike_limit
    ) as newest
) as alike
order by draft.place;

-- name: insert_comments
-- Stores judged drafts with findings, first decisions and counts, all or nothing; a closed page takes none.
with draft as materialized (
    select * from json_to_recordset($1::json) as draft (
        site_id bigint, comment_id uuid, page_key text, title text, parent_id uuid, author text, author_key bytea,
        address_key bytea, body text, fingerprint bytea, status text, risk real, policy_version int,
        submitted_at timestamptz, idempotency_key text, request_hash bytea
    )
),
page as (
    insert into pages (site_id, page_id, key, title, approved_count, revision, created_at)
    select
        site_id, (array_agg(comment_id))[1], page_key, min(title), count(*) filter (where status = 'approved'),
        bool_or(status = 'approved')::int, min(submitted_at)
    from draft
    group by site_id, page_key
    order by site_id, page_key
    on conflict (site_id, key) do update
    set approved_count = pages.approved_count + excluded.approved_count,
        revision = pages.revision + excluded.revision,
        title = coalesce(pages.title, excluded.title)
    where pages.closed_at is null
    returning site_id, page_id, key, approved_count, revision
),
stored as (
    insert into comments (
        site_id, comment_id, page_id, parent_id, author, author_key, address_key, body, fingerprint,
        status, risk, policy_version, submitted_at, idempotency_key, request_hash
    )
    select
        draft.site_id, draft.comment_id, page.page_id, draft.parent_id, draft.author, draft.author_key,
        draft.address_key, draft.body, draft.fingerprint, draft.status, draft.risk, draft.policy_version,
        draft.submitted_at, draft.idempotency_key, draft.request_hash
    from draft
    join page on page.site_id = draft.site_id and page.key = draft.page_key
    order by draft.site_id, draft.idempotency_key -- like pages above: two batches never wait for each other in a ring
    returning site_id, comment_id, page_id, status, policy_version, submitted_at
),
found as (
    insert into findings (site_id, comment_id, ordinal, rule, effect, shadow, failed, score, spans, note)
    select finding.* from json_to_recordset($2::json) as finding (
        site_id bigint, comment_id uuid, ordinal smallint, rule text, effect text, shadow boolean, failed boolean,
        score real, spans jsonb, note text
    )
    join stored on stored.site_id = finding.site_id and stored.comment_id = finding.comment_id
),
decided as (
    insert into decisions (site_id, comment_id, seq, to_status, policy_version, decided_at)
    select site_id, comment_id, 1, status, policy_version, submitted_at from stored
),
told as ( -- at most 64 pages a notification: its text must stay under 8,000 bytes
    select pg_notify('trecento_pages', json_agg(json_build_array(
        site_id, encode(sha256(convert_to(key, 'UTF8')), 'hex'), approved_count, revision
    ))::text)
    from (
        select site_id, key, approved_count, revision, (row_number() over () - 1) / 64 as part
        from page
        where exists (
            select from stored
            where stored.site_id = page.site_id and stored.page_id = page.page_id and stored.status = 'approved'
        )
    ) as changed
    group by part
)
select stored.comment_id, page.approved_count, page.revision, (select count(*) from told) as told
from stored
join page on page.site_id = stored.site_id and page.page_id = stored.page_id;

-- name: add_pages
-- Citus: makes the pages of judged drafts of one site, or raises their counts; a closed page is left out.
insert into pages (site_id, page_id, key, title, approved_count, revision, created_at)
select
    $1::bigint, (array_agg(comment_id))[1], page_key, min(title), (count(*) filter (where status = 'approved'))::int,
    bool_or(status = 'approved')::int::bigint, min(submitted_at)
from json_to_recordset($2::json) as draft (
    comment_id uuid, page_key text, title text, status text, submitted_at timestamptz
)
group by page_key
order by page_key
on conflict (site_id, key) do update
set approved_count = pages.approved_count + excluded.approved_count,
    revision = pages.revision + excluded.revision,
    title = coalesce(pages.title, excluded.title)
where pages.closed_at is null
returning site_id, page_id, key, approved_count, revision;

-- name: add_comments
-- Citus: stores judged drafts of one site, whose pages are known.
insert into comments (
    site_id, comment_id, page_id, parent_id, author, author_key, address_key, body, fingerprint,
    status, risk, policy_version, submitted_at, idempotency_key, request_hash
)
select
    $1::bigint, comment_id, page_id, parent_id, author, author_key, address_key, body, fingerprint,
    status, risk, policy_version, submitted_at, idempotency_key, request_hash
from json_to_recordset($2::json) as draft (
    comment_id uuid, page_id uuid, parent_id uuid, author text, author_key bytea, address_key bytea, body text,
    fingerprint bytea, status text, risk real, policy_version int, submitted_at timestamptz, idempotency_key text,
    request_hash bytea
)
order by idempotency_key; -- like pages above: two batches never wait for each other in a ring

-- name: add_findings
-- Citus: stores the findings of comments of one site.
insert into findings (site_id, comment_id, ordinal, rule, effect, shadow, failed, score, spans, note)
select $1::bigint, finding.* from json_to_recordset($2::json) as finding (
    comment_id uuid, ordinal smallint, rule text, effect text, shadow boolean, failed boolean, score real, spans jsonb,
    note text
);

-- name: add_first_decisions
-- Citus: writes down what the policy decided on comments of one site.
insert into decisions (site_id, comment_id, seq, to_status, policy_version, decided_at)
select $1::bigint, comment_id, 1, status, policy_version, submitted_at
from json_to_recordset($2::json) as draft (comment_id uuid, status text, policy_version int, submitted_at timestamptz);

-- name: submitted
-- One comment as it was answered when it came: its first status, whatever happened since, and its findings.
select id, page, parent, author, body, decisions.to_status as status, at, count, findings
from judged_comments
join decisions on decisions.site_id = judged_comments.site_id and decisions.comment_id = id and decisions.seq = 1
where judged_comments.site_id = $1 and id = $2;

-- name: thread_newest
-- The approved comments of a page, newest first, after a place in the list; a row without one when there is none.
select
    page.approved_count as count, page.revision, shown.comment_id as id, shown.parent_id as parent, shown.author,
    shown.body, shown.submitted_at as at
from pages as page
left join lateral (
    select comment_id, parent_id, author, body, submitted_at
    from comments
    where comments.site_id = $1 and comments.page_id = page.page_id and status = 'approved'
        and comment_id < coalesce($3, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
    order by comment_id desc
    limit $4
) as shown on true
where page.site_id = $1 and page.key = $2
order by shown.comment_id desc;

-- name: thread_oldest
-- The approved comments of a page, oldest first, after a place in the list; a row without one when there is none.
select
    page.approved_count as count, page.revision, shown.comment_id as id, shown.parent_id as parent, shown.author,
    shown.body, shown.submitted_at as at
from pages as page
left join lateral (
    select comment_id, parent_id, author, body, submitted_at
    from comments
    where comments.site_id = $1 and comments.page_id = page.page_id and status = 'approved'
        and comment_id > coalesce($3, '00000000-0000-0000-0000-000000000000'::uuid)
    order by comment_id
    limit $4
) as shown on true
where page.site_id = $1 and page.key = $2
order by shown.comment_id;
