import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { mac } from '../../src/ground/address.ts';
import {
  decodeNetlink,
  encodeDumpRequest,
  type NetlinkMessage,
  RTM_GETADDR,
  RTM_GETLINK,
} from '../../src/net/netlink.ts';
import { ip } from '../support/lab-facts.ts';

/** The datagrams of the capture by name. */
function readCapture(): ReadonlyMap<string, Uint8Array> {
  const path = new URL('../../fixtures/packets/netlink-interfaces.hex', import.meta.url);
  const blocks = new Map<string, string>();
  let name = '';
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const heading = /^\[(.+?)\]/.exec(line)?.[1];
    if (heading !== undefined) name = heading;
    else if (!line.startsWith('#')) blocks.set(name, (blocks.get(name) ?? '') + line);
  }
  return new Map([...blocks].map(([key, hex]) => [key, new Uint8Array(Buffer.from(hex, 'hex'))]));
}

const CAPTURE = readCapture();
const captured = (name: string): Uint8Array => CAPTURE.get(name) ?? assert.fail(name);

const RBA0 = { kind: 'interface', index: 3, name: 'rba0', mac: mac(0x52540000000a) } as const;

const CAPTURED: readonly (readonly [string, readonly NetlinkMessage[]])[] = [
  ['interface-up', [{ ...RBA0, up: true, carrier: false }]],
  ['carrier', [{ kind: 'interface', index: 2, name: 'rba1', mac: mac(0x52540000000b), up: true, carrier: true }]],
  ['address', [{ kind: 'address', index: 3, address: ip('10.20.0.1'), prefix: 24 }]],
  ['leaves-bridge', []],
  ['address-gone', [{ kind: 'address-gone', index: 3, address: ip('10.20.0.1'), prefix: 24 }]],
  ['interface-gone', [{ kind: 'interface-gone', index: 3 }]],
  [
    'dump-of-addresses',
    [
      { kind: 'address', index: 1, address: ip('127.0.0.1'), prefix: 8 },
      { kind: 'address', index: 3, address: ip('10.20.0.1'), prefix: 24 },
    ],
  ],
  ['done', [{ kind: 'done', sequence: 7, interrupted: false }]],
];

/** One message: its type and the bytes after the header. */
function message(type: number, rest: readonly number[], flags = 0, sequence = 0): Uint8Array {
  const bytes = new Uint8Array(16 + rest.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, sequence, true);
  bytes.set(rest, 16);
  return bytes;
}

const LINK_FIXED = [0, 0, 1, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
const ROUTE = [2, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0] as const;
const ADDRESS_FIXED = [2, 24, 0, 0, 5, 0, 0, 0];
/** A neighbour of interface 5 in a state, at 10.20.0.50, with 52:54:00:12:34:56. */
const neighbour = (state: number, family = 2): readonly number[] => [
  family,
  0,
  0,
  0,
  5,
  0,
  0,
  0,
  state,
  0,
  0,
  1,
  8,
  0,
  1,
  0,
  10,
  20,
  0,
  50,
  10,
  0,
  2,
  0,
  0x52,
  0x54,
  0,
  0x12,
  0x34,
  0x56,
  0,
  0,
];
const NEIGHBOUR = { kind: 'neighbour', index: 5, address: ip('10.20.0.50'), mac: mac(0x525400123456) } as const;

describe('netlink decoding', () => {
  for (const [name, expected] of CAPTURED) {
    it(`reads the captured datagram "${name}"`, () => {
      assert.deepEqual(decodeNetlink(captured(name)), { ok: true, value: expected });
    });

    it(`finds a fault in "${name}" wherever it is truncated`, () => {
      const bytes = captured(name);
      for (let length = 1; length < bytes.length; length += 1) {
        const result = decodeNetlink(bytes.slice(0, length));
        // A datagram truncated between two of its messages is whole.
        if (result.ok) assert.ok(result.value.length < expected.length, `cut at ${length}`);
        else assert.ok(result.fault.offset <= length);
      }
    });
  }

  it('reads several messages of one datagram', () => {
    const both = Buffer.concat([captured('interface-up'), captured('address')]);
    const result = decodeNetlink(both);
    assert.deepEqual(result.ok && result.value.map((each) => each.kind), ['interface', 'address']);
  });

  it('rejects trailing bytes', () => {
    const result = decodeNetlink(Buffer.concat([captured('done'), Uint8Array.of(1, 2, 3)]));
    assert.deepEqual(result, { ok: false, fault: { code: 'truncated', offset: 20, field: 'header' } });
  });

  it('reads nothing from no bytes', () => {
    assert.deepEqual(decodeNetlink(new Uint8Array(0)), { ok: true, value: [] });
  });

  const broken: readonly (readonly [string, Uint8Array, string, string])[] = [
    ['a message shorter than its header', Uint8Array.of(15, ...new Array<number>(15).fill(0)), 'bad-length', 'length'],
    ['a message of length 0, which would never end', new Uint8Array(16), 'bad-length', 'length'],
    [
      'an attribute of length 0, which would never end',
      message(16, [...LINK_FIXED, 0, 0, 3, 0]),
      'bad-length',
      'attribute',
    ],
    ['an attribute longer than its message', message(16, [...LINK_FIXED, 9, 0, 3, 0, 65]), 'truncated', 'attribute'],
    ['half an attribute header', message(16, [...LINK_FIXED, 9, 0]), 'truncated', 'attribute'],
    ['an interface without its fixed part', message(16, LINK_FIXED.slice(1)), 'truncated', 'interface'],
    ['an address without its fixed part', message(20, ADDRESS_FIXED.slice(1)), 'truncated', 'address'],
    ['an address of three bytes', message(20, [...ADDRESS_FIXED, 7, 0, 2, 0, 10, 0, 0]), 'bad-value', 'address'],
    ['a prefix of 33 bits', message(20, [2, 33, 0, 0, 5, 0, 0, 0, 8, 0, 2, 0, 10, 0, 0, 1]), 'bad-value', 'address'],
    ['a neighbour without its fixed part', message(28, neighbour(2).slice(0, 11)), 'truncated', 'neighbour'],
    [
      'a neighbour of three bytes',
      message(28, [...neighbour(2).slice(0, 12), 7, 0, 1, 0, 10, 20, 0, 0, ...neighbour(2).slice(20)]),
      'bad-value',
      'neighbour',
    ],
    ['a route without its fixed part', message(24, ROUTE.slice(1)), 'truncated', 'route'],
    ['a refusal without its number', message(2, [1, 0]), 'truncated', 'error'],
  ];
  for (const [name, bytes, code, field] of broken) {
    it(`takes ${name} as a fault`, () => {
      const result = decodeNetlink(bytes);
      assert.ok(!result.ok);
      assert.equal(result.fault.code, code);
      assert.equal(result.fault.field, field);
    });
  }

  const special: readonly (readonly [string, Uint8Array, readonly NetlinkMessage[]])[] = [
    [
      'a list that changed while it was read',
      message(3, [0, 0, 0, 0], 0x12, 9),
      [{ kind: 'done', sequence: 9, interrupted: true }],
    ],
    ['a refusal', message(2, [0xf0, 0xff, 0xff, 0xff], 0, 9), [{ kind: 'refused', sequence: 9, errno: 16 }]],
    ['a link without a name', message(16, LINK_FIXED), []],
    ['a neighbour that was heard (NUD_REACHABLE)', message(28, neighbour(2)), [{ ...NEIGHBOUR, isHeard: true }]],
    ['a neighbour that is remembered (NUD_STALE)', message(28, neighbour(4)), [{ ...NEIGHBOUR, isHeard: false }]],
    ['a neighbour that does not answer (NUD_FAILED)', message(28, neighbour(0x20)), []],
    ['a neighbour written by hand (NUD_PERMANENT)', message(28, neighbour(0x80)), []],
    ['a neighbour without a hardware address', message(28, neighbour(2).slice(0, 20)), []],
    ['an IPv6 neighbour', message(28, neighbour(2, 10)), []],
    ['a neighbour that the kernel forgets (RTM_DELNEIGH)', message(29, neighbour(2)), []],
    [
      'a link without a hardware address',
      message(16, [...LINK_FIXED, 8, 0, 3, 0, 0x74, 0x31, 0, 0]),
      [{ kind: 'interface', index: 5, name: 't1', mac: undefined, up: true, carrier: false }],
    ],
    ['an IPv6 address', message(20, [10, ...ADDRESS_FIXED.slice(1)]), []],
    ['a default route', message(24, ROUTE), [{ kind: 'default-route' }]],
    ['the end of one', message(25, ROUTE), [{ kind: 'default-route' }]],
    ['a route to a network', message(24, [2, 24, ...ROUTE.slice(2)]), []],
    ['an IPv6 default route', message(24, [10, ...ROUTE.slice(1)]), []],
    ['a message of another type', message(99, [1, 2, 3, 4]), []],
    [
      'a point-to-point address by its own end',
      message(20, [...ADDRESS_FIXED, 8, 0, 1, 0, 10, 0, 0, 2, 8, 0, 2, 0, 10, 0, 0, 1]),
      [{ kind: 'address', index: 5, address: ip('10.0.0.1'), prefix: 24 }],
    ],
  ];
  for (const [name, bytes, expected] of special) {
    it(`reads ${name}`, () => {
      assert.deepEqual(decodeNetlink(bytes), { ok: true, value: expected });
    });
  }

  it('never throws or reads out of bounds, whatever the bytes', () => {
    const seedOf = fc.constantFrom(...CAPTURE.values());
    const changes = fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { maxLength: 8 });
    fc.assert(
      fc.property(seedOf, changes, (bytes, edits) => {
        const copy = bytes.slice();
        for (const [at, value] of edits) copy[at % copy.length] = value;
        const result = decodeNetlink(copy);
        assert.ok(result.ok || result.fault.offset <= copy.length);
      }),
      { numRuns: 2000 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => decodeNetlink(bytes) !== undefined));
  });
});

describe('a netlink request', () => {
  it('asks for all links, of any family', () => {
    assert.equal(
      Buffer.from(encodeDumpRequest(RTM_GETLINK, 7)).toString('hex'),
      `20000000120001030700000000000000${'00'.repeat(16)}`,
    );
  });

  it('asks for all IPv4 addresses', () => {
    assert.equal(
      Buffer.from(encodeDumpRequest(RTM_GETADDR, 0x01020304)).toString('hex'),
      '180000001600010304030201000000000200000000000000',
    );
  });
});
