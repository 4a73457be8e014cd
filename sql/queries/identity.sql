-- name: add_moderator
-- Makes a moderator of a site.
insert into moderators (site_id, moderator_id, name, password_hash, created_at) values ($1, $2, $3, $4, $5);

-- name: moderator
-- A moderator by name, with the hash of the password.
select moderator_id as id, name, password_hash from moderators where site_id = $1 and name = $2;

-- name: count_moderators
-- How many moderators a site has.
select count(*) as total from moderators where site_id = $1;

-- name: add_credential
-- Stores the hash of a session's or a token's secret.
insert into credentials (site_id, secret_hash, moderator_id, kind, label, created_at, expires_at)
values ($1, $2, $3, $4, $5, $6, $7);

-- name: credential
-- Who holds a secret that has not expired, and at which site.
select moderators.site_id, sites.name as site, moderators.moderator_id as id, moderators.name, credentials.kind
from credentials
join moderators
    on moderators.site_id = credentials.site_id and moderators.moderator_id = credentials.moderator_id
join sites on sites.site_id = credentials.site_id
where credentials.site_id = $1 and credentials.secret_hash = $2 and credentials.expires_at > $3;

-- name: drop_credential
-- Ends a session.
delete from credentials where site_id = $1 and secret_hash = $2;

-- name: drop_expired_credentials
-- Forgets sessions and tokens that have expired.
delete from credentials where site_id = $1 and expires_at <= $2 returning site_id;

-- name: set_password
-- Gives a moderator another password.
update moderators set password_hash = $3 where site_id = $1 and moderator_id = $2;

-- name: drop_credentials_of
-- Ends every session and token of a moderator.
delete from credentials where site_id = $1 and moderator_id = $2;
