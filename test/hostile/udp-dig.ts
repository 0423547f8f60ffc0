// `udp-dig.ts SERVER NAME…` asks for A and TXT of all names at once, as a busy resolver does, repeats unanswered questions, and prints each
// answer as a line: name, type, seconds, data.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { decodeMessage } from '../../src/dns/message.ts';
import { TYPE } from '../../src/dns/record.ts';
import { sleep } from '../../src/ground/clock.ts';
import { line, queryBytes } from '../dns/fixture.ts';

const TRIES = 4;
const WAIT_MS = 1000;
const LOOK_MS = 20;
const [server = '', ...names] = process.argv.slice(2);
const open = new Map<number, Uint8Array>();
for (const name of names) {
  for (const type of [TYPE.A, TYPE.TXT]) {
    const id = open.size + 1;
    open.set(id, queryBytes(name, type, { id }));
  }
}
const socket = createSocket('udp4');
socket.on('message', (bytes) => {
  const message = decodeMessage(bytes);
  if (!message.ok || !open.delete(message.value.id)) return;
  for (const record of message.value.answers) console.log(line(record));
});
socket.bind();
await once(socket, 'listening');
for (let tries = 0; tries < TRIES && open.size > 0; tries += 1) {
  for (const query of open.values()) socket.send(query, 53, server);
  for (let waited = 0; waited < WAIT_MS && open.size > 0; waited += LOOK_MS) await sleep(LOOK_MS);
}
socket.close();
