// Reads captures written by tcpdump and Wireshark: packets with their time and link type.
// Sources: the pcap file format (draft-ietf-opsawg-pcap), pcapng (draft-ietf-opsawg-pcapng). No maintained package reads both formats,
// and reading them takes two headers and a loop.
//
// 1. A file is hostile: every length is checked against the available bytes, no allocation depends on a claimed length, and reading ends
//    at the first fault with the packets before it.
// 2. The bytes of a packet are a view of the file.

import { counted } from '../counted.ts';

/** The largest capture file, in bytes. */
export const CAPTURE_BYTES_MAX = 256 * 1024 * 1024;
/** The longest plausible packet, in bytes: tcpdump's maximum. */
const PACKET_BYTES_MAX = 262_144;
/** The most packets read from one file: each costs memory, however short it is. */
export const PACKETS_MAX = 1_000_000;
/** The latest plausible time, in milliseconds since 1970: the end of year 9999. A replay clock set later could not advance. */
const TIME_MS_MAX = 253_402_300_799_999;
/** The most interfaces in one section of a pcapng file. */
const INTERFACES_MAX = 4096;

/** One captured packet. */
export interface CapturedPacket {
  /** Counted from 1, as in Wireshark. */
  readonly number: number;
  /** Wall time in milliseconds since 1970, with fraction; undefined if the file has none, or an implausible one. */
  readonly atMs: number | undefined;
  /** The LINKTYPE number of the bytes. */
  readonly linkType: number;
  /** The interface's name; undefined if the file has none. */
  readonly interfaceName: string | undefined;
  readonly bytes: Uint8Array;
  /** The length on the wire; greater than that of `bytes` if the capture truncated it. */
  readonly originalBytes: number;
}

/** Why reading ended early, and where. */
export interface CaptureFault {
  /** Offset in the file. */
  readonly offset: number;
  readonly text: string;
}

export interface Capture {
  readonly format: 'pcap' | 'pcapng';
  readonly packets: readonly CapturedPacket[];
  readonly fault: CaptureFault | undefined;
}

/** Reads a capture; undefined if it is neither pcap nor pcapng. */
export function readCapture(bytes: Uint8Array): Capture | undefined {
  if (bytes.length < 4) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) === SECTION_HEADER) return new PcapngReader(bytes, view).read();
  for (const littleEndian of [true, false]) {
    const perSecond = PCAP_MAGICS.get(view.getUint32(0, littleEndian));
    if (perSecond !== undefined) return readPcap(bytes, view, littleEndian, perSecond);
  }
  return undefined;
}

const TOO_MANY = `only the first ${PACKETS_MAX} packets of a file are read: extract a part, for example with tcpdump -r FILE -w PART udp port 67`;

/** The magic numbers of pcap files, with their time units per second. */
const PCAP_MAGICS: ReadonlyMap<number, number> = new Map([
  [0xa1b2c3d4, 1e6],
  [0xa1b23c4d, 1e9],
]);
const PCAP_HEADER_BYTES = 24;
const PCAP_RECORD_BYTES = 16;

function readPcap(bytes: Uint8Array, view: DataView, little: boolean, perSecond: number): Capture {
  const packets: CapturedPacket[] = [];
  const end = (fault?: CaptureFault): Capture => ({ format: 'pcap', packets, fault });
  if (bytes.length < PCAP_HEADER_BYTES) return end({ offset: bytes.length, text: 'the file ends within its header' });
  const linkType = view.getUint32(20, little) & 0xffff;
  let at = PCAP_HEADER_BYTES;
  while (at < bytes.length) {
    if (at + PCAP_RECORD_BYTES > bytes.length) return end({ offset: at, text: 'a packet header is truncated' });
    const length = view.getUint32(at + 8, little);
    if (packets.length >= PACKETS_MAX) return end({ offset: at, text: TOO_MANY });
    if (length > PACKET_BYTES_MAX) return end({ offset: at + 8, text: `a packet claims ${counted(length, 'byte')}` });
    const from = at + PCAP_RECORD_BYTES;
    if (from + length > bytes.length) return end({ offset: from, text: 'the last packet is truncated' });
    packets.push({
      number: packets.length + 1,
      atMs: view.getUint32(at, little) * 1000 + (view.getUint32(at + 4, little) / perSecond) * 1000,
      linkType,
      interfaceName: undefined,
      bytes: bytes.subarray(from, from + length),
      originalBytes: view.getUint32(at + 12, little),
    });
    at = from + length;
  }
  return end();
}

const SECTION_HEADER = 0x0a0d0d0a;
const BYTE_ORDER = 0x1a2b3c4d;
const INTERFACE_DESCRIPTION = 1;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
const OPTION = { end: 0, name: 2, resolution: 9, offset: 14 } as const;
/** The shortest block: type and its length twice. */
const BLOCK_BYTES_MIN = 12;

interface Interface {
  readonly linkType: number;
  readonly name: string | undefined;
  readonly ticksPerSecond: number;
  readonly offsetSeconds: number;
}

class PcapngReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #packets: CapturedPacket[] = [];
  #interfaces: Interface[] = [];
  #little = true;

  constructor(bytes: Uint8Array, view: DataView) {
    this.#bytes = bytes;
    this.#view = view;
  }

  read(): Capture {
    let at = 0;
    let fault: CaptureFault | undefined;
    while (fault === undefined && at < this.#bytes.length) {
      const length = this.#blockLength(at);
      if (typeof length === 'number') {
        fault = this.#readBlock(at, length);
        at += length;
      } else fault = length;
    }
    return { format: 'pcapng', packets: this.#packets, fault };
  }

  /** The length of the block at `at`; the block lies within the file. */
  #blockLength(at: number): number | CaptureFault {
    if (at + BLOCK_BYTES_MIN > this.#bytes.length) return { offset: at, text: 'a block header is truncated' };
    if (this.#view.getUint32(at) === SECTION_HEADER) {
      if (this.#view.getUint32(at + 8) === BYTE_ORDER) this.#little = false;
      else if (this.#view.getUint32(at + 8, true) === BYTE_ORDER) this.#little = true;
      else return { offset: at + 8, text: 'a section has no valid byte order' };
    }
    const length = this.#u32(at + 4);
    if (length < BLOCK_BYTES_MIN || length % 4 !== 0)
      return { offset: at + 4, text: `a block of ${counted(length, 'byte')}` };
    if (at + length > this.#bytes.length) return { offset: at, text: 'the last block is truncated' };
    return length;
  }

  #readBlock(at: number, length: number): CaptureFault | undefined {
    const body = at + 8;
    const end = at + length - 4;
    switch (this.#u32(at)) {
      case SECTION_HEADER:
        this.#interfaces = [];
        return undefined;
      case INTERFACE_DESCRIPTION:
        return this.#readInterface(body, end);
      case ENHANCED_PACKET: {
        if (body + 20 > end) return { offset: body, text: 'a packet block is too short' };
        const known = this.#interfaces[this.#u32(body)];
        if (known === undefined)
          return { offset: body, text: `a packet names the unknown interface ${this.#u32(body)}` };
        const ticks = this.#u32(body + 4) * 2 ** 32 + this.#u32(body + 8);
        const atMs = (ticks / known.ticksPerSecond + known.offsetSeconds) * 1000;
        return this.#addPacket(known, atMs, body + 20, this.#u32(body + 12), this.#u32(body + 16), end);
      }
      case SIMPLE_PACKET: {
        const known = this.#interfaces[0];
        if (known === undefined || body + 4 > end) return { offset: body, text: 'a packet precedes its interface' };
        const original = this.#u32(body);
        return this.#addPacket(known, undefined, body + 4, Math.min(original, end - body - 4), original, end);
      }
      default:
        // Statistics, names and comments.
        return undefined;
    }
  }

  #addPacket(
    known: Interface,
    atMs: number | undefined,
    from: number,
    length: number,
    originalBytes: number,
    end: number,
  ): CaptureFault | undefined {
    if (this.#packets.length >= PACKETS_MAX) return { offset: from, text: TOO_MANY };
    if (from + length > end)
      return { offset: from, text: `a packet of ${counted(length, 'byte')} does not fit its block` };
    this.#packets.push({
      number: this.#packets.length + 1,
      atMs: atMs !== undefined && atMs >= 0 && atMs <= TIME_MS_MAX ? atMs : undefined,
      linkType: known.linkType,
      interfaceName: known.name,
      bytes: this.#bytes.subarray(from, from + length),
      originalBytes,
    });
    return undefined;
  }

  #readInterface(body: number, end: number): CaptureFault | undefined {
    if (body + 8 > end) return { offset: body, text: 'an interface block is too short' };
    if (this.#interfaces.length >= INTERFACES_MAX)
      return { offset: body, text: `more than ${INTERFACES_MAX} interfaces` };
    let name: string | undefined;
    let ticksPerSecond = 1e6;
    let offsetSeconds = 0;
    for (let at = body + 8; at + 4 <= end; ) {
      const code = this.#u16(at);
      const length = this.#u16(at + 2);
      const value = at + 4;
      if (code === OPTION.end || value + length > end) break;
      if (code === OPTION.name) name = Buffer.from(this.#bytes.subarray(value, value + length)).toString('utf8');
      if (code === OPTION.resolution && length === 1) ticksPerSecond = resolutionOf(this.#bytes[value] ?? 6);
      if (code === OPTION.offset && length === 8) offsetSeconds = Number(this.#view.getBigInt64(value, this.#little));
      at = value + length + ((4 - (length % 4)) % 4);
    }
    this.#interfaces.push({ linkType: this.#u16(body), name, ticksPerSecond, offsetSeconds });
    return undefined;
  }

  #u16(at: number): number {
    return this.#view.getUint16(at, this.#little);
  }
  #u32(at: number): number {
    return this.#view.getUint32(at, this.#little);
  }
}

/** Ticks per second of an if_tsresol: a power of two if the highest bit is set, otherwise of ten. */
const resolutionOf = (code: number): number => ((code & 0x80) === 0 ? 10 ** code : 2 ** (code & 0x7f));
