-- Links by which a customer opens the portal of a project, once, and the sessions that they start.
create table portal_links (
    hash        {blob} not null primary key,
    project_key {int}  not null,
    data        {text} not null, -- JSON: what the link gives
    expires     {int}  not null
){rows};
create index portal_links_project on portal_links (project_key);

create table portal_sessions (
    hash        {blob} not null primary key,
    id          {text} not null unique,
    project_key {int}  not null,
    data        {text} not null, -- JSON: what the link gave
    created     {int}  not null,
    expires     {int}  not null
){rows};
create index portal_sessions_project on portal_sessions (project_key);
