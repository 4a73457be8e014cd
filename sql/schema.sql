-- The whole database as the migrations leave it; TRECENTO_WRITE_SCHEMA=1 makes the tests write it anew.

create table bans (
    site_id bigint not null,
    subject_key bytea not null,
    until timestamp with time zone not null,
    constraint bans_pkey PRIMARY KEY (site_id, subject_key),
    constraint bans_subject_key_check CHECK ((octet_length(subject_key) = 16)),
    constraint bans_site_id_fkey FOREIGN KEY (site_id) REFERENCES sites(site_id)
);

create table comments (
    site_id bigint not null,
    comment_id uuid not null,
    page_id uuid not null,
    parent_id uuid,
    author text,
    author_key bytea not null,
    address_key bytea not null,
    body text not null,
    fingerprint bytea not null,
    status text not null,
    risk real not null,
    policy_version integer not null,
    submitted_at timestamp with time zone not null,
    idempotency_key text,
    request_hash bytea,
    constraint comments_pkey PRIMARY KEY (site_id, comment_id),
    constraint comments_address_key_check CHECK ((octet_length(address_key) = 16)),
    constraint comments_author_check CHECK (((char_length(author) >= 1) AND (char_length(author) <= 60))),
    constraint comments_author_key_check CHECK ((octet_length(author_key) = 16)),
    constraint comments_body_check CHECK (((char_length(body) >= 1) AND (char_length(body) <= 300))),
    constraint comments_check CHECK (((idempotency_key IS NULL) = (request_hash IS NULL))),
    constraint comments_fingerprint_check CHECK ((octet_length(fingerprint) = 16)),
    constraint comments_idempotency_key_check CHECK (((char_length(idempotency_key) >= 1) AND (char_length(idempotency_key) <= 200))),
    constraint comments_request_hash_check CHECK ((octet_length(request_hash) = 16)),
    constraint comments_risk_check CHECK (((risk >= (0)::double precision) AND (risk <= (1)::double precision))),
    constraint comments_status_check CHECK ((status = ANY (ARRAY['approved'::text, 'held'::text, 'rejected'::text, 'removed'::text]))),
    constraint comments_site_id_page_id_fkey FOREIGN KEY (site_id, page_id) REFERENCES pages(site_id, page_id),
    constraint comments_site_id_parent_id_fkey FOREIGN KEY (site_id, parent_id) REFERENCES comments(site_id, comment_id) ON DELETE SET NULL (parent_id),
    constraint comments_site_id_policy_version_fkey FOREIGN KEY (site_id, policy_version) REFERENCES policies(site_id, version)
) with (autovacuum_vacuum_insert_threshold=1000, autovacuum_vacuum_insert_scale_factor=0.02, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_scale_factor=0.02, autovacuum_analyze_threshold=1000, autovacuum_analyze_scale_factor=0.02);

CREATE INDEX comments_address ON public.comments USING btree (site_id, address_key, submitted_at);
CREATE INDEX comments_arrival ON public.comments USING btree (site_id, status, comment_id);
CREATE INDEX comments_author ON public.comments USING btree (site_id, author_key, comment_id);
CREATE INDEX comments_fingerprint ON public.comments USING btree (site_id, fingerprint, submitted_at);
CREATE UNIQUE INDEX comments_idempotency ON public.comments USING btree (site_id, idempotency_key) WHERE (idempotency_key IS NOT NULL);
CREATE INDEX comments_queue ON public.comments USING btree (site_id, status, risk, comment_id);
CREATE INDEX comments_replies ON public.comments USING btree (site_id, parent_id) WHERE (parent_id IS NOT NULL);
CREATE INDEX comments_thread ON public.comments USING btree (site_id, page_id, comment_id) WHERE (status = 'approved'::text);

create table credentials (
    site_id bigint not null,
    secret_hash bytea not null,
    moderator_id uuid not null,
    kind text not null,
    label text not null,
    created_at timestamp with time zone not null,
    expires_at timestamp with time zone not null,
    constraint credentials_pkey PRIMARY KEY (site_id, secret_hash),
    constraint credentials_kind_check CHECK ((kind = ANY (ARRAY['session'::text, 'token'::text]))),
    constraint credentials_secret_hash_check CHECK ((octet_length(secret_hash) = 32)),
    constraint credentials_site_id_moderator_id_fkey FOREIGN KEY (site_id, moderator_id) REFERENCES moderators(site_id, moderator_id)
);

create table decisions (
    site_id bigint not null,
    comment_id uuid not null,
    seq integer not null,
    from_status text,
    to_status text not null,
    policy_version integer,
    moderator_id uuid,
    reason text,
    note text,
    decided_at timestamp with time zone not null,
    action text,
    constraint decisions_pkey PRIMARY KEY (site_id, comment_id, seq),
    constraint decisions_action_check CHECK ((action = ANY (ARRAY['approve'::text, 'reject'::text, 'remove'::text, 'restore'::text]))) NOT VALID,
    constraint decisions_check CHECK (((from_status IS NULL) = (seq = 1))),
    constraint decisions_check1 CHECK (((policy_version IS NULL) <> (moderator_id IS NULL))),
    constraint decisions_from_status_check CHECK ((from_status = ANY (ARRAY['approved'::text, 'held'::text, 'rejected'::text, 'removed'::text]))),
    constraint decisions_note_check CHECK ((char_length(note) <= 1000)),
    constraint decisions_reason_check CHECK ((char_length(reason) <= 100)),
    constraint decisions_seq_check CHECK ((seq > 0)),
    constraint decisions_to_status_check CHECK ((to_status = ANY (ARRAY['approved'::text, 'held'::text, 'rejected'::text, 'removed'::text]))),
    constraint decisions_site_id_comment_id_fkey FOREIGN KEY (site_id, comment_id) REFERENCES comments(site_id, comment_id) ON DELETE CASCADE,
    constraint decisions_site_id_moderator_id_fkey FOREIGN KEY (site_id, moderator_id) REFERENCES moderators(site_id, moderator_id),
    constraint decisions_site_id_policy_version_fkey FOREIGN KEY (site_id, policy_version) REFERENCES policies(site_id, version)
) with (autovacuum_vacuum_insert_threshold=1000, autovacuum_vacuum_insert_scale_factor=0.05, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_scale_factor=0.05, autovacuum_analyze_threshold=1000, autovacuum_analyze_scale_factor=0.05);

CREATE TRIGGER decisions_append_only BEFORE UPDATE ON public.decisions FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER decisions_stay BEFORE DELETE ON public.decisions FOR EACH ROW EXECUTE FUNCTION refuse_lone_delete();
CREATE TRIGGER decisions_whole BEFORE TRUNCATE ON public.decisions FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

create table findings (
    site_id bigint not null,
    comment_id uuid not null,
    ordinal smallint not null,
    rule text not null,
    effect text not null,
    shadow boolean not null,
    failed boolean not null,
    score real not null,
    spans jsonb not null,
    note text not null,
    constraint findings_pkey PRIMARY KEY (site_id, comment_id, ordinal),
    constraint findings_effect_check CHECK ((effect = ANY (ARRAY['pass'::text, 'hold'::text, 'reject'::text]))),
    constraint findings_score_check CHECK (((score >= (0)::double precision) AND (score <= (1)::double precision))),
    constraint findings_spans_check CHECK ((jsonb_typeof(spans) = 'array'::text)),
    constraint findings_site_id_comment_id_fkey FOREIGN KEY (site_id, comment_id) REFERENCES comments(site_id, comment_id) ON DELETE CASCADE
) with (autovacuum_vacuum_insert_threshold=1000, autovacuum_vacuum_insert_scale_factor=0.05, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_scale_factor=0.05, autovacuum_analyze_threshold=1000, autovacuum_analyze_scale_factor=0.05);

create table migrations (
    version integer not null,
    name text not null,
    checksum text not null,
    applied_at timestamp with time zone not null default now(),
    constraint migrations_pkey PRIMARY KEY (version)
);

create table moderators (
    site_id bigint not null,
    moderator_id uuid not null,
    name text not null,
    password_hash text not null,
    created_at timestamp with time zone not null,
    constraint moderators_pkey PRIMARY KEY (site_id, moderator_id),
    constraint moderators_site_id_name_key UNIQUE (site_id, name),
    constraint moderators_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 60))),
    constraint moderators_site_id_fkey FOREIGN KEY (site_id) REFERENCES sites(site_id)
);

create table pages (
    site_id bigint not null,
    page_id uuid not null,
    key text not null,
    title text,
    approved_count integer not null default 0,
    closed_at timestamp with time zone,
    created_at timestamp with time zone not null,
    revision bigint not null default 0,
    constraint pages_pkey PRIMARY KEY (site_id, page_id),
    constraint pages_site_id_key_key UNIQUE (site_id, key),
    constraint pages_approved_count_check CHECK ((approved_count >= 0)),
    constraint pages_key_check CHECK (((octet_length(key) >= 1) AND (octet_length(key) <= 2048))),
    constraint pages_title_check CHECK (((char_length(title) >= 1) AND (char_length(title) <= 300))),
    constraint pages_site_id_fkey FOREIGN KEY (site_id) REFERENCES sites(site_id)
) with (fillfactor=50, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_scale_factor=0.1, autovacuum_analyze_threshold=1000, autovacuum_analyze_scale_factor=0.05);

create table policies (
    site_id bigint not null,
    version integer not null,
    document jsonb not null,
    created_at timestamp with time zone not null,
    constraint policies_pkey PRIMARY KEY (site_id, version),
    constraint policies_document_check CHECK ((jsonb_typeof(document) = 'object'::text)),
    constraint policies_version_check CHECK ((version > 0)),
    constraint policies_site_id_fkey FOREIGN KEY (site_id) REFERENCES sites(site_id)
);

create table sites (
    site_id bigint not null generated by default as identity,
    name text not null,
    origins text[] not null default '{}'::text[],
    created_at timestamp with time zone not null,
    constraint sites_pkey PRIMARY KEY (site_id),
    constraint sites_name_key UNIQUE (name),
    constraint sites_name_check CHECK ((name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'::text))
);

create view judged_comments as
 SELECT comments.site_id,
    comments.comment_id AS id,
    comments.page_id,
    pages.key AS page,
    pages.title AS page_title,
    pages.approved_count AS count,
    comments.parent_id AS parent,
    comments.author,
    comments.author_key,
    comments.body,
    comments.status,
    comments.risk,
    comments.policy_version,
    comments.submitted_at AS at,
    ( SELECT COALESCE(jsonb_agg(jsonb_build_object('rule', findings.rule, 'effect', findings.effect, 'shadow', findings.shadow, 'failed', findings.failed, 'score', findings.score, 'spans', findings.spans, 'note', findings.note) ORDER BY findings.ordinal), '[]'::jsonb) AS "coalesce"
           FROM findings
          WHERE findings.site_id = comments.site_id AND findings.comment_id = comments.comment_id) AS findings
   FROM comments
     JOIN pages ON pages.site_id = comments.site_id AND pages.page_id = comments.page_id;

CREATE OR REPLACE FUNCTION public.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
    raise exception 'decisions are append-only' using errcode = 'restrict_violation';
end
$function$;

CREATE OR REPLACE FUNCTION public.refuse_lone_delete()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
    if exists (select from comments where site_id = old.site_id and comment_id = old.comment_id) then
        raise exception 'decisions are append-only' using errcode = 'restrict_violation';
    end if;
    return old;
end
$function$;
