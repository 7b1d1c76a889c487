-- Figures of projects and hooks. Each transaction adds a row with what it changed to count_batches; a node folds these
-- rows into counts. data holds pairs of counter and number; see counts.go for its form.
create table count_batches (
    node {int}  not null,
    n    {int}  not null, -- of the node's rows
    at   {int}  not null,
    data {blob} not null,
    primary key (node, n)
){norowid};

-- step is the length of the period that begins at at, in seconds; 0: all time. hook_key is 0 for a project's own row,
-- which includes its hooks.
create table counts (
    step        {int}  not null,
    project_key {int}  not null,
    hook_key    {int}  not null,
    at          {int}  not null,
    data        {blob} not null,
    primary key (step, project_key, hook_key, at)
){norowid};

insert into counters (name, value) values ('count_fold', 0), ('count_since', 0);
