// The page of the lab with a virtual machine, on this host's loopback: what a visitor may look at, passed on from the private network.

import { createServer, request, type Server } from 'node:http';
import { errorText } from '../errors.ts';

/** The pages that a visitor may look at. */
const PAGES = /^\/MAAS\/(?:machines\/[0-9A-Za-z:%]{1,40}\/|images\/|tags\/)?(?:\?[\w=&%+.-]{0,300})?$/;

/** What somebody sees who would sign in, or do something. */
const LOOK_ONLY =
  '<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>To look at</title>' +
  '<p>The page of this lab is to look at: nobody signs in, and there is no user and no password. The terminal of the lab shows the commands ' +
  'with which you act.</p><p><a href="/MAAS/">All machines</a></p></html>\n';

/**
 * Passes the pages to look at, and nothing else, on from this host's loopback into the private network, through the daemon's control
 * socket: whoever asks there is an administrator, so nobody may ask for anything else.
 */
export function startVirtualPage(socketPath: string, port: number): Promise<Server> {
  const server = createServer((asked, reply) => {
    if (asked.url === '/' || asked.url === '/MAAS') {
      reply.writeHead(302, { Location: '/MAAS/' }).end();
      return;
    }
    const path = asked.url ?? '';
    // By any other name a browser on this host was led here by somebody else's page.
    const isLocalName =
      asked.headers.host === `127.0.0.1:${asked.socket.localPort}` ||
      asked.headers.host === `localhost:${asked.socket.localPort}`;
    if (!PAGES.test(path) || asked.method !== 'GET' || !isLocalName) {
      reply.writeHead(404, { 'Content-Type': 'text/html; charset=utf-8' }).end(LOOK_ONLY);
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
