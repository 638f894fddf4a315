// A receiver on npm `svix`, as its documentation has it: WEBHOOK_SECRET=whsec_… node svix_node.mjs PORT
import { createServer } from "node:http";
import { Webhook } from "svix";

const webhook = new Webhook(process.env.WEBHOOK_SECRET);
createServer((request, response) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => {
    try {
      webhook.verify(Buffer.concat(pieces).toString(), request.headers);
    } catch {
      return response.writeHead(400).end("{}");
    }
    response.writeHead(204).end();
  });
}).listen(Number(process.argv[2]), "127.0.0.1");
