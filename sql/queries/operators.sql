-- name: ready
-- Whether the database answers, and at which version it is.
select max(version) as version from migrations;
