// `arp-flood.ts INTERFACE COUNT` sends COUNT ARP packets from as many invented hosts, and malformed frames, as fast as it can.

import { systemClock } from '../../../src/clock.ts';
import { BROADCAST_MAC, ipv4, mac } from '../../../src/net/address.ts';
import { loadLibc } from '../../../src/net/linux/libc.ts';
import { ETHERTYPE_ARP, PacketSocket } from '../../../src/net/linux/packet-socket.ts';
import { encodeArpProbe } from '../../../src/net/watch/arp.ts';

const [, , name = '', count = '0'] = process.argv;
const libc = loadLibc();
const socket = new PacketSocket(libc, ETHERTYPE_ARP, [[6, 0, 0, 0]]);
const index = libc.if_nametoindex(name);
const noise = systemClock.randomBytes(64);
for (let sent = 0; sent < Number(count); sent += 1) {
  const frame = encodeArpProbe(mac(0x020000000000 + sent), ipv4(0x0a400001));
  new DataView(frame.buffer).setUint32(14, 0x0b000000 + sent);
  socket.send(sent % 10 === 0 ? noise : frame, index, BROADCAST_MAC);
}
socket.close();
