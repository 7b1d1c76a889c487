update counters set value = 1 where name = 'event_seq';
insert into users (key, name, password, admin, disabled, subject, created)
values (1, 'alice', '$argon2id$x', true, false, '', 1795773980419000);
insert into projects (key, path, owner, name, settings, secret, revision, created, updated, deleted)
values (1, 'acme/shop', 'Acme', 'Shop', '{"Key":0,"Owner":"Acme","Name":"Shop","Description":"orders \u0026 \u003creturns\u003e","Preset":"webgme","EventTypes":["order.*","COMMIT"],"Format":"cloudevents","Relay":"signed","ModelEvents":true,"Retention":129600000000000,"Public":true,"AllowRequests":true,"Revision":0,"CreatedAt":"0001-01-01T00:00:00Z","UpdatedAt":"0001-01-01T00:00:00Z","RelaySecret":{}}', {x:0136abcc3172d3c4bb1ff872fae5512408e1963a82d319f61671e1eba0fe597f7ebf3289be65}, 1, 1795773980420000, 1795773980420000, 0);
insert into projects (key, path, owner, name, settings, secret, revision, created, updated, deleted)
values (2, 'acme/bare', 'acme', 'bare', '{"Key":0,"Owner":"acme","Name":"bare","Description":"","Preset":"","EventTypes":null,"Format":"","Relay":"","ModelEvents":false,"Retention":0,"Public":false,"AllowRequests":false,"Revision":0,"CreatedAt":"0001-01-01T00:00:00Z","UpdatedAt":"0001-01-01T00:00:00Z","RelaySecret":{}}', null, 1, 1795773980427000, 1795773980427000, 0);
insert into projects (key, path, owner, name, settings, secret, revision, created, updated, deleted)
values (3, 'acme/dead#3', 'acme', 'dead', '{"Key":0,"Owner":"acme","Name":"dead","Description":"","Preset":"","EventTypes":null,"Format":"","Relay":"","ModelEvents":false,"Retention":0,"Public":false,"AllowRequests":false,"Revision":0,"CreatedAt":"0001-01-01T00:00:00Z","UpdatedAt":"0001-01-01T00:00:00Z","RelaySecret":{}}', null, 1, 1795773980428000, 1795773980428000, 1795773980429513);
insert into members (project_key, user_key, role)
values (1, 1, 'admin');
insert into hooks (key, project_key, id, settings, secrets, active, off_reason, health, revision, created, updated, deleted)
values (1, 1, 'chat', '{"Project":"","ID":"chat","URL":"https://bob:LEAKpassword@hooks.example.com:8443/services/LEAKpath?token=LEAKquery#LEAKpart","Events":["order.created","hookyard.*"],"Features":["git3"],"Description":"says \"hello\"","Active":true,"Format":"template","ContentType":"form","Template":"{{.type}}","Secrets":null,"Headers":{"Authorization":"Bearer LEAKheader","X-Team":"LEAKteam"},"Schedule":[0,5000000000,3600000000000],"Timeout":7000000000,"InFlight":3,"Rate":2.5,"Ordered":true,"Filter":"data.total \u003e 10","Off":{"policy":"failures","after":12},"InsecureTLS":true,"RabbitMQ":{"exchange":"events","routingKey":"order","queue":"orders","declare":true,"arguments":{"x-queue-type":"quorum"}},"ExpiresAt":"2037-06-07T08:09:10Z","Health":{"failures":0},"OffReason":"switched off by a test","Revision":0,"CreatedAt":"0001-01-01T00:00:00Z","UpdatedAt":"0001-01-01T00:00:00Z"}', {x:010866ea3cba272b769c8aae548b9090af54fd194914c3774d28d4843ae3b7b02783ff4b3ce29df8e81aee72e423b80a2180ed528d8f75ff92ec795faf4bd3d66cbd02b7a50ce0d975829b2ed7b44c0b40d4cc99f53c313c01944e5d0fd80e1cd07e1d43}, true, 'switched off by a test', '', 1, 1795773980421000, 1795773980421000, 0);
insert into hooks (key, project_key, id, settings, secrets, active, off_reason, health, revision, created, updated, deleted)
values (2, 1, 'plain', '{"Project":"","ID":"plain","URL":"http://127.0.0.1:9/LEAKplain","Events":"all","Features":null,"Description":"","Active":true,"Format":"","ContentType":"","Template":"","Secrets":null,"Headers":null,"Schedule":null,"Timeout":0,"InFlight":0,"Rate":0,"Ordered":false,"Filter":"","Off":{"policy":""},"InsecureTLS":false,"RabbitMQ":null,"ExpiresAt":"0001-01-01T00:00:00Z","Health":{"failures":0},"OffReason":"","Revision":1,"CreatedAt":"2026-11-27T10:06:20.421Z","UpdatedAt":"2026-11-27T10:06:20.421Z"}', null, true, '', '{"failures":3,"lastStatus":500,"lastAttemptAt":"2026-01-02T03:04:05Z"}', 2, 1795773980421000, 1795773980423000, 0);
insert into hooks (key, project_key, id, settings, secrets, active, off_reason, health, revision, created, updated, deleted)
values (3, 1, 'gone', '{"Project":"","ID":"gone","URL":"http://127.0.0.1:9/LEAKgone","Events":"all","Features":null,"Description":"","Active":true,"Format":"","ContentType":"","Template":"","Secrets":null,"Headers":null,"Schedule":null,"Timeout":0,"InFlight":0,"Rate":0,"Ordered":false,"Filter":"","Off":{"policy":""},"InsecureTLS":false,"RabbitMQ":null,"ExpiresAt":"0001-01-01T00:00:00Z","Health":{"failures":0},"OffReason":"","Revision":0,"CreatedAt":"0001-01-01T00:00:00Z","UpdatedAt":"0001-01-01T00:00:00Z"}', null, true, '', '', 2, 1795773980421000, 1795773980421000, 1795773980421938);
insert into hooks (key, project_key, id, settings, secrets, active, off_reason, health, revision, created, updated, deleted)
values (4, 1, 'broker', '{"Project":"","ID":"broker","URL":"amqp://bob:LEAKamqp@127.0.0.1/","Events":"all","Features":null,"Description":"","Active":false,"Format":"","ContentType":"","Template":"","Secrets":null,"Headers":null,"Schedule":null,"Timeout":0,"InFlight":0,"Rate":0,"Ordered":false,"Filter":"","Off":{"policy":""},"InsecureTLS":false,"RabbitMQ":null,"ExpiresAt":"0001-01-01T00:00:00Z","Health":{"failures":0},"OffReason":"","Revision":0,"CreatedAt":"0001-01-01T00:00:00Z","UpdatedAt":"0001-01-01T00:00:00Z"}', null, false, '', '', 1, 1795773980421000, 1795773980421000, 0);
insert into hooks (key, project_key, id, settings, secrets, active, off_reason, health, revision, created, updated, deleted)
values (5, 1, 'listen-a', '{"Project":"","ID":"listen-a","URL":"http://localhost:3000/LEAKlistener","Events":[],"Features":null,"Description":"","Active":false,"Format":"","ContentType":"","Template":"","Secrets":null,"Headers":null,"Schedule":null,"Timeout":0,"InFlight":0,"Rate":0,"Ordered":false,"Filter":"","Off":{"policy":""},"InsecureTLS":false,"RabbitMQ":null,"ExpiresAt":"2037-01-01T00:00:00Z","Health":{"failures":0},"OffReason":"","Revision":0,"CreatedAt":"0001-01-01T00:00:00Z","UpdatedAt":"0001-01-01T00:00:00Z"}', null, false, '', '', 1, 1795773980424000, 1795773980424000, 0);
insert into hooks (key, project_key, id, settings, secrets, active, off_reason, health, revision, created, updated, deleted)
values (6, 2, 'h', '{"Project":"","ID":"h","URL":"https://h.example.com/LEAKother","Events":"all","Features":null,"Description":"","Active":true,"Format":"","ContentType":"","Template":"","Secrets":null,"Headers":null,"Schedule":null,"Timeout":0,"InFlight":0,"Rate":0,"Ordered":false,"Filter":"","Off":{"policy":""},"InsecureTLS":false,"RabbitMQ":null,"ExpiresAt":"0001-01-01T00:00:00Z","Health":{"failures":0},"OffReason":"","Revision":0,"CreatedAt":"0001-01-01T00:00:00Z","UpdatedAt":"0001-01-01T00:00:00Z"}', null, true, '', '', 1, 1795773980427000, 1795773980427000, 0);
insert into hooks (key, project_key, id, settings, secrets, active, off_reason, health, revision, created, updated, deleted)
values (7, 3, 'h', '{"Project":"","ID":"h","URL":"https://h.example.com/LEAKdead","Events":"all","Features":null,"Description":"","Active":true,"Format":"","ContentType":"","Template":"","Secrets":null,"Headers":null,"Schedule":null,"Timeout":0,"InFlight":0,"Rate":0,"Ordered":false,"Filter":"","Off":{"policy":""},"InsecureTLS":false,"RabbitMQ":null,"ExpiresAt":"0001-01-01T00:00:00Z","Health":{"failures":0},"OffReason":"","Revision":0,"CreatedAt":"0001-01-01T00:00:00Z","UpdatedAt":"0001-01-01T00:00:00Z"}', null, false, '', '', 2, 1795773980428000, 1795773980428000, 1795773980429513);
insert into sources (key, project_key, name, settings, secrets, revision, created, updated)
values (1, 1, 'queue', '{"Project":"","Name":"queue","Type":"rabbitmq","Secrets":null,"Scheme":{"header":"X-Sig","verifyToken":"LEAKverify"},"EventType":"order.created","TypeHeader":"X-Type","TypeField":"action","DedupHeader":"X-Id","Ack":"after-commit","Answer":{"status":202,"headers":{"X-Key":"LEAKanswer"},"body":"thanks","delay":"1s"},"RabbitMQ":{"url":"","queue":"in","declare":true,"arguments":{"x-queue-type":"quorum"},"prefetch":50,"typeFrom":"header:X-Type","exclusive":true,"expect":"comments"},"Description":"orders","Active":true,"Revision":0,"CreatedAt":"0001-01-01T00:00:00Z","UpdatedAt":"0001-01-01T00:00:00Z"}', {x:01d9cd0a29ac9c46ac5f0bd4917dd9e224398672394f8a46bd14d39f2d6f3f8606608b43fbc89d1fa7819352bd1ab7a27acc2864652543957d9bdd5d24d07d0b1f706dbe23225852458e61b5b722fcb582d6dcb072c4a52a6deefb18216788c0776c72d0d17a754b399120c8ba4d8767d4830541156d48cf1449be0b1a6ebbfdea674459fa9ebfea2b56eed1eb802e36}, 1, 1795773980425000, 1795773980425000);
insert into sources (key, project_key, name, settings, secrets, revision, created, updated)
values (2, 1, 'in', '{"Project":"","Name":"in","Type":"token","Secrets":null,"Scheme":null,"EventType":"","TypeHeader":"","TypeField":"","DedupHeader":"","Ack":"","Answer":null,"RabbitMQ":null,"Description":"","Active":true,"Revision":0,"CreatedAt":"0001-01-01T00:00:00Z","UpdatedAt":"0001-01-01T00:00:00Z"}', {x:01a44f808ae1e699e703fb477d2a207e016d99f25cca4b17a75fa4e25b9f43fe29703de054dc1af4851aa389718160bd}, 1, 1795773980426000, 1795773980426000);
insert into events (seq, id, project_key, source, type, time, method, target, remote, verified, header, content_type, data_offset, size, body)
values (1, 'evt_01m8e7gqrfe08ts1x89rcfrhkg', 1, 'api', 'order.created', 1795773980431018, '', '', '', '', {x:}, 'application/json', 76, 106, {x:7b2274797065223a226f726465722e63726561746564222c2274696d657374616d70223a22323032362d31312d32375431303a30363a32302e3433313031383030315a222c2264617461223a7b226e223a312e3030303030303030303030303030303030303030317d7d});
insert into deliveries (event_seq, hook_key, project_key, state, reason, due, node, attempts, tries, updated)
values (1, 1, 1, 'delivered', '', 0, 0, 2, 2, 1767323042000000);
insert into deliveries (event_seq, hook_key, project_key, state, reason, due, node, attempts, tries, updated)
values (1, 2, 1, 'delivered', '', 0, 0, 1, 1, 1767323043000000);
insert into deliveries (event_seq, hook_key, project_key, state, reason, due, node, attempts, tries, updated)
values (1, 4, 1, 'skipped', 'hook is not active', 0, 0, 0, 0, 1795773980431018);
insert into attempts (event_seq, hook_key, n, started, duration, url, request_header, request_body, request_size, status, response_header, response_body, truncated, error, kind, remote, timing)
values (1, 1, 1, 1767323040000000, 1000000, 'https://***@hooks.example.com:8443/services/LEAKpath?token=LEAKquery', {x:417574686f72697a6174696f6e3a202a2a2a0a582d417574682d546f6b656e3a204c45414b6f6c640a582d5465616d3a204c45414b7465616d0a}, null, 10, 500, {x:582d413a20310a}, {x:626f6479}, false, 'answered 500', '', '', '');
insert into attempts (event_seq, hook_key, n, started, duration, url, request_header, request_body, request_size, status, response_header, response_body, truncated, error, kind, remote, timing)
values (1, 1, 2, 1767323041000000, 1000000, 'https://***@hooks.example.com:8443/services/LEAKpath?token=LEAKquery', {x:417574686f72697a6174696f6e3a202a2a2a0a582d417574682d546f6b656e3a204c45414b6f6c640a582d5465616d3a204c45414b7465616d0a}, null, 10, 204, {x:582d413a20310a}, {x:626f6479}, false, '', '', '', '');
insert into attempts (event_seq, hook_key, n, started, duration, url, request_header, request_body, request_size, status, response_header, response_body, truncated, error, kind, remote, timing)
values (1, 2, 1, 1767323042000000, 1000000, 'http://bob:LEAKold@127.0.0.1:9/users/me@LEAKplain', {x:}, null, 10, 0, {x:582d413a20310a}, {x:626f6479}, false, 'no', '', '', '');
insert into audit (key, time, project_key, actor, action, subject, detail)
values (1, 1795773980419925, 0, 'alice', 'user.create', 'alice', '');
insert into audit (key, time, project_key, actor, action, subject, detail)
values (2, 1795773980420995, 1, 'alice', 'project.create', 'Acme/Shop', '');
insert into audit (key, time, project_key, actor, action, subject, detail)
values (3, 1795773980421206, 1, 'alice', 'hook.create', 'chat', 'https://bob:LEAKpassword@hooks.example.com:8443/services/LEAKpath?token=LEAKquery#LEAKpart');
insert into audit (key, time, project_key, actor, action, subject, detail)
values (4, 1795773980421262, 1, 'alice', 'hook.create', 'plain', 'http://127.0.0.1:9/LEAKplain');
insert into audit (key, time, project_key, actor, action, subject, detail)
values (5, 1795773980421305, 1, 'alice', 'hook.create', 'gone', 'http://127.0.0.1:9/LEAKgone');
insert into audit (key, time, project_key, actor, action, subject, detail)
values (6, 1795773980421350, 1, 'alice', 'hook.create', 'broker', 'amqp://bob:LEAKamqp@127.0.0.1/');
insert into audit (key, time, project_key, actor, action, subject, detail)
values (7, 1795773980422022, 1, 'alice', 'hook.delete', 'gone', '');
insert into audit (key, time, project_key, actor, action, subject, detail)
values (8, 1795773980423043, 1, 'alice', 'hook.update', 'plain', '');
insert into audit (key, time, project_key, actor, action, subject, detail)
values (9, 1795773980424743, 1, 'alice', 'hook.create', 'listen-a', 'http://localhost:3000/LEAKlistener');
insert into audit (key, time, project_key, actor, action, subject, detail)
values (10, 1795773980425628, 1, 'alice', 'source.create', 'queue', 'rabbitmq');
insert into audit (key, time, project_key, actor, action, subject, detail)
values (11, 1795773980426393, 1, 'alice', 'source.create', 'in', 'token');
insert into audit (key, time, project_key, actor, action, subject, detail)
values (12, 1795773980427143, 1, 'alice', 'member.set', 'alice', 'admin');
insert into audit (key, time, project_key, actor, action, subject, detail)
values (13, 1795773980427814, 2, 'alice', 'project.create', 'acme/bare', '');
insert into audit (key, time, project_key, actor, action, subject, detail)
values (14, 1795773980427990, 2, 'alice', 'hook.create', 'h', 'https://h.example.com/LEAKother');
insert into audit (key, time, project_key, actor, action, subject, detail)
values (15, 1795773980428730, 3, 'alice', 'project.create', 'acme/dead', '');
insert into audit (key, time, project_key, actor, action, subject, detail)
values (16, 1795773980428897, 3, 'alice', 'hook.create', 'h', 'https://h.example.com/LEAKdead');
insert into audit (key, time, project_key, actor, action, subject, detail)
values (17, 1795773980429750, 0, 'alice', 'project.delete', 'acme/dead', '');
insert into bins (name, secret, private, color, answer, remote, requests, created, expires)
values ('abc', {x:68617368}, false, 0, '{"status":201,"headers":{"X-Key":"shown"}}', '', 0, 1767323045000000, 2114478245000000);
