// A file system of one file, in a process of its own: `held-file.ts` starts it with the file that has the content, and the path of a file
// over which it is mounted. Sources: the kernel's fuse.h (protocol 7.31), mount(2).
//
//   input:  `hold` – reads are answered no more; `release` – they are, those that wait included
//   output: `ready`, and `held` for each read that waits

import { closeSync, openSync, read, readFileSync, statSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import koffi from 'koffi';

const [content = '', path = ''] = process.argv.slice(2);
const bytes = readFileSync(content);
const { mode } = statSync(content);

const [GETATTR, OPEN, READ, RELEASE, FLUSH, INIT] = [3, 14, 15, 18, 25, 26];
/** FORGET, INTERRUPT and BATCH_FORGET have no answer. */
const UNANSWERED: ReadonlySet<number> = new Set([2, 36, 42]);
const HEADER_BYTES = { request: 40, answer: 16 } as const;
const REQUEST_BYTES_MAX = 128 * 1024;
const FILE_SYSTEM_SECONDS = 1000n;
const ENOSYS = 38;
const MS_RDONLY = 1;

const fuse = openSync('/dev/fuse', 'r+');
const mount: (source: string, target: string, type: string, flags: number, data: string) => number = koffi
  .load('libc.so.6')
  .func('int mount(const char *, const char *, const char *, unsigned long, const char *)');
const options = `fd=${fuse},rootmode=${mode.toString(8)},user_id=0,group_id=0,allow_other`;
if (mount('rackboot-held', path, 'fuse', MS_RDONLY, options) !== 0) throw new Error(`mount: error ${koffi.errno()}`);

let isHeld = false;
const waiting: (() => void)[] = [];

function answer(id: bigint, body: Uint8Array, error = 0): void {
  const header = Buffer.alloc(HEADER_BYTES.answer);
  header.writeUInt32LE(header.length + body.length, 0);
  header.writeInt32LE(-error, 4);
  header.writeBigUInt64LE(id, 8);
  writeSync(fuse, Buffer.concat([header, body]));
}

function attributes(): Buffer {
  const answer = Buffer.alloc(104);
  answer.writeBigUInt64LE(FILE_SYSTEM_SECONDS, 0);
  answer.writeBigUInt64LE(1n, 16);
  answer.writeBigUInt64LE(BigInt(bytes.length), 24);
  answer.writeUInt32LE(mode, 76);
  answer.writeUInt32LE(1, 80);
  answer.writeUInt32LE(4096, 96);
  return answer;
}

function agreement(): Buffer {
  const answer = Buffer.alloc(64);
  answer.writeUInt32LE(7, 0);
  answer.writeUInt32LE(31, 4);
  answer.writeUInt32LE(REQUEST_BYTES_MAX, 8);
  answer.writeUInt32LE(4096, 20);
  return answer;
}

function take(request: Buffer): void {
  const operation = request.readUInt32LE(4);
  const id = request.readBigUInt64LE(8);
  if (UNANSWERED.has(operation)) return;
  if (operation === INIT) answer(id, agreement());
  else if (operation === GETATTR) answer(id, attributes());
  else if (operation === OPEN) answer(id, Buffer.alloc(16));
  else if (operation === RELEASE || operation === FLUSH) answer(id, Buffer.alloc(0));
  else if (operation === READ) {
    const from = Number(request.readBigUInt64LE(HEADER_BYTES.request + 8));
    const length = request.readUInt32LE(HEADER_BYTES.request + 16);
    const give = (): void => answer(id, bytes.subarray(from, from + length));
    if (!isHeld) give();
    else {
      waiting.push(give);
      console.log('held');
    }
  } else answer(id, Buffer.alloc(0), ENOSYS);
}

function serve(): void {
  const request = Buffer.alloc(REQUEST_BYTES_MAX + 4096);
  read(fuse, request, 0, request.length, null, (error, length) => {
    if (error !== null) {
      // It was unmounted.
      closeSync(fuse);
      process.exit(0);
    }
    take(request.subarray(0, length));
    serve();
  });
}

createInterface({ input: process.stdin }).on('line', (line) => {
  isHeld = line === 'hold';
  if (!isHeld) for (const give of waiting.splice(0)) give();
});
serve();
console.log('ready');
