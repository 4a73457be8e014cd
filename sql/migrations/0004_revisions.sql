-- Numbers what a page shows, so that whoever keeps a copy can tell which of two is newer.

alter table pages add column revision bigint not null default 0;
