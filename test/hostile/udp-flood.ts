// `udp-flood.ts TARGET PORT PER_SECOND SECONDS HEX ADDRESS…` sends one datagram again and again, in turn from each of the addresses,
// which are this host's. It listens to nothing and ends after the given seconds.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { sleep, systemClock } from '../../src/ground/clock.ts';

const TICK_MS = 5;
const [target = '', port = '', perSecond = '', seconds = '', hex = '', ...addresses] = process.argv.slice(2);
const payload = Buffer.from(hex, 'hex');
const sockets = await Promise.all(
  addresses.map(async (address) => {
    const socket = createSocket('udp4');
    socket.on('error', () => undefined);
    socket.bind({ address, port: 0 });
    await once(socket, 'listening');
    return socket;
  }),
);
const startedAt = systemClock.now();
let sent = 0;
for (let passedMs = 0; passedMs < Number(seconds) * 1000; passedMs = systemClock.now() - startedAt) {
  for (; sent < (passedMs * Number(perSecond)) / 1000; sent += 1) {
    sockets[sent % sockets.length]?.send(payload, Number(port), target);
  }
  await sleep(TICK_MS);
}
for (const socket of sockets) socket.close();
console.log(`sent ${sent}`);
