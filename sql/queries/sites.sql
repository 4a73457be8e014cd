-- name: site
-- One site with the newest version of its policy.
select
    sites.site_id as id, sites.name, sites.origins, policies.version, policies.document,
    exists (select from bans where bans.site_id = policies.site_id) as bans
from sites
join policies on policies.site_id = sites.site_id
where sites.name = $1
order by policies.version desc
limit 1;

-- name: add_site
-- Makes a site where there is none of this name.
insert into sites (name, created_at) values ($1, $2) on conflict (name) do nothing;

-- name: add_origins
-- Adds origins to those of a site.
update sites
set origins = (select coalesce(array_agg(distinct origin order by origin), '{}')
    from unnest(sites.origins || $2::text[]) as origin)
where name = $1
returning site_id;

-- name: add_policy
-- Stores the next version of a site's policy; two at once collide on the key, and one of them fails.
insert into policies (site_id, version, document, created_at)
select $1, coalesce(max(version), 0) + 1, $2::jsonb, $3 from policies where site_id = $1
returning version;

-- name: policies
-- Every version of a site's policy, newest first.
select version, document, created_at from policies where site_id = $1 order by version desc;
