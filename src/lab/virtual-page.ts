// Serves the read-only pages of the lab with a virtual machine on this host's loopback. The rack in the private network answers.

import type { Server } from 'node:http';
import { errorText } from '../errors.ts';
import { READ_ONLY_PAGE } from './lab-words.ts';

// `import` would read each export of this module, and so load an HTTP client that is not used: see `http/server.ts`.
const { createServer, request } = process.getBuiltinModule('node:http');

/** The pages that a visitor may see. */
const PAGES = /^\/MAAS\/(?:machines\/[0-9A-Za-z:%]{1,40}\/|images\/|tags\/)?(?:\?[\w=&%+.-]{0,300})?$/;

/**
 * Forwards requests for read-only pages, and no others, from this host's loopback to the daemon in the private network. They use its
 * control socket, whose clients are administrators, so no other request may pass.
 */
export function startVirtualPage(socketPath: string, port: number): Promise<Server> {
  const server = createServer((asked, reply) => {
    if (asked.url === '/' || asked.url === '/MAAS') {
      reply.writeHead(302, { Location: '/MAAS/' }).end();
      return;
    }
    const path = asked.url ?? '';
    // Any other name in Host means that another site's web page sent a browser on this host to this port.
    const isLocalName =
      asked.headers.host === `127.0.0.1:${asked.socket.localPort}` ||
      asked.headers.host === `localhost:${asked.socket.localPort}`;
    if (!PAGES.test(path) || asked.method !== 'GET' || !isLocalName) {
      reply.writeHead(404, { 'Content-Type': 'text/html; charset=utf-8' }).end(`${READ_ONLY_PAGE}\n`);
      return;
    }
    const passed = request({ socketPath, path }, (answer) => {
      reply.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(reply);
    });
    passed.on('error', (error) => {
      reply.statusCode = 502;
      reply.end(`The lab's rack does not answer: ${errorText(error)}\n`);
    });
    passed.end();
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
