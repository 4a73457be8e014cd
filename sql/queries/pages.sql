-- name: counts
-- How many approved comments each known page has, and how often that has changed.
select key, approved_count as count, revision from pages where site_id = $1 and key = any($2::text[]);

-- name: close_page
-- Closes a page to new comments, making it when no comment has come yet.
insert into pages (site_id, page_id, key, closed_at, created_at)
values ($1, $2, $3, $4, $4)
on conflict (site_id, key) do update set closed_at = coalesce(pages.closed_at, excluded.closed_at);

-- name: open_page
-- Opens a closed page again.
update pages set closed_at = null where site_id = $1 and key = $2;

-- name: verify_counts
-- The next hundred pages, few enough for the largest to be counted in time, after a place in the list, with the count that is kept and the count that is true.
select
    page.site_id, page.page_id, page.key, page.approved_count as kept,
    (
        select count(*) from comments
        where comments.site_id = page.site_id and comments.page_id = page.page_id and status = 'approved'
    ) as true_count
from pages as page
where (page.site_id, page.page_id) > ($1, $2)
order by page.site_id, page.page_id
limit 100;

-- name: lock_page
-- Waits for whoever changes this page's count, and keeps others from it until the transaction ends.
select approved_count from pages where site_id = $1 and page_id = $2 for no key update;

-- name: repair_count
-- Sets a page's count to what its comments say; run after lock_page, in the same transaction.
update pages
set revision = revision + 1,
    approved_count = (
        select count(*) from comments
        where comments.site_id = $1 and comments.page_id = $2 and status = 'approved'
    )
where site_id = $1 and page_id = $2
returning site_id, key, approved_count, revision;

-- name: change_counts
-- Citus: raises or lowers the counts of pages of one site; run when nobody else can change them.
update pages
set approved_count = pages.approved_count + change.comments, revision = pages.revision + 1
from unnest($2::uuid[], $3::int[]) as change (page_id, comments)
where pages.site_id = $1 and pages.page_id = change.page_id
returning pages.site_id, pages.key, pages.approved_count, pages.revision;

-- name: tell
-- Tells who keeps counts what pages show, at most 64 a notification: its text must stay under 8,000 bytes.
select pg_notify('trecento_pages', json_agg(json_build_array(
    site_id, encode(sha256(convert_to(key, 'UTF8')), 'hex'), approved_count, revision
))::text)
from (
    select site_id, key, approved_count, revision, (row_number() over () - 1) / 64 as part
    from json_to_recordset($1::json) as page (site_id bigint, key text, approved_count int, revision bigint)
) as changed
group by part;
