// Says one thing on a wire, in whichever network namespace it is started: `wire-speaker.ts INTERFACE router` advertises an IPv6 router to
// all hosts, as a real one does.

import { networkInterfaces } from 'node:os';
import { mac, parseMac } from '../../src/ground/address.ts';
import { loadLibc } from '../../src/net/linux/libc.ts';
import { ETHERTYPE_IPV6, PacketSocket } from '../../src/net/linux/packet-socket.ts';
import { ALL_NODES_MAC, encodeEmptyAdvertisement, encodeLinkLocal } from '../../src/net/watch/router-discovery.ts';

const [, , name = '', what = ''] = process.argv;
const own = parseMac(networkInterfaces()[name]?.[0]?.mac ?? '') ?? mac(0x525400000001);
const libc = loadLibc();
const socket = new PacketSocket(libc, ETHERTYPE_IPV6, [[6, 0, 0, 0xffff]]);
if (what === 'router') {
  const allNodes = new Uint8Array(16);
  allNodes.set([0xff, 2]);
  allNodes[15] = 1;
  const code = socket.send(
    encodeEmptyAdvertisement(encodeLinkLocal(own), allNodes),
    libc.if_nametoindex(name),
    ALL_NODES_MAC,
  );
  if (code !== undefined) throw new Error(code);
}
socket.close();
