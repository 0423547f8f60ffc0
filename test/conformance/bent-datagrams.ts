// Any bytes for a DHCP server: real captures and made messages of every type, bent at the level of bytes, of options (lengths,
// repetitions, overload, order), of sub-options (82, 43, 125) and of header fields. The same seed gives the same datagrams.

import { readdirSync, readFileSync } from 'node:fs';
import { ANY, type Ipv4, ipv4, macToBytes } from '../../src/ground/address.ts';
import { MAC_A, MAC_B } from '../dhcp/lab.ts';
import { hw, ip, RACK } from '../support/lab-facts.ts';
import { FIXED_BYTES, type WireOption } from './dhcp-datagram.ts';
import { datagramOf, type Words } from './wire-rack.ts';

const PACKETS = new URL('../../fixtures/packets/', import.meta.url);
const RELAY = ip('10.30.0.1');
/** The longest datagram that is made. */
const BYTES_MAX = 1500;
const OPTIONS_MAX = 60;
const NEXT_MAX = 16;

type Random = (below: number) => number;

/** The bytes of each capture of a client, by the name of its file. */
export function captures(): ReadonlyMap<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  for (const file of readdirSync(PACKETS).filter((name) => /^dhcp-.*\.hex$/.test(name))) {
    const digits = readFileSync(new URL(file, PACKETS), 'utf8')
      .split('\n')
      .filter((line) => !line.startsWith('#'))
      .join('')
      .replaceAll(/\s/g, '');
    found.set(file.slice(5, -4), Uint8Array.from(Buffer.from(digits, 'hex')));
  }
  return found;
}

const AGENT: WireOption = [
  82,
  [1, 4, 101, 116, 104, 49, 2, 6, 0, 1, 2, 3, 4, 5, 5, 4, 10, 30, 0, 0, 11, 4, 10, 30, 0, 1],
];

/** Another line of another relay, whose clients are of a shared network of two networks. */
const OTHER_AGENT: WireOption = [82, [1, 6, 103, 101, 45, 48, 47, 55, 2, 3, 115, 119, 49]];
const SECOND: WireOption = [61, Buffer.from('second')];

const MADE: readonly Words[] = [
  { type: 'discover', options: [SECOND] },
  { type: 'discover', mac: MAC_B, requested: ip('10.22.0.105'), options: [[61, Buffer.from('printer')]] },
  { type: 'request', requested: ip('10.22.0.105'), server: RACK, options: [SECOND] },
  { type: 'request', ciaddr: ip('10.22.0.104'), options: [SECOND] },
  { type: 'discover', giaddr: ip('10.31.0.1'), options: [OTHER_AGENT, SECOND] },
  { type: 'discover', giaddr: ip('10.31.0.1'), requested: ip('10.31.0.101'), options: [OTHER_AGENT] },
  { type: 'request', giaddr: ip('10.31.0.1'), requested: ip('10.31.0.101'), server: RACK, options: [OTHER_AGENT] },
  { type: 'request', giaddr: RELAY, requested: ip('10.31.0.102'), options: [AGENT] },
  { type: 'decline', giaddr: RELAY, requested: ip('10.31.0.101'), server: RACK, options: [AGENT] },
  { type: 'discover' },
  { type: 'discover', requested: ip('10.20.0.105'), options: [[55, [1, 3, 6, 15, 28, 42, 119, 121, 43, 125]]] },
  { type: 'discover', giaddr: RELAY, options: [AGENT] },
  { type: 'discover', options: [[118, [10, 30, 0, 0]]] },
  { type: 'request', requested: ip('10.20.0.105'), server: RACK },
  { type: 'request', requested: ip('10.20.0.105') },
  { type: 'request', ciaddr: ip('10.20.0.105') },
  { type: 'request', mac: MAC_B, requested: ip('10.20.0.30'), server: RACK },
  { type: 'request', giaddr: RELAY, ciaddr: ip('10.30.0.104'), options: [AGENT] },
  { type: 'decline', requested: ip('10.20.0.105'), server: RACK },
  { type: 'release', ciaddr: ip('10.20.0.105'), server: RACK },
  { type: 'inform', ciaddr: ip('10.20.0.7') },
  {
    options: [
      [52, [3]],
      [53, [1]],
    ],
    file: [
      [50, [10, 20, 0, 106]],
      [61, [1, 2, 3]],
    ],
    sname: [[12, [104]]],
  },
  {
    type: 'discover',
    options: [
      [60, Buffer.from('HTTPClient:Arch:00016:UNDI:003001')],
      [93, [0, 16]],
      [57, [5, 192]],
    ],
  },
  { options: [] },
];

const CODES = [
  1, 3, 6, 12, 43, 50, 51, 52, 53, 54, 55, 57, 60, 61, 66, 67, 77, 80, 82, 93, 94, 97, 118, 119, 121, 124, 125, 175,
  210,
];
const ADDRESSES: readonly Ipv4[] = [
  ANY,
  ipv4(0xffff_ffff),
  RACK,
  RELAY,
  ...['10.20.0.0', '10.20.0.30', '10.20.0.50', '10.20.0.100', '10.20.0.105', '10.20.0.254', '10.20.0.255'].map(ip),
  ...['10.22.0.1', '10.22.0.20', '10.22.0.101', '10.22.0.109', '10.31.0.0', '10.31.0.100', '10.31.0.103'].map(ip),
  ...['10.30.0.0', '10.30.0.104', '127.0.0.1', '224.0.0.1', '192.0.2.1'].map(ip),
];

/** A source of datagrams. */
export class BentDatagrams {
  readonly #random: Random;
  readonly #good: readonly Uint8Array[];
  /** The next messages of clients, after the last replies. */
  readonly #next: Uint8Array[] = [];

  /** @param random whole numbers below its argument */
  constructor(random: Random) {
    this.#random = random;
    this.#good = [...captures().values(), ...MADE.map(datagramOf)];
  }

  /** A client was told something, and would continue with `words`. */
  goOn(words: Words): void {
    this.#next.push(datagramOf(words));
    if (this.#next.length > NEXT_MAX) this.#next.shift();
  }

  /** The next datagram: a good one, bent in one to three ways, or left as it is. */
  next(): Uint8Array {
    const random = this.#random;
    const goesOn = this.#next.length > 0 && random(3) === 0;
    let bytes: Uint8Array = Uint8Array.from(this.#pick(goesOn ? this.#next : this.#good));
    if (!goesOn && random(3) === 0 && bytes.length >= 34) bytes.set(macToBytes(this.#pick(CLIENTS)), 28);
    if (!goesOn && random(6) === 0 && bytes.length >= FIXED_BYTES) {
      const options = readLoosely(bytes.subarray(FIXED_BYTES)).filter(([code]) => code !== 61);
      bytes = assemble(bytes, [...options, [61, this.#pick(IDENTIFIERS)]]);
    }
    for (let bends = random(4); bends > 0; bends -= 1) bytes = this.#bend(bytes);
    return bytes.subarray(0, BYTES_MAX);
  }

  #bend(bytes: Uint8Array): Uint8Array {
    const random = this.#random;
    switch (random(8)) {
      case 0:
        for (let count = 1 + random(6); count > 0; count -= 1) bytes[random(bytes.length)] = random(256);
        return bytes;
      case 1:
        return bytes.slice(0, random(bytes.length + 1));
      case 2:
        return Uint8Array.from([...bytes, ...this.#noise(random(300))]);
      case 3:
        return this.#bendHeader(bytes);
      default:
        return this.#bendOptions(bytes);
    }
  }

  #bendHeader(bytes: Uint8Array): Uint8Array {
    const random = this.#random;
    if (bytes.length < FIXED_BYTES) return bytes;
    const address = this.#pick(ADDRESSES);
    const offset = this.#pick([0, 1, 2, 3, 10, 12, 16, 20, 24]);
    if (offset < 12) bytes[offset] = random(4) === 0 ? random(256) : this.#pick([0, 1, 2, 6, 16, 128]);
    else new DataView(bytes.buffer, bytes.byteOffset).setUint32(offset, address);
    return bytes;
  }

  #bendOptions(bytes: Uint8Array): Uint8Array {
    const random = this.#random;
    if (bytes.length < FIXED_BYTES) return bytes;
    const options = readLoosely(bytes.subarray(FIXED_BYTES));
    const index = random(options.length + 1);
    const [code, value] = options[index] ?? [this.#pick(CODES), this.#noise(random(40))];
    switch (random(9)) {
      case 0:
        options.splice(index, 1);
        break;
      case 1:
        options.splice(random(options.length + 1), 0, [code, value]);
        break;
      case 2:
        options[index] = [code, this.#noise(random(8))];
        break;
      case 3:
        options.splice(index, 0, [random(256), this.#noise(random(256))]);
        break;
      case 4:
        options[index] = [this.#pick(CODES), value];
        break;
      case 5:
        options.splice(index, 0, [this.#pick([43, 82, 125, 77, 124]), this.#subOptions()]);
        break;
      case 6:
        options.splice(index, 0, [this.#pick([50, 54, 118]), bytesOf(this.#pick(ADDRESSES))]);
        break;
      case 7:
        return this.#overload(bytes, options);
      default:
        options.splice(index, 0, [57, [random(256), random(256)]], [55, this.#noise(random(256))]);
    }
    return assemble(bytes, options);
  }

  /** Sub-options: some whole, some that say more or less than there is. */
  #subOptions(): readonly number[] {
    const random = this.#random;
    const bytes: number[] = [];
    for (let count = random(5); count > 0; count -= 1) {
      const code = this.#pick([1, 2, 5, 9, 11, 12, 150, 151, 152, random(256)]);
      const value = random(2) === 0 ? bytesOf(this.#pick(ADDRESSES)) : this.#noise(random(30));
      bytes.push(code, random(4) === 0 ? random(256) : value.length, ...value);
    }
    return bytes.slice(0, 255);
  }

  /** Moves options into `file` and `sname`, and says so, rightly or wrongly. */
  #overload(bytes: Uint8Array, options: readonly WireOption[]): Uint8Array {
    const random = this.#random;
    const half = random(options.length + 1);
    const out = assemble(bytes, [[52, [random(5)]], ...options.slice(0, half)]);
    const moved = [...options.slice(half).flatMap(([code, value]) => [code, value.length, ...value]), 255];
    out.fill(0, 44, 236);
    out.set(moved.slice(0, random(2) === 0 ? 128 : 64), this.#pick([44, 108]));
    return out.subarray(0, BYTES_MAX);
  }

  #pick<T>(list: readonly T[]): T {
    const found = list[this.#random(list.length)];
    if (found === undefined) throw new Error('nothing to pick from');
    return found;
  }

  #noise(length: number): readonly number[] {
    return Array.from({ length }, () => this.#random(256));
  }
}

/** Few clients, so that they meet each other's leases. */
const CLIENTS = [
  MAC_A,
  MAC_B,
  ...Array.from({ length: 14 }, (_, index) => hw(`52:54:00:00:01:${(16 + index).toString(16)}`)),
];

/** Few identifiers, so that clients of one name have several hardware addresses. */
const IDENTIFIERS: readonly Uint8Array[] = ['second', 'printer', 'x', '\x01RT\x00\x00\x00\x0a', '\xff\x00'].map(
  (text) => Buffer.from(text, 'latin1'),
);

const bytesOf = (address: Ipv4): readonly number[] => [
  address >>> 24,
  (address >>> 16) & 255,
  (address >>> 8) & 255,
  address & 255,
];

/** The options as far as they can be read. */
function readLoosely(bytes: Uint8Array): WireOption[] {
  const found: WireOption[] = [];
  let offset = 0;
  while (offset + 1 < bytes.length && bytes[offset] !== 255 && found.length < OPTIONS_MAX) {
    const code = bytes[offset] ?? 0;
    const length = bytes[offset + 1] ?? 0;
    if (code === 0) offset += 1;
    else {
      found.push([code, bytes.subarray(offset + 2, offset + 2 + length)]);
      offset += 2 + length;
    }
  }
  return found;
}

/** The head of `bytes` with these options; lengths of over 255 are cut. */
function assemble(bytes: Uint8Array, options: readonly WireOption[]): Uint8Array {
  const sizes = options.reduce((sum, [, value]) => sum + 2 + Math.min(255, value.length), 0);
  const out = new Uint8Array(FIXED_BYTES + sizes + 1);
  out.set(bytes.subarray(0, FIXED_BYTES));
  let offset = FIXED_BYTES;
  for (const [code, value] of options) {
    out[offset] = code;
    out[offset + 1] = value.length;
    const written = value.length > 255 ? value.slice(0, 255) : value;
    out.set(written, offset + 2);
    offset += 2 + written.length;
  }
  out[offset] = 255;
  return out;
}
