-- One text for both databases. {int}, {text}, {blob}, {bool}, {key}, {rows} and {norowid} are replaced per dialect.

create table counters (
    name  {text} not null primary key,
    value {int}  not null
){rows};
insert into counters (name, value) values ('event_seq', 0), ('config_version', 0);

create table nodes (
    key     {key},
    name    {text} not null,
    started {int}  not null,
    seen    {int}  not null
){rows};

create table users (
    key      {key},
    name     {text} not null unique,
    password {text} not null,
    admin    {bool} not null,
    disabled {bool} not null,
    subject  {text} not null,
    created  {int}  not null
){rows};
create index users_subject on users (subject) where subject <> '';

create table tokens (
    key         {key},
    id          {text} not null unique,
    user_key    {int}  not null,
    name        {text} not null,
    hash        {blob} not null unique,
    project_key {int}  not null,
    scope       {text} not null,
    expires     {int}  not null,
    created     {int}  not null,
    used        {int}  not null
){rows};

create table sessions (
    hash     {blob} not null primary key,
    id       {text} not null unique,
    user_key {int}  not null,
    created  {int}  not null,
    seen     {int}  not null,
    expires  {int}  not null,
    agent    {text} not null,
    remote   {text} not null
){rows};

create table projects (
    key      {key},
    path     {text} not null unique, -- owner/name in lower case
    owner    {text} not null,
    name     {text} not null,
    settings {text} not null,        -- JSON
    secret   {blob},                 -- of the relay, sealed
    revision {int}  not null,
    created  {int}  not null,
    updated  {int}  not null,
    deleted  {int}  not null         -- 0: alive
){rows};

create table members (
    project_key {int}  not null,
    user_key    {int}  not null,
    role        {text} not null,
    primary key (project_key, user_key)
){rows};

create table hooks (
    key         {key},
    project_key {int}  not null,
    id          {text} not null,
    settings    {text} not null, -- JSON
    secrets     {blob},          -- sealed JSON
    active      {bool} not null,
    off_reason  {text} not null,
    health      {text} not null, -- JSON, or ''
    revision    {int}  not null,
    created     {int}  not null,
    updated     {int}  not null,
    deleted     {int}  not null  -- 0: alive; deleted hooks stay for the history of their deliveries
){rows};
create unique index hooks_id on hooks (project_key, id) where deleted = 0;

create table sources (
    key         {key},
    project_key {int}  not null,
    name        {text} not null,
    settings    {text} not null,
    secrets     {blob},
    revision    {int}  not null,
    created     {int}  not null,
    updated     {int}  not null,
    unique (project_key, name)
){rows};

-- seq is drawn and committed under one lock (counters.event_seq), so the order of seq is the order of commits and a
-- reader that remembers the highest seq it saw never misses an event that commits late.
create table events (
    seq          {int}  not null primary key,
    id           {text} not null unique,
    project_key  {int}  not null,
    source       {text} not null,
    type         {text} not null,
    time         {int}  not null,
    method       {text} not null,
    target       {text} not null,
    remote       {text} not null,
    verified     {text} not null,
    header       {blob} not null,
    content_type {text} not null,
    data_offset  {int}  not null,
    size         {int}  not null,
    body         {blob}            -- null once its bytes are past retention
){rows};
create index events_project on events (project_key, seq, type, source);

-- Duplicates' guard. It outlives the events.
create table seen (
    project_key {int}  not null,
    source      {text} not null,
    dedup       {text} not null,
    event_id    {text} not null,
    time        {int}  not null,
    primary key (project_key, source, dedup)
){norowid};
create index seen_time on seen (time);

-- node = 0: the row can be taken when it is due. node <> 0: that node has it in memory.
create table deliveries (
    event_seq   {int}  not null,
    hook_key    {int}  not null,
    project_key {int}  not null,
    state       {text} not null,
    reason      {text} not null,
    due         {int}  not null,
    node        {int}  not null,
    attempts    {int}  not null,
    tries       {int}  not null,
    updated     {int}  not null,
    primary key (event_seq, hook_key)
){norowid};
create index deliveries_pending on deliveries (node, hook_key, due, event_seq) where state = 'pending';
create index deliveries_hook on deliveries (hook_key, event_seq);
create index deliveries_ended on deliveries (project_key, event_seq) where state not in ('pending', 'delivered');

create table attempts (
    event_seq       {int}  not null,
    hook_key        {int}  not null,
    n               {int}  not null,
    started         {int}  not null,
    duration        {int}  not null,
    url             {text} not null,
    request_header  {blob} not null,
    request_body    {blob},
    request_size    {int}  not null,
    status          {int}  not null,
    response_header {blob} not null,
    response_body   {blob} not null,
    truncated       {bool} not null,
    error           {text} not null,
    kind            {text} not null,
    remote          {text} not null,
    timing          {text} not null, -- dns/connect/tls/wait in µs, or ''
    primary key (event_seq, hook_key, n)
){rows};

create table refused (
    key         {key},
    project_key {int}  not null,
    source      {text} not null,
    time        {int}  not null,
    reason      {text} not null,
    method      {text} not null,
    target      {text} not null,
    remote      {text} not null,
    header      {blob} not null,
    body        {blob} not null,
    size        {int}  not null
){rows};
create index refused_source on refused (project_key, source, key);

create table replays (
    id          {text} not null primary key,
    project_key {int}  not null,
    hook_key    {int}  not null,
    hook        {text} not null,
    since       {int}  not null,
    until       {int}  not null,
    type        {text} not null,
    state       {text} not null,
    status      {text} not null,
    total       {int}  not null,
    seen        {int}  not null,
    opened      {int}  not null,
    position    {int}  not null,
    last        {int}  not null,
    actor       {text} not null,
    created     {int}  not null,
    updated     {int}  not null
){rows};
create index replays_project on replays (project_key, created);

create table audit (
    key         {key},
    time        {int}  not null,
    project_key {int}  not null,
    actor       {text} not null,
    action      {text} not null,
    subject     {text} not null,
    detail      {text} not null
){rows};
create index audit_project on audit (project_key, key);

-- Remembered per hook and resource, such as a chat's thread.
create table threads (
    hook_key {int}  not null,
    resource {text} not null,
    thread   {text} not null,
    updated  {int}  not null,
    primary key (hook_key, resource)
){rows};
