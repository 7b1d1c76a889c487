-- What the newest changes of the configuration are of. Versions are those of config_version in counters.
create table config_changes (
    version     {int}  not null,
    project_key {int}  not null, -- -1: no project, 0: all of them
    owner       {text} not null, -- not '': all projects of this owner
    parts       {int}  not null, -- 1: who may do what, 2: sources
    primary key (version, project_key)
){norowid};
