-- What an administrator of the server allows a project, or all projects of an owner, instead of the defaults.
create table quotas (
    project_key {int}  not null, -- 0: of an owner
    owner       {text} not null, -- in lower case; '': of a project
    data        {text} not null, -- JSON: limits by name
    primary key (project_key, owner)
){norowid};
