// Uses an SDK of Svix's as programs do: node try.js svix1|svix2 URL TOKEN
"use strict";

const http = require("node:http");

const [version, serverUrl, token] = process.argv.slice(2);
const { Svix, Webhook, ApiException } = require(version);
const svix = new Svix(token, { serverUrl });
const first = version === "svix1";

const received = [];
let wake = () => {};
const receiver = http.createServer((req, res) => {
  let body = "";
  req.on("data", (part) => (body += part));
  req.on("end", () => {
    received.push({ headers: req.headers, body });
    res.statusCode = req.url === "/bad" ? 500 : 200;
    res.end("thanks");
    wake();
  });
});

async function next() {
  while (received.length === 0) {
    await new Promise((resolve) => (wake = resolve));
  }
  return received.shift();
}

// until calls f again until its result is good.
async function until(f, good) {
  for (let tries = 0; ; tries++) {
    const result = await f();
    if (good(result) || tries === 200) {
      return result;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function refused(promise) {
  try {
    await promise;
  } catch (e) {
    if (!(e instanceof ApiException)) {
      throw e;
    }
    return e;
  }
  throw new Error("it was not refused");
}

async function main() {
  await new Promise((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${receiver.address().port}`;

  const app = await svix.application.create({ name: "Customer 1", uid: "cust-1", metadata: { plan: "gold" } });
  console.log("created application", app.uid);
  const again = await svix.application.getOrCreate({ name: "Customer 1", uid: "cust-1" });
  console.log(again.id === app.id ? "the same application again" : "another application");

  for (const name of ["order.paid", "order.gone"]) {
    await svix.eventType.create({ name, description: name, schemas: { 1: { type: "object", examples: [{ id: 7 }] } } });
  }
  console.log("created event types");

  const types = first ? { filterTypes: ["order.paid"] } : { eventTypes: ["order.paid"] };
  const endpoint = await svix.endpoint.create("cust-1", { url: url + "/ok", uid: "e", channels: ["eu"], ...types });
  const all = (endpoint.eventTypes ?? endpoint.filterTypes).join() === "order.paid" && endpoint.channels.join() === "eu";
  console.log(all ? "created endpoint" : endpoint);

  const { key } = await svix.endpoint.getSecret("cust-1", "e");
  const message = await svix.message.create("cust-1", { eventType: "order.paid", payload: { n: 1 }, channels: ["eu"],
    eventId: "m1" });
  const got = await next();
  new Webhook(key).verify(got.body, got.headers); // throws
  console.log(JSON.parse(got.body).n === 1 && got.headers["svix-id"] === message.id ? "secret of the endpoint verifies" : got);

  const headers = { headers: { "X-Team": "blue", Authorization: "Bearer x" } };
  await (first ? svix.endpoint.updateHeaders("cust-1", "e", headers) : svix.endpoint.setHeaders("cust-1", "e", headers));
  const shown = await svix.endpoint.getHeaders("cust-1", "e");
  console.log("headers:", JSON.stringify(shown.headers), "sensitive:", JSON.stringify(shown.sensitive));

  await svix.endpoint.rotateSecret("cust-1", "e", {});
  await svix.message.create("cust-1", { eventType: "order.paid", payload: { n: 2 }, channels: ["eu", "us"] });
  const both = await next();
  new Webhook(key).verify(both.body, both.headers);
  new Webhook((await svix.endpoint.getSecret("cust-1", "e")).key).verify(both.body, both.headers);
  console.log("rotated: both signatures");

  await svix.message.create("cust-1", { eventType: "order.paid", payload: { n: 3 }, channels: ["us"] });
  await svix.message.create("cust-1", { eventType: "order.gone", payload: { n: 4 }, channels: ["eu"] });
  await svix.message.create("cust-1", { eventType: "order.paid", payload: { n: 5 }, channels: ["eu"] });
  console.log("message of a channel:", (await next()).body === '{"n":5}' ? "1 delivery" : "more");

  const taken = await refused(svix.message.create("cust-1", { eventType: "order.paid", payload: {}, eventId: "m1" }));
  console.log("taken eventId:", taken.code, taken.body.code);
  const unknown = await refused(svix.message.get("cust-1", "nothing"));
  console.log("unknown message:", unknown.code, unknown.body.code);
  const bad = await refused(svix.endpoint.create("cust-1", { url: "ftp://a/" }));
  console.log("bad endpoint:", bad.code, bad.body.detail[0].loc[1]);

  let pages = 0;
  const found = [];
  for (let iterator = null, done = false; !done; pages++) {
    const page = await svix.message.list("cust-1", { limit: 2, iterator, withContent: true });
    found.push(...page.data);
    ({ iterator, done } = page);
  }
  console.log("listed", found.length, "messages on", pages, "pages");

  const attempts = await until(() => svix.messageAttempt.listByMsg("cust-1", "m1", {}), (l) => l.data.length === 1);
  console.log("attempts:", attempts.data[0].statusText ?? (attempts.data[0].status === 0 ? "success" : "?"));
  await svix.messageAttempt.resend("cust-1", "m1", "e", {});
  await next();
  const resent = await until(() => svix.messageAttempt.listByEndpoint("cust-1", "e", { limit: 50 }),
    (l) => l.data.some((a) => a.triggerType === 1));
  console.log("resent:", resent.data.some((a) => a.triggerType === 1 && a.msgId === message.id) ? "manual" : "not");

  const task = await svix.endpoint.recover("cust-1", "e", { since: new Date(Date.now() - 3600_000) });
  const ended = await until(() => svix.backgroundTask.get(task.id), (t) => t.status === "finished");
  console.log("recovered:", ended.status);

  const patched = await svix.endpoint.patch("cust-1", "e", { disabled: true, channels: null });
  console.log("patched:", patched.disabled && !patched.channels ? "disabled" : patched);
  await svix.endpoint.delete("cust-1", "e");
  await svix.application.delete("cust-1");
  await refused(svix.application.get("cust-1"));
  console.log("deleted");
}

main().then(
  () => process.exit(0),
  (e) => {
    console.error(e);
    process.exit(1);
  },
);
