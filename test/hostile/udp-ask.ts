// `udp-ask.ts TARGET PORT COUNT EVERY_MS HEX [OWN_PORT]` sends COUNT datagrams, one every EVERY_MS milliseconds, each from a port of its
// own, or from this one, and prints how many were answered within WAIT_MS.

import { createSocket } from 'node:dgram';
import { sleep, systemClock } from '../../src/ground/clock.ts';

const WAIT_MS = 1000;
const [target = '', port = '', count = '', everyMs = '', hex = '', ownPort = '0'] = process.argv.slice(2);

function ask(): Promise<boolean> {
  const socket = createSocket('udp4');
  return new Promise<boolean>((resolve) => {
    const late = systemClock.schedule(WAIT_MS, () => resolve(false));
    socket.on('message', () => {
      late.cancel();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
    socket.bind(Number(ownPort), () => socket.send(Buffer.from(hex, 'hex'), Number(port), target));
  }).finally(() => socket.close());
}

const asked: Promise<boolean>[] = [];
for (let index = 0; index < Number(count); index += 1) {
  asked.push(ask());
  await sleep(Number(everyMs));
}
const answered = (await Promise.all(asked)).filter((yes) => yes).length;
console.log(answered);
