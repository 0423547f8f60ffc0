// `small-path.ts RACK VICTIM MTU PORT…` tells the rack once, from this host, that the path to the victim takes datagrams of MTU octets only: an
// ICMP message for each port of the rack, which quotes a datagram that was never sent (RFC 792, RFC 1191 §4).

import { type Ipv4, parseIpv4 } from '../../src/ground/address.ts';
import { loadLibc } from '../../src/net/linux/libc.ts';
import { AF_INET, encodeSocketAddress, SOCK_FLAGS, SOCK_RAW } from '../../src/net/linux/wire-structs.ts';
import { computeInternetChecksum, sumWords, writeFrame } from '../../src/net/raw-frame.ts';

const IPPROTO_ICMP = 1;
/** The quoted part of the datagram: its IPv4 header and 8 octets. */
const QUOTED_OCTETS = 28;
/** The victim's port, which the kernel does not check for an unconnected socket. */
const VICTIMS_PORT = 40_000;

/** "Fragmentation needed", of a datagram from a port of the rack to the victim. */
function fragmentationNeeded(rack: Ipv4, port: number, victim: Ipv4, mtu: number): Uint8Array {
  const bytes = new Uint8Array(8 + 1500);
  const quoted = { source: rack, sourcePort: port, destination: victim, destinationPort: VICTIMS_PORT };
  writeFrame(bytes.subarray(8), { ...quoted, identification: 1 }, new Uint8Array(1400));
  const message = bytes.subarray(0, 8 + QUOTED_OCTETS);
  message.set([3, 4, 0, 0, 0, 0, mtu >> 8, mtu & 0xff]);
  const checksum = computeInternetChecksum(sumWords(message, 0, message.length));
  message.set([checksum >> 8, checksum & 0xff], 2);
  return message;
}

/** Reports a small MTU of the path to `victim` for each of these ports of the rack. @throws Error without CAP_NET_RAW */
export function tellSmallPath(rack: string, victim: string, mtu: number, ports: readonly number[]): void {
  const [to, of] = [parseIpv4(rack), parseIpv4(victim)];
  if (to === undefined || of === undefined) throw new Error(`${rack} or ${victim} is not an address`);
  const libc = loadLibc();
  const fd = libc.socket(AF_INET, SOCK_RAW | SOCK_FLAGS, IPPROTO_ICMP);
  if (fd < 0) throw new Error(`socket: error ${libc.errno()}`);
  const place = encodeSocketAddress(to, 0);
  for (const port of ports) {
    const message = fragmentationNeeded(to, port, of, mtu);
    if (libc.sendto(fd, message, message.length, 0, place, place.length) < 0)
      throw new Error(`sendto: error ${libc.errno()}`);
  }
  libc.close(fd);
}

if (import.meta.main) {
  const [rack = '', victim = '', mtu = '', ...ports] = process.argv.slice(2);
  tellSmallPath(rack, victim, Number(mtu), ports.map(Number));
}
