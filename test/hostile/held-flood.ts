// A host that holds a thousand transfers and floods them with acknowledgements of nothing new. A transfer that the rack ends is begun again, on
// the same port. The flood leaves as frames, many in one call: to send from the socket of each transfer would take this program's time.
// Sources: sendmmsg(2), packet(7).

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type MacAddress, macToBytes, parseMac } from '../../src/ground/address.ts';
import { sleep, systemClock } from '../../src/ground/clock.ts';
import { type Libc, loadLibc } from '../../src/net/linux/libc.ts';
import { PacketSocket } from '../../src/net/linux/packet-socket.ts';
import { AF_PACKET } from '../../src/net/linux/wire-structs.ts';
import { FRAME_HEADER_BYTES, writeFrame } from '../../src/net/raw-frame.ts';
import { ip } from '../support/lab-facts.ts';

const ETHERTYPE_IPV4 = 0x0800;
const ERROR = 5;
const ACK_0 = Uint8Array.of(0, 4, 0, 0);
const FRAME_BYTES = FRAME_HEADER_BYTES + ACK_0.length;
/** sockaddr_ll, iovec and mmsghdr. */
const ADDRESS_BYTES = 20;
const PART_BYTES = 16;
const MESSAGE_BYTES = 64;
/** Small blocks, of which the client acknowledges none: the rack repeats the first. */
const REQUEST = Buffer.from('\0\x01lpxelinux.0\0octet\0timeout\x0020\0blksize\x008\0', 'latin1');
/** As many requests at a time, so that none is lost. */
const BEGUN_AT_ONCE = 16;
const BEGIN_MS = 15;
/** A transfer that was ended begins again after this time, */
const AGAIN_MS = 1000;
/** and one that the rack no longer repeats, because it ended silently, after this. */
const SILENT_MS = 30_000;
/** Frames of one call, after which this program looks at what it received. */
const BATCH = 512;

interface HeldFlood {
  readonly rack: string;
  readonly address: string;
  readonly device: string;
  /** Transfers to hold. */
  readonly count: number;
  readonly perSecond: number;
  readonly isOver: () => boolean;
  readonly tell: () => void;
}

export async function floodHeld(flood: HeldFlood): Promise<void> {
  const { rack, device, count, perSecond, isOver, tell } = flood;
  const libc = loadLibc();
  const frames = new Frames(libc, count);
  for (let index = 0; index < count && !isOver(); index += 1) {
    await hold(flood, frames, index);
    if (index % BEGUN_AT_ONCE === BEGUN_AT_ONCE - 1) await sleep(BEGIN_MS);
  }
  await sleep(AGAIN_MS);
  const out = new PacketSocket(libc, ETHERTYPE_IPV4, [[6, 0, 0, 0]]);
  frames.address(libc.if_nametoindex(device), neighbour(rack));
  const startedAt = systemClock.now();
  for (let sent = 0; !isOver(); ) {
    const due = ((systemClock.now() - startedAt) * perSecond) / 1000;
    if (sent < due) sent += frames.send(out.fd, sent);
    if (sent > 2 * count) tell();
    await sleep(sent < due ? 0 : 1);
  }
  out.close();
}

/** Begins a transfer and acknowledges its options; an error begins it again. */
async function hold({ rack, address, isOver }: HeldFlood, frames: Frames, index: number): Promise<void> {
  const socket = createSocket('udp4');
  socket.on('error', () => undefined);
  socket.bind({ address, port: 0 });
  await once(socket, 'listening');
  let heardAt = systemClock.now();
  const begin = (): void => void (isOver() || socket.send(REQUEST, 69, rack));
  const look = (): void => {
    if (systemClock.now() - heardAt > SILENT_MS) begin();
    if (!isOver()) systemClock.schedule(SILENT_MS / 2, look);
  };
  let server = 0;
  socket.on('message', (bytes, from) => {
    heardAt = systemClock.now();
    if (bytes[1] === ERROR) {
      systemClock.schedule(AGAIN_MS, begin);
      return;
    }
    if (from.port === server) return;
    server = from.port;
    frames.set(index, address, socket.address().port, rack, server);
    socket.send(ACK_0, server, rack);
  });
  begin();
  look();
}

/** A frame of each transfer, and the memory from which the kernel takes them. */
class Frames {
  readonly #libc: Libc;
  readonly #count: number;
  readonly #frames: Uint8Array;
  readonly #address = Buffer.alloc(ADDRESS_BYTES);
  readonly #parts: Buffer;
  readonly #messages: Buffer;

  constructor(libc: Libc, count: number) {
    this.#libc = libc;
    this.#count = count;
    this.#frames = new Uint8Array(count * FRAME_BYTES);
    this.#parts = Buffer.alloc(count * PART_BYTES);
    this.#messages = Buffer.alloc(count * MESSAGE_BYTES);
    const [frames, parts] = [libc.addressOf(this.#frames), libc.addressOf(this.#parts)];
    for (let index = 0; index < count; index += 1) {
      this.#parts.writeBigUInt64LE(frames + BigInt(index * FRAME_BYTES), index * PART_BYTES);
      this.#parts.writeBigUInt64LE(BigInt(FRAME_BYTES), index * PART_BYTES + 8);
      const at = index * MESSAGE_BYTES;
      this.#messages.writeBigUInt64LE(libc.addressOf(this.#address), at);
      this.#messages.writeUInt32LE(ADDRESS_BYTES, at + 8);
      this.#messages.writeBigUInt64LE(parts + BigInt(index * PART_BYTES), at + 16);
      this.#messages.writeBigUInt64LE(1n, at + 24);
    }
  }

  /** Where all frames go. */
  address(deviceIndex: number, to: MacAddress): void {
    this.#address.writeUInt16LE(AF_PACKET, 0);
    this.#address.writeUInt16BE(ETHERTYPE_IPV4, 2);
    this.#address.writeInt32LE(deviceIndex, 4);
    this.#address.writeUInt8(6, 11);
    this.#address.set(macToBytes(to), 12);
  }

  /** The acknowledgement of one transfer; until the rack has answered the frame is empty, and the rack drops it. */
  set(index: number, source: string, sourcePort: number, destination: string, destinationPort: number): void {
    const header = { source: ip(source), sourcePort, destination: ip(destination), destinationPort, identification: 0 };
    writeFrame(this.#frames.subarray(index * FRAME_BYTES, (index + 1) * FRAME_BYTES), header, ACK_0);
  }

  /** Sends some of them, beginning with number `from`. @returns how many left */
  send(fd: number, from: number): number {
    const first = from % this.#count;
    const count = Math.min(BATCH, this.#count - first);
    const messages = this.#messages.subarray(first * MESSAGE_BYTES);
    return Math.max(0, this.#libc.sendmmsg(fd, messages, count, 0));
  }
}

/** The hardware address of a host of the wire that has just answered. */
function neighbour(address: string): MacAddress {
  const line = readFileSync('/proc/net/arp', 'utf8')
    .split('\n')
    .find((one) => one.startsWith(`${address} `));
  const found = parseMac(line?.split(/\s+/)[3] ?? '');
  if (found === undefined) throw new Error(`${address} is not in the ARP table`);
  return found;
}
