// Serves the page of the lab with a virtual machine on this host's loopback. The rack in the private network answers: its connections go to the
// socket of its boot listener, which gives them no rights (`region/config.ts`), so its users sign in as they would from another host.

import { createConnection, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { RACK_SOCKET } from '../region/config.ts';

/** Passes connections to a port of this host's loopback on to the region that uses `stateDir`. */
export function startVirtualPage(stateDir: string, port: number): Promise<Server> {
  const server = createServer((browser) => {
    // An end that breaks ends the other one.
    pipeline(browser, createConnection(join(stateDir, RACK_SOCKET)), browser, () => undefined);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
