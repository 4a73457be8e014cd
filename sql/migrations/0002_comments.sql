-- What readers write, what the rules found in it, and how many of it each page shows.

create table pages (
    site_id bigint not null references sites (site_id),
    page_id uuid not null,
    key text not null check (octet_length(key) between 1 and 2048),
    title text check (char_length(title) between 1 and 300),
    approved_count integer not null default 0 check (approved_count >= 0),
    closed_at timestamptz,
    created_at timestamptz not null,
    primary key (site_id, page_id),
    unique (site_id, key)
) with (fillfactor = 80);

create table comments (
    site_id bigint not null,
    comment_id uuid not null,
    page_id uuid not null,
    parent_id uuid,
    author text check (char_length(author) between 1 and 60),
    author_key bytea not null check (octet_length(author_key) = 16),
    address_key bytea not null check (octet_length(address_key) = 16),
    body text not null check (char_length(body) between 1 and 300),
    fingerprint bytea not null check (octet_length(fingerprint) = 16),
    status text not null check (status in ('approved', 'held', 'rejected', 'removed')),
    risk real not null check (risk between 0 and 1),
    policy_version integer not null,
    submitted_at timestamptz not null,
    idempotency_key text check (char_length(idempotency_key) between 1 and 200),
    request_hash bytea check (octet_length(request_hash) = 16),
    primary key (site_id, comment_id),
    foreign key (site_id, page_id) references pages (site_id, page_id),
    foreign key (site_id, parent_id) references comments (site_id, comment_id) on delete set null (parent_id),
    foreign key (site_id, policy_version) references policies (site_id, version),
    check ((idempotency_key is null) = (request_hash is null))
);

create index comments_thread on comments (site_id, page_id, comment_id) where status = 'approved';
create index comments_queue on comments (site_id, status, risk, comment_id);
create index comments_arrival on comments (site_id, status, comment_id);
create index comments_author on comments (site_id, author_key, comment_id);
create index comments_address on comments (site_id, address_key, submitted_at);
create index comments_replies on comments (site_id, parent_id) where parent_id is not null;
create index comments_fingerprint on comments (site_id, fingerprint, submitted_at);
create unique index comments_idempotency on comments (site_id, idempotency_key) where idempotency_key is not null;

create table findings (
    site_id bigint not null,
    comment_id uuid not null,
    ordinal smallint not null,
    rule text not null,
    effect text not null check (effect in ('pass', 'hold', 'reject')),
    shadow boolean not null,
    failed boolean not null,
    score real not null check (score between 0 and 1),
    spans jsonb not null check (jsonb_typeof(spans) = 'array'),
    note text not null,
    primary key (site_id, comment_id, ordinal),
    foreign key (site_id, comment_id) references comments (site_id, comment_id) on delete cascade
);

-- A comment with its page and everything the rules said, as the desk and a repeated request read it.
create view judged_comments as
select
    comments.site_id, comments.comment_id as id, comments.page_id, pages.key as page, pages.title as page_title,
    pages.approved_count as count, comments.parent_id as parent, comments.author, comments.author_key,
    comments.body, comments.status, comments.risk, comments.policy_version, comments.submitted_at as at,
    (
        select coalesce(jsonb_agg(jsonb_build_object(
            'rule', rule, 'effect', effect, 'shadow', shadow, 'failed', failed, 'score', score,
            'spans', spans, 'note', note
        ) order by ordinal), '[]')
        from findings
        where findings.site_id = comments.site_id and findings.comment_id = comments.comment_id
    ) as findings
from comments
join pages on pages.site_id = comments.site_id and pages.page_id = comments.page_id;
