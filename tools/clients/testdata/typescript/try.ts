// Tries the types that openapi-typescript generates, against the server at the URL it is given.
import createClient from "openapi-fetch";
import type { paths } from "./api.js";

const api = createClient<paths>({ baseUrl: `${process.argv[2]}/api` });
const path = { owner: "guest", project: "typescript" };

function must<T>(value: T | undefined, what: unknown): T {
  if (value === undefined) throw new Error(JSON.stringify(what));
  return value;
}

const order = { type: "order.created", data: { id: 7 } };
const once = { path, header: { "Idempotency-Key": "order-1" } };
for (let n = 0; n < 2; n++) {
  const { data, error } = await api.POST("/projects/{owner}/{project}/events", { params: once, body: order });
  const receipt = must(data, error);
  if (Array.isArray(receipt)) throw new Error("a list of receipts for one event");
  console.log(n === 0 ? `published ${order.type}` : `duplicate ${receipt.duplicate}`);
}
const list = [{ type: "order.paid", data: 1 }, { type: "order.paid", data: 2 }];
const many = await api.POST("/projects/{owner}/{project}/events", { params: { path }, body: list });
if (!Array.isArray(many.data) || many.data.length !== 2) throw new Error(JSON.stringify(many.error));

const made = await api.PUT("/projects/{owner}/{project}/hooks/{id}", {
  params: { path: { ...path, id: "billing" } },
  body: { url: "http://127.0.0.1:9/", events: ["order.*"] },
});
const hook = must(made.data, made.error);
console.log(`created hook ${hook.id} for ${hook.events}`);
const hooks = await api.GET("/projects/{owner}/{project}/hooks", { params: { path } });
console.log(`listed ${Object.keys(must(hooks.data, hooks.error)).length} hook`);

let [found, pages] = [0, 0];
for (let cursor: string | undefined; pages === 0 || cursor; pages++) {
  const page = await api.GET("/projects/{owner}/{project}/events", { params: { path, query: { limit: 2, cursor } } });
  const { events, cursor: next } = must(page.data, page.error);
  found += events.length;
  cursor = next;
}
console.log(`found ${found} events on ${pages} pages`);

const gone = await api.GET("/projects/{owner}/{project}/events/{id}", { params: { path: { ...path, id: "evt_none" } } });
console.log(`no such event: ${gone.response.status}`);
const bad = await api.GET("/projects/{owner}/{project}/events", { params: { path, query: { limit: 0 } } });
console.log(`a bad limit: ${must(bad.error, "no error").field}`);
