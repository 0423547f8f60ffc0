// `router-ask.ts INTERFACE COUNT` looks COUNT times for an IPv6 router, as a machine that boots does, and prints how often a router
// says that there is none.

import { execFileSync } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import { sleep } from '../../src/ground/clock.ts';
import { loadLibc } from '../../src/net/linux/libc.ts';
import { ACCEPT, DROP, type FilterInstruction, JUMP_IF_EQUAL, LOAD_BYTE } from '../../src/net/linux/packet-filter.ts';
import { ETHERTYPE_IPV6, PacketSocket } from '../../src/net/linux/packet-socket.ts';
import { ALL_NODES_MAC, decodeRouterDiscovery } from '../../src/net/watch/router-discovery.ts';

const FLOOD_PROGRAM = new URL('./wire-flood.ts', import.meta.url).pathname;
/** Longer than the rack asks between two of one sender. */
const WAIT_MS = 1200;
/** Solicitations would fill the socket before an answer comes: of ICMPv6 (byte 6) it hears advertisements (byte 40) alone. */
const ADVERTISEMENTS: readonly FilterInstruction[] = [
  [LOAD_BYTE, 0, 0, 6],
  [JUMP_IF_EQUAL, 0, 2, 58],
  [LOAD_BYTE, 0, 0, 40],
  [JUMP_IF_EQUAL, 1, 0, 134],
  DROP,
  ACCEPT,
];
const [name = '', count = ''] = process.argv.slice(2);
const libc = loadLibc();
const index = libc.if_nametoindex(name);
if (networkInterfaces()[name] === undefined) throw new Error(`no interface ${name}`);
const socket = new PacketSocket(libc, ETHERTYPE_IPV6, ADVERTISEMENTS);
socket.restrictInterfaces([index]);
socket.join(index, ALL_NODES_MAC);

function isAnswered(): boolean {
  let found = false;
  for (let frame = socket.receive(); frame !== undefined; frame = socket.receive()) {
    const heard = decodeRouterDiscovery(frame.bytes);
    found ||= heard.ok && heard.value.kind === 'advertisement';
  }
  return found;
}

let answered = 0;
for (let asked = 0; asked < Number(count); asked += 1) {
  execFileSync(process.execPath, [FLOOD_PROGRAM, name, 'solicit', '0']);
  await sleep(WAIT_MS);
  if (isAnswered()) answered += 1;
}
console.log(answered);
socket.close();
