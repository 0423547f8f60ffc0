// A process that serves the files of a directory, and one large disk image from memory: one block over and over, behind a partition table.
// Arguments: the directory, and the image's size in bytes. Prints its port and the image's SHA-256.

import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

const IMAGE = '/large.img';
const BLOCK = randomBytes(1024 * 1024);
/** Boot code for BIOS, and a partition table with one partition. */
const FIRST = Buffer.from(BLOCK);
FIRST.set([0x80, 0, 2, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 0, 16, 0], 446);
FIRST.fill(0, 462, 510);
FIRST.set([0x55, 0xaa], 510);
const [, , directory = '', size = ''] = process.argv;
const bytes = Number(size);

/** The image's bytes from a place on. */
function* blocks(from: number): Generator<Buffer> {
  for (let at = from; at < bytes; ) {
    const block = at < FIRST.length ? FIRST : BLOCK;
    const start = at % block.length;
    const end = Math.min(block.length, start + bytes - at);
    yield block.subarray(start, end);
    at += end - start;
  }
}

function send(response: ServerResponse, from: number): void {
  const rest = blocks(from);
  const more = (): void => {
    // Without `for … of`, which would end the generator when it is left.
    for (let next = rest.next(); next.done !== true; next = rest.next()) {
      if (response.write(next.value)) continue;
      response.once('drain', more);
      return;
    }
    response.end();
  };
  more();
}

const hash = createHash('sha256');
for (const block of blocks(0)) hash.update(block);
const hex = hash.digest('hex');

const server = createServer(({ url = '', headers }, response) => {
  const file = join(directory, url);
  if (url === IMAGE) {
    const from = Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0);
    const range = { 'Content-Range': `bytes ${from}-${bytes - 1}/${bytes}` };
    response.writeHead(from > 0 ? 206 : 200, {
      ETag: '"bench"',
      'Content-Length': bytes - from,
      ...(from > 0 ? range : {}),
    });
    send(response, from);
  } else if (existsSync(file) && statSync(file).isFile()) response.end(readFileSync(file));
  else response.writeHead(404).end();
});
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify([(server.address() as AddressInfo).port, hex])));
