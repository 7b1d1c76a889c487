-- A second selector of hooks and events, and other names of projects, hooks and events that callers choose.
alter table events add column channels {text} not null default ''; -- with commas between them
alter table events add column uid      {text} not null default '';
alter table hooks add column uid       {text} not null default '';
alter table projects add column uid    {text} not null default '';

create index events_uid on events (project_key, uid) where uid <> '';
create unique index hooks_uid on hooks (project_key, uid) where deleted = 0 and uid <> '';
create unique index projects_uid on projects (lower(owner), uid) where deleted = 0 and uid <> '';
