-- name: expired_comments
-- The next comments of one status before a moment, the oldest first, after a place; ids are in the order of time.
select comment_id as id, page_id
from comments
where site_id = $1 and status = $2 and comment_id > $3 and comment_id < $4
order by comment_id
limit $5;

-- name: give_way
-- Has this transaction give up when it waits this long for a lock, sooner than any deadlock is looked for.
select set_config('lock_timeout', $1, true);

-- name: set_everywhere
-- Citus: has what this transaction sets from now on go along to the nodes.
select set_config('citus.propagate_set_commands', 'local', true);

-- name: give_way_everywhere
-- Citus: as give_way, on every node.
set local lock_timeout = '100ms';

-- name: lock_pages
-- Keeps others from the counts of pages, taking them in the order in which batches of comments do.
select page_id from pages where site_id = $1 and page_id = any($2::uuid[]) order by key for no key update;

-- name: unlink_replies
-- Lets the answers to comments stand alone.
update comments set parent_id = null where site_id = $1 and parent_id = any($2::uuid[]);

-- name: delete_comments
-- Deletes comments that still have a status, with findings and decisions, lowers counts, and tells who keeps these.
with gone as (
    delete from comments
    where site_id = $1 and comment_id = any($2::uuid[]) and status = $3
    returning site_id, page_id
),
counted as (
    update pages
    set approved_count = approved_count - case when $3 = 'approved' then lost.comments else 0 end,
        revision = revision + 1 -- whatever the status was: answers to them are shown, and now stand alone
    from (select site_id, page_id, count(*) as comments from gone group by site_id, page_id) as lost
    where pages.site_id = lost.site_id and pages.page_id = lost.page_id
    returning pages.site_id, pages.key, pages.approved_count, pages.revision
),
told as ( -- at most 64 pages a notification: its text must stay under 8,000 bytes
    select pg_notify('trecento_pages', json_agg(json_build_array(
        site_id, encode(sha256(convert_to(key, 'UTF8')), 'hex'), approved_count, revision
    ))::text)
    from (
        select site_id, key, approved_count, revision, (row_number() over () - 1) / 64 as part from counted
    ) as changed
    group by part
)
select count(*) as deleted, (select count(*) from told) as told from gone where site_id = $1;

-- name: delete_those
-- Citus: deletes comments that still have a status, with findings and decisions.
delete from comments where site_id = $1 and comment_id = any($2::uuid[]) and status = $3 returning page_id;

-- name: drop_expired_bans
-- Forgets bans that have ended.
delete from bans where site_id = $1 and until <= $2 returning site_id;
