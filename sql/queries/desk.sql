-- name: queue_riskiest
-- Comments of one status, the riskiest first, after a place in the list and up to another one.
select id, page, page_title, author, body, status, at, risk, findings
from (
    select comment_id
    from comments
    where site_id = $1 and status = $2
        and (risk, comment_id) < (coalesce($4, 'infinity'::real), coalesce($3, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
        and (risk, comment_id) >= (coalesce($6, '-infinity'::real), coalesce($5, '00000000-0000-0000-0000-000000000000'::uuid))
        and ($7::text is null or position(lower($7) in lower(body || ' ' || coalesce(author, ''))) > 0)
    order by risk desc, comment_id desc
    limit $8
) as listed
cross join lateral (
    select * from judged_comments where site_id = $1 and id = listed.comment_id
    offset 0  -- looked up one by one: an estimate too high would join whole tables
) as judged
order by risk desc, id desc;

-- name: queue_newest
-- Comments of one status, newest first, after a place in the list and up to another one.
select id, page, page_title, author, body, status, at, risk, findings
from (
    select comment_id
    from comments
    where site_id = $1 and status = $2
        and comment_id < coalesce($3, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
        and comment_id >= coalesce($4, '00000000-0000-0000-0000-000000000000'::uuid)
        and ($5::text is null or position(lower($5) in lower(body || ' ' || coalesce(author, ''))) > 0)
    order by comment_id desc
    limit $6
) as listed
cross join lateral (
    select * from judged_comments where site_id = $1 and id = listed.comment_id
    offset 0  -- looked up one by one: an estimate too high would join whole tables
) as judged
order by id desc;

-- name: queue_oldest
-- Comments of one status, oldest first, after a place in the list and up to another one.
select id, page, page_title, author, body, status, at, risk, findings
from (
    select comment_id
    from comments
    where site_id = $1 and status = $2
        and comment_id > coalesce($3, '00000000-0000-0000-0000-000000000000'::uuid)
        and comment_id <= coalesce($4, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
        and ($5::text is null or position(lower($5) in lower(body || ' ' || coalesce(author, ''))) > 0)
    order by comment_id
    limit $6
) as listed
cross join lateral (
    select * from judged_comments where site_id = $1 and id = listed.comment_id
    offset 0  -- looked up one by one: an estimate too high would join whole tables
) as judged
order by id;

-- name: reach_riskiest
-- The comment that is so many further in the queue, the riskiest first; none when the queue ends before.
select comment_id as comment, risk
from comments
where site_id = $1 and status = $2
    and (risk, comment_id) < (coalesce($4, 'infinity'::real), coalesce($3, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
order by risk desc, comment_id desc
offset $5 limit 1;

-- name: reach_newest
-- The comment that is so many further in the queue, newest first; none when the queue ends before.
select comment_id as comment, risk
from comments
where site_id = $1 and status = $2 and comment_id < coalesce($3, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
order by comment_id desc
offset $4 limit 1;

-- name: reach_oldest
-- The comment that is so many further in the queue, oldest first; none when the queue ends before.
select comment_id as comment, risk
from comments
where site_id = $1 and status = $2 and comment_id > coalesce($3, '00000000-0000-0000-0000-000000000000'::uuid)
order by comment_id
offset $4 limit 1;

-- name: queue_total
-- How many comments of one status a site has, counted no further than 10,000.
select count(*) as total
from (select from comments where site_id = $1 and status = $2 limit 10000) as counted;

-- name: judged_comment
-- One comment with its findings and what became of the last hundred of its author.
select
    id, page, page_title, author, body, status, at, risk, findings, policy_version,
    record.approved, record.held, record.rejected, record.removed
from judged_comments
cross join lateral (
    select
        count(*) filter (where status = 'approved') as approved,
        count(*) filter (where status = 'held') as held,
        count(*) filter (where status = 'rejected') as rejected,
        count(*) filter (where status = 'removed') as removed
    from (
        select status from comments
        where comments.site_id = judged_comments.site_id and comments.author_key = judged_comments.author_key
        order by comment_id desc
        limit 100
    ) as latest
) as record
where site_id = $1 and id = $2;

-- name: history
-- Every decision on a comment, the first one first.
select
    seq, from_status, to_status, moderators.name as moderator, policy_version as policy, reason, note,
    decided_at as at, action
from decisions
left join moderators
    on moderators.site_id = decisions.site_id and moderators.moderator_id = decisions.moderator_id
where decisions.site_id = $1 and decisions.comment_id = $2
order by seq;

-- name: lock_comment
-- A comment's status, and nobody else decides on it until the transaction ends; replies to it go on.
select status from comments where site_id = $1 and comment_id = $2 for no key update;

-- name: record_decision
-- Changes a comment's status, the count of its page, writes down who did it and why, and tells who keeps the count.
with changed as (
    update comments set status = $4
    where site_id = $1 and comment_id = $2 and status = $3
    returning site_id, comment_id, page_id
),
counted as (
    update pages
    set approved_count = approved_count + ($4 = 'approved')::int - ($3 = 'approved')::int,
        revision = revision + 1
    from changed
    where pages.site_id = changed.site_id and pages.page_id = changed.page_id
        and ($3 = 'approved') <> ($4 = 'approved')
    returning pages.site_id, pages.key, pages.approved_count, pages.revision
),
told as (
    select pg_notify('trecento_pages', json_build_array(json_build_array(
        site_id, encode(sha256(convert_to(key, 'UTF8')), 'hex'), approved_count, revision
    ))::text)
    from counted
),
recorded as (
    insert into decisions (
        site_id, comment_id, seq, from_status, to_status, moderator_id, reason, note, decided_at, action
    )
    select
        changed.site_id, changed.comment_id,
        (
            select max(seq) + 1 from decisions
            where decisions.site_id = changed.site_id and decisions.comment_id = changed.comment_id
        ),
        $3, $4, $5, $6, $7, $8, $9
    from changed
    returning site_id
)
select counted.key, counted.approved_count as count, counted.revision, (select count(*) from told) as told
from recorded
left join counted on counted.site_id = recorded.site_id;

-- name: change_status
-- Citus: changes a comment's status.
update comments set status = $4 where site_id = $1 and comment_id = $2 and status = $3 returning page_id;

-- name: add_decision
-- Citus: writes down who changed a comment's status, and why.
insert into decisions (
    site_id, comment_id, seq, from_status, to_status, moderator_id, reason, note, decided_at, action
)
select
    $1::bigint, $2::uuid, max(seq) + 1, $3::text, $4::text, $5::uuid, $6::text, $7::text, $8::timestamptz, $9::text
from decisions
where site_id = $1 and comment_id = $2;
