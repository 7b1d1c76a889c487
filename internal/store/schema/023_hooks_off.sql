create index hooks_off on hooks (project_key, key) where deleted = 0 and not active;
