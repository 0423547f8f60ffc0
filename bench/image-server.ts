// A process that serves a file of any size from memory: one block over and over. Argument: the size in bytes. Prints its port.

import { randomBytes } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const BLOCK = randomBytes(1024 * 1024);
const bytes = Number(process.argv[2]);

function send(response: ServerResponse): void {
  let left = bytes;
  const more = (): void => {
    while (left > 0) {
      const block = left >= BLOCK.length ? BLOCK : BLOCK.subarray(0, left);
      left -= block.length;
      if (response.write(block) || left === 0) continue;
      response.once('drain', more);
      return;
    }
    response.end();
  };
  more();
}

const server = createServer((_request, response) => {
  response.writeHead(200, { ETag: '"bench"', 'Content-Length': bytes });
  send(response);
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
