-- Who decides, how they prove who they are, and what they decided; decisions are never changed afterwards.

create table moderators (
    site_id bigint not null references sites (site_id),
    moderator_id uuid not null,
    name text not null check (char_length(name) between 1 and 60),
    password_hash text not null,
    created_at timestamptz not null,
    primary key (site_id, moderator_id),
    unique (site_id, name)
);

create table credentials (
    site_id bigint not null,
    secret_hash bytea not null check (octet_length(secret_hash) = 32),
    moderator_id uuid not null,
    kind text not null check (kind in ('session', 'token')),
    label text not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    primary key (site_id, secret_hash),
    foreign key (site_id, moderator_id) references moderators (site_id, moderator_id)
);

create table bans (
    site_id bigint not null references sites (site_id),
    subject_key bytea not null check (octet_length(subject_key) = 16),
    until timestamptz not null,
    primary key (site_id, subject_key)
);

create table decisions (
    site_id bigint not null,
    comment_id uuid not null,
    seq integer not null check (seq > 0),
    from_status text check (from_status in ('approved', 'held', 'rejected', 'removed')),
    to_status text not null check (to_status in ('approved', 'held', 'rejected', 'removed')),
    policy_version integer,
    moderator_id uuid,
    reason text check (char_length(reason) <= 100),
    note text check (char_length(note) <= 1000),
    decided_at timestamptz not null,
    primary key (site_id, comment_id, seq),
    foreign key (site_id, comment_id) references comments (site_id, comment_id) on delete cascade,
    foreign key (site_id, policy_version) references policies (site_id, version),
    foreign key (site_id, moderator_id) references moderators (site_id, moderator_id),
    check ((from_status is null) = (seq = 1)),
    check ((policy_version is null) <> (moderator_id is null))
);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'decisions are append-only' using errcode = 'restrict_violation';
end
$$;

create trigger decisions_append_only before update on decisions for each row execute function refuse_change();
create trigger decisions_whole before truncate on decisions for each statement execute function refuse_change();

-- A decision goes only with its comment, which retention may take: the cascade finds the comment gone.
create function refuse_lone_delete() returns trigger language plpgsql as $$
begin
    if exists (select from comments where site_id = old.site_id and comment_id = old.comment_id) then
        raise exception 'decisions are append-only' using errcode = 'restrict_violation';
    end if;
    return old;
end
$$;

create trigger decisions_stay before delete on decisions for each row execute function refuse_lone_delete();
