// A receiver on npm `@octokit/webhooks` and its own middleware: WEBHOOK_SECRET=… node octokit.mjs PORT
import { createServer } from "node:http";
import { Webhooks, createNodeMiddleware } from "@octokit/webhooks";

const webhooks = new Webhooks({ secret: process.env.WEBHOOK_SECRET });
let processed = 0;
webhooks.onAny(() => {
  processed += 1;
});
const middleware = createNodeMiddleware(webhooks, { path: "/webhooks/inbound" });
createServer(async (request, response) => {
  if (request.url === "/processed") return response.end(String(processed));
  if (await middleware(request, response)) return;
  response.writeHead(404).end();
}).listen(Number(process.argv[2]), "127.0.0.1");
