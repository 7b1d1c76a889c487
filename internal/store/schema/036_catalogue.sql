-- What owners decide about their event types, and the types. Names of owners are in lower case, names of types are as
-- they were given.
create table catalogues (
    owner    {text} not null primary key,
    mode     {text} not null,
    shown    {bool} not null, -- to anyone
    revision {int}  not null  -- counts the changes of the row and of the owner's types
){norowid};

create table event_types (
    owner    {text} not null,
    name     {text} not null,
    archived {bool} not null,
    settings {text} not null, -- JSON: description, group, feature flags
    schemas  {text} not null, -- JSON: schemas by version; '' for none
    example  {text} not null, -- JSON; '' for none
    revision {int}  not null,
    created  {int}  not null,
    updated  {int}  not null,
    primary key (owner, name)
){norowid};
