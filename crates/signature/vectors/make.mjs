// The vectors of providers whose library is for Node; see make.py.
import { createHmac } from "node:crypto";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";
const require = createRequire(join(process.cwd(), "x.js"));
const NOW = 1795438932;
const BODIES = ['{"type":"paid","id":"evt_1","amount":1.0}', '{"type":"paid","name":"Ünï কাপ <x/y>","emoji":"😀"}', '{"a": [1, 2,  3]}\n'];
const version = (name) => JSON.parse(readFileSync(join(process.cwd(), "node_modules", name, "package.json"))).version;
function out(sender, library, secret, headers, body, valid, signed = false, extra = {}) {
  console.log(JSON.stringify({ sender, library: `${library} ${version(library)}`, signed_by_library: signed, secret, method: "POST", url: "", headers, body, now_ms: NOW * 1000, valid, note: "", ...extra }));
}
const says = (check) => { try { return check() !== false; } catch { return false; } };

const { sign, verify } = await import(join(process.cwd(), "node_modules/@octokit/webhooks-methods/dist-node/index.js")).catch(() => require("@octokit/webhooks-methods"));
for (const body of BODIES) {
  const secret = "It's a Secret to Everybody";
  const tag = await sign(secret, body);
  out("github", "@octokit/webhooks-methods", secret, { "X-Hub-Signature-256": tag, "X-GitHub-Event": "push" }, body, await verify(secret, body, tag), true);
  out("github", "@octokit/webhooks-methods", secret, { "X-Hub-Signature-256": tag, "X-GitHub-Event": "push" }, body + " ", await verify(secret, body + " ", tag));
}

const Stripe = require("stripe");
const stripe = new Stripe("sk_test_1");
for (const body of BODIES) {
  const secret = "whsec_5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH";
  const header = stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp: NOW });
  for (const [head, note] of [[header, ""], [header.replace(",", ", "), "a blank after the comma"]]) {
    out("stripe", "stripe", secret, { "Stripe-Signature": head }, body, says(() => stripe.webhooks.constructEvent(body, head, secret, 300, undefined, NOW * 1000)), true, { note });
  }
}

const { LinearWebhookClient } = require("@linear/sdk/webhooks");
for (const [at, note] of [[NOW * 1000, ""], [NOW * 1000 - 61000, "61 s old"]]) {
  const secret = "lin_wh_0123456789abcdef";
  const body = `{"action":"create","type":"Issue","webhookTimestamp":${at}}`;
  const tag = createHmac("sha256", secret).update(body).digest("hex");
  const now = Date.now; Date.now = () => NOW * 1000;
  const valid = says(() => new LinearWebhookClient(secret).verify(Buffer.from(body), tag, at));
  Date.now = now;
  out("linear", "@linear/sdk", secret, { "Linear-Signature": tag, "Linear-Event": "Issue", "Linear-Delivery": "d1" }, body, valid, false, { note });
}

require("@shopify/shopify-api/adapters/node");
const { shopifyApi } = require("@shopify/shopify-api");
const secret = "shpss_0123456789abcdef0123456789abcdef";
const shopify = shopifyApi({ apiKey: "k", apiSecretKey: secret, hostName: "x.example.com", apiVersion: "2025-01", isEmbeddedApp: false, logger: { log: () => {} } });
for (const body of BODIES) {
  const tag = createHmac("sha256", secret).update(body).digest("base64");
  const headers = { "X-Shopify-Hmac-Sha256": tag, "X-Shopify-Topic": "orders/create", "X-Shopify-Webhook-Id": "w1", "X-Shopify-Shop-Domain": "x.myshopify.com", "X-Shopify-API-Version": "2025-01" };
  for (const text of [body, body + " "]) {
    const answer = await shopify.webhooks.validate({ rawBody: text, rawRequest: { method: "POST", url: "/", headers } });
    out("shopify", "@shopify/shopify-api", secret, headers, text, answer.valid);
  }
}

// Zoom's library writes the JSON anew before it hashes it, so that only bodies as JSON.stringify writes them say something.
const { HttpReceiver, LogLevel } = require("@zoom/rivet/meetings");
const { EventEmitter } = await import("node:events");
const token = "zoom_0123456789abcdef";
const receiver = new HttpReceiver({ webhooksSecretToken: token, port: 0, logger: { debug() {}, info() {}, warn() {}, error() {}, setLevel() {}, getLevel: () => LogLevel.ERROR } });
receiver.init({ eventEmitter: new EventEmitter() });
const server = await receiver.start();
for (const name of ["meeting.started", "Ünï <x/y> 😀"]) {
  const body = JSON.stringify({ event: name, event_ts: NOW * 1000, payload: { account_id: "a", object: { n: 1.5 } } });
  const mac = (text) => "v0=" + createHmac("sha256", token).update(text).digest("hex");
  const right = mac(`v0:${NOW}:${body}`);
  for (const [tag, text, note] of [[right, body, ""], [right, body.replace("1.5", "2.5"), "another body"], [right.slice(3), body, "without its version"], [mac(`${NOW}:${body}`), body, "the version is not signed"]]) {
    const headers = { "x-zm-signature": tag, "x-zm-request-timestamp": String(NOW) };
    const answer = await fetch(`http://127.0.0.1:${server.address().port}/zoom/events`, { method: "POST", headers: { ...headers, "content-type": "application/json" }, body: text });
    out("zoom", "@zoom/rivet", token, headers, text, answer.status === 200, false, { note });
  }
}
await receiver.stop();
