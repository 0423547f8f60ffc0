// Sends frames as fast as it can, in whichever network namespace it is started:
//
//   wire-flood.ts INTERFACE arp SECONDS       ARP of hosts that do not exist, each with another address and hardware address
//   wire-flood.ts INTERFACE solicit SECONDS   solicitations of IPv6 routers; 0 seconds: one

import { networkInterfaces } from 'node:os';
import { ANY, BROADCAST_MAC, mac, macToBytes, parseMac } from '../../src/ground/address.ts';
import { systemClock } from '../../src/ground/clock.ts';
import { loadLibc } from '../../src/net/linux/libc.ts';
import { ETHERTYPE_ARP, ETHERTYPE_IPV6, PacketSocket } from '../../src/net/linux/packet-socket.ts';
import { computeInternetChecksum, sumWords } from '../../src/net/raw-frame.ts';
import { encodeArpProbe } from '../../src/net/watch/arp.ts';
import { ALL_ROUTERS_MAC, encodeLinkLocal } from '../../src/net/watch/router-discovery.ts';

const BATCH = 64;
const [, , name = '', what = '', seconds = '0'] = process.argv;
const libc = loadLibc();
const index = libc.if_nametoindex(name);
const until = systemClock.now() + Number(seconds) * 1000;
const isArp = what === 'arp';
const socket = new PacketSocket(libc, isArp ? ETHERTYPE_ARP : ETHERTYPE_IPV6, [[6, 0, 0, 0]]);
const invented = encodeArpProbe(mac(0x0200_0000_0000), ANY);
const asking = solicitation();
let sent = 0;
console.log('attacking');
do {
  for (let count = 0; count < BATCH; count += 1, sent += 1) {
    if (!isArp) {
      socket.send(asking, index, ALL_ROUTERS_MAC);
      if (seconds === '0') break;
      continue;
    }
    const view = new DataView(invented.buffer);
    invented.set(macToBytes(mac(0x0200_0000_0000 + sent)), 8);
    view.setUint32(14, 0x0b00_0000 + (sent & 0xff_ffff));
    view.setUint32(24, 0x0b00_0000 + (sent & 0xff_ffff));
    socket.send(invented, index, BROADCAST_MAC);
  }
} while (seconds !== '0' && systemClock.now() < until);
socket.close();

/** From this interface's own link-local address to all routers (RFC 4861 §4.1). */
function solicitation(): Uint8Array {
  const own = parseMac(networkInterfaces()[name]?.[0]?.mac ?? '') ?? mac(0x5254_0000_0001);
  const bytes = new Uint8Array(48);
  bytes.set([0x60, 0, 0, 0, 0, 8, 58, 255]);
  bytes.set(encodeLinkLocal(own), 8);
  bytes.set([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2], 24);
  bytes[40] = 133;
  const sum = computeInternetChecksum(sumWords(bytes, 8, 40) + 8 + 58 + sumWords(bytes, 40, 48));
  new DataView(bytes.buffer).setUint16(42, sum);
  return bytes;
}
