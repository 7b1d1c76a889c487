-- What is asked for of projects, hooks and sources is a column. Step 6 fills them from the settings of rows that exist.
alter table projects add column retention {int} not null default 0; -- of event bodies, in ns; 0: the server's
create index projects_retention on projects (key) where deleted = 0 and retention <> 0;

alter table hooks add column expires {int} not null default 0; -- 0: never
create index hooks_expires on hooks (expires) where deleted = 0 and expires <> 0;

alter table sources add column type {text} not null default '';
create index sources_type on sources (type);
