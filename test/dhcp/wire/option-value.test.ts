// A written option value becomes the bytes of its type, or one problem with its place.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  compressNames,
  encodeOptionValue,
  hasDefaultRoute,
  OPTION_TYPE_NAMES,
  OPTION_VALUE_BYTES_MAX,
  type OptionType,
} from '../../../src/dhcp/wire/option-value.ts';

const text = (value: string): number[] => [...Buffer.from(value, 'latin1')];

const GOOD: readonly (readonly [OptionType, unknown, readonly number[]])[] = [
  ['ip', '10.20.0.1', [10, 20, 0, 1]],
  ['ip', ' 255.255.255.255 ', [255, 255, 255, 255]],
  ['ip-list', ['10.20.0.1', '192.0.2.7'], [10, 20, 0, 1, 192, 0, 2, 7]],
  ['ip-list', '10.20.0.1', [10, 20, 0, 1]],
  ['ip-pairs', [['10.9.0.0', '10.20.0.254']], [10, 9, 0, 0, 10, 20, 0, 254]],
  ['u8', 255, [255]],
  ['u16', 1500, [5, 220]],
  ['u16-list', [0, 65535], [0, 0, 255, 255]],
  ['u32', 4294967295, [255, 255, 255, 255]],
  ['i32', -3600, [255, 255, 241, 240]],
  ['bool', true, [1]],
  ['bool', false, [0]],
  ['text', 'pxelinux.0', text('pxelinux.0')],
  ['hex', '01:0a:ff', [1, 10, 255]],
  ['hex', '0x010Aff', [1, 10, 255]],
  ['hex', '01 0a-ff', [1, 10, 255]],
  ['domain', 'boot.example', [4, ...text('boot'), 7, ...text('example'), 0]],
  ['domain-list', ['a.b', 'c.'], [1, 97, 1, 98, 0, 1, 99, 0]],
  ['domain-list', 'a.b', [1, 97, 1, 98, 0]],
  // RFC 3442: a prefix takes as many bytes as it needs.
  ['routes', [['0.0.0.0/0', '10.20.0.1']], [0, 10, 20, 0, 1]],
  ['routes', [['10.0.0.0/8', '10.20.0.1']], [8, 10, 10, 20, 0, 1]],
  ['routes', [['10.17.0.0/16', '10.20.0.1']], [16, 10, 17, 10, 20, 0, 1]],
  ['routes', [['10.27.129.0/24', '10.20.0.1']], [24, 10, 27, 129, 10, 20, 0, 1]],
  ['routes', [['10.229.0.128/25', '10.20.0.1']], [25, 10, 229, 0, 128, 10, 20, 0, 1]],
  ['routes', [['10.198.122.47/32', '0.0.0.0']], [32, 10, 198, 122, 47, 0, 0, 0, 0]],
  [
    'suboptions',
    [
      { code: 6, type: 'u8', value: 8 },
      { code: 241, type: 'ip-list', value: ['10.20.0.5'] },
    ],
    [6, 1, 8, 241, 4, 10, 20, 0, 5],
  ],
  ['suboptions', [{ code: 0, type: 'text', value: 'a' }], [0, 1, 97]],
  [
    'vendor-identifying',
    [{ enterprise: 42623, suboptions: [{ code: 1, type: 'text', value: 'x' }] }],
    [0, 0, 166, 127, 3, 1, 1, 120],
  ],
];

test('a value becomes the bytes of its type', () => {
  for (const [type, value, bytes] of GOOD) {
    const encoded = encodeOptionValue(type, value);
    assert.ok(encoded.ok, `${type} ${JSON.stringify(value)}: ${JSON.stringify(encoded)}`);
    assert.deepEqual([...encoded.bytes], bytes, `${type} ${JSON.stringify(value)}`);
  }
  assert.deepEqual(new Set(GOOD.map(([type]) => type)), new Set(OPTION_TYPE_NAMES));
});

const BAD: readonly (readonly [OptionType, unknown, string, RegExp])[] = [
  ['ip', '10.20.0.256', '', /expected an IPv4 address: 10\.20\.0\.1; found "10\.20\.0\.256"/],
  ['ip', ['10.20.0.1'], '', /found \["10\.20\.0\.1"\]/],
  ['ip', undefined, '', /found nothing/],
  ['ip-list', [], '', /expected IPv4 addresses/],
  ['ip-list', ['10.20.0.1', 'x'], '[1]', /found "x"/],
  ['ip-pairs', [['10.9.0.0']], '[0]', /two IPv4 addresses/],
  ['u8', 256, '', /256 is outside 0 to 255/],
  ['u8', 1.5, '', /expected a number of one byte/],
  ['u8', '5', '', /found "5"/],
  ['u16', -1, '', /outside 0 to 65535/],
  ['u16-list', [1, 65536], '[1]', /outside/],
  ['u32', 4294967296, '', /outside/],
  ['i32', -2147483649, '', /outside/],
  ['bool', 1, '', /expected true or false/],
  ['bool', 'yes', '', /expected true or false/],
  ['text', 'Grüße', '', /printable ASCII.*type hex/],
  ['text', 'a\0', '', /printable ASCII/],
  ['text', '', '', /is empty/],
  ['text', 5, '', /expected printable ASCII/],
  ['text', 'x'.repeat(OPTION_VALUE_BYTES_MAX + 1), '', /has 1025 bytes; at most 1024/],
  ['hex', '123', '', /bytes as hex digits, in quotes/],
  ['hex', 'zz', '', /hex/],
  ['hex', 1024, '', /hex/],
  ['domain', 'a..b', '', /one domain name/],
  ['domain', `${'a.'.repeat(140)}b`, '', /too many for a domain name/],
  ['domain-list', ['ok', '-.'.repeat(2)], '[1]', /domain name/],
  ['routes', [['10.9.0.1/16', '10.20.0.1']], '[0]', /no bit may be set beyond the prefix/],
  ['routes', [['10.9.0.0/16']], '[0]', /a network and a router/],
  ['routes', '10.9.0.0/16', '', /destinations with their routers/],
  ['suboptions', [{ code: 255, type: 'u8', value: 1 }], '[0].code', /0 to 254/],
  ['suboptions', [{ code: 1, type: 'number', value: 1 }], '[0].type', /expected one of ip, /],
  ['suboptions', [{ code: 1, type: 'u8', value: 300 }], '[0].value', /outside/],
  ['suboptions', [{ code: 1, type: 'ip-list', value: ['x'] }], '[0].value[0]', /found "x"/],
  ['suboptions', [{ code: 1, type: 'u8', value: 1, note: 'x' }], '[0]', /nothing else/],
  ['suboptions', [{ code: 1, type: 'text', value: 'x'.repeat(256) }], '[0].value', /at most 255/],
  ['vendor-identifying', [{ enterprise: -1, suboptions: [] }], '[0].enterprise', /outside/],
  ['vendor-identifying', [{ enterprise: 1, suboptions: [] }], '[0].suboptions', /options within the option/],
  ['vendor-identifying', [{ enterprise: 1 }, 5], '[0].suboptions', /found nothing/],
];

test('a value of the wrong type is one problem with its place', () => {
  for (const [type, value, at, message] of BAD) {
    const encoded = encodeOptionValue(type, value);
    const name = `${type} ${JSON.stringify(value)?.slice(0, 60)}`;
    assert.ok(!encoded.ok, name);
    assert.equal(encoded.problem.at, at, name);
    assert.match(encoded.problem.message, message, name);
  }
});

test('no input makes the encoder throw or exceed the limit', () => {
  const type = fc.constantFrom(...OPTION_TYPE_NAMES);
  fc.assert(
    fc.property(type, fc.jsonValue({ maxDepth: 4 }), (one, value) => {
      const encoded = encodeOptionValue(one, value);
      if (encoded.ok) assert.ok(encoded.bytes.length > 0 && encoded.bytes.length <= OPTION_VALUE_BYTES_MAX);
      else assert.ok(encoded.problem.message.length < 300);
    }),
    { numRuns: 3000 },
  );
});

test('encoded numbers and addresses are read back the same', () => {
  fc.assert(
    fc.property(fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }), (value) => {
      const encoded = encodeOptionValue('i32', value);
      assert.equal(encoded.ok && Buffer.from(encoded.bytes).readInt32BE(0), value);
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.ipV4(), { minLength: 1, maxLength: 64 }), (addresses) => {
      const encoded = encodeOptionValue('ip-list', addresses);
      assert.ok(encoded.ok);
      const read = addresses.map((_, index) => encoded.bytes.subarray(index * 4, index * 4 + 4).join('.'));
      assert.deepEqual(read, addresses);
    }),
  );
});

test('RFC 3397 §2: a repeated end of a name is a pointer to the first', () => {
  const compressed = (...names: readonly string[]): readonly number[] => {
    const encoded = encodeOptionValue('domain-list', names);
    return encoded.ok ? [...compressNames(encoded.bytes)] : assert.fail();
  };
  assert.deepEqual(compressed('b.c'), [1, 98, 1, 99, 0]);
  assert.deepEqual(compressed('b.c', 'a.b.c', 'x.C'), [1, 98, 1, 99, 0, 1, 97, 0xc0, 0, 1, 120, 0xc0, 2]);
  assert.deepEqual(compressed('b.c', 'B.C'), [1, 98, 1, 99, 0, 0xc0, 0]);
});

test('a default route is found at any position', () => {
  const routes = (...list: readonly (readonly string[])[]): Uint8Array => {
    const encoded = encodeOptionValue('routes', list);
    return encoded.ok ? encoded.bytes : assert.fail();
  };
  assert.equal(hasDefaultRoute(routes(['10.0.0.0/8', '10.20.0.1'])), false);
  assert.equal(hasDefaultRoute(routes(['10.0.0.0/8', '10.20.0.1'], ['0.0.0.0/0', '10.20.0.1'])), true);
  assert.equal(hasDefaultRoute(routes(['10.198.122.47/32', '0.0.0.0'])), false);
});
