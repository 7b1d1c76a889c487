-- How far events have been taken away, per project: a reader whose cursor stands before seq has missed something.
create table pruned (
    project_key {int} not null primary key,
    seq         {int} not null, -- the highest seq taken away
    time        {int} not null  -- when its event came in
){rows};

-- Throw-away URLs, and what came to them.
create table bins (
    name     {text} not null primary key,
    secret   {blob} not null, -- SHA-256 of the key that opens a private bin
    private  {bool} not null,
    color    {int}  not null, -- 0xRRGGBB
    answer   {text} not null, -- JSON, or '' for "ok"
    remote   {text} not null, -- of whoever made it
    requests {int}  not null, -- how many came so far
    created  {int}  not null,
    expires  {int}  not null
){rows};
create index bins_remote on bins (remote);
create index bins_expires on bins (expires);

create table bin_requests (
    key     {key},
    id      {text} not null unique,
    bin     {text} not null,
    time    {int}  not null,
    method  {text} not null,
    path    {text} not null, -- what followed the bin's name, with its query
    remote  {text} not null,
    header  {blob} not null,
    body    {blob} not null, -- its first bytes, as far as the limit
    size    {int}  not null  -- of the body as it came
){rows};
create index bin_requests_bin on bin_requests (bin, key);
