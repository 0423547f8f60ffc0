// Desired states that a rack accepts, and those it refuses.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseDesiredState, parseStateChanges, parseStateText } from '../../src/machines/desired-state.ts';
import {
  EMPTY_DESIRED_STATE,
  MACHINE_ADDRESSES_MAX,
  MACHINE_MACS_MAX,
  MACHINE_TEXT_MAX,
  MACHINES_MAX,
  RESERVED_HOSTS_MAX,
} from '../../src/machines/machine.ts';
import { SETTINGS_DEPTH_MAX } from '../../src/machines/settings.ts';

const MACHINE = {
  systemId: 'abc123',
  hostname: 'node-1',
  domain: 'maas',
  statusName: 'Ready',
  purpose: 'local',
  architecture: 'amd64',
  subarchitecture: 'generic',
  release: 'bookworm',
  macs: [0x525400123456],
  uuid: '00112233-4455-6677-8899-aabbccddeeff',
  addresses: [{ mac: 0x525400123456, address: 0x0a14000a }],
  kernelParams: 'console=ttyS0',
};
const SETTINGS = { dns: { upstream: ['192.0.2.53'] }, cluster_interfaces: [{ name: 'lab', management: 2 }] };
const STATE = { schema: 2, version: 7, machines: [MACHINE], settings: SETTINGS };

test('a valid state is accepted unchanged, directly and over JSON', () => {
  for (const value of [STATE, JSON.parse(JSON.stringify(STATE))]) {
    const parsed = parseDesiredState(value);
    assert.ok(parsed.ok);
    assert.deepEqual(parsed.state, STATE);
  }
  assert.deepEqual(parseDesiredState(EMPTY_DESIRED_STATE), { ok: true, state: EMPTY_DESIRED_STATE });
});

test('changes replace, add and remove machines; settings are the new ones, or none', () => {
  const before = { ...STATE, machines: [MACHINE, { ...MACHINE, systemId: 'def456' }] };
  const state = parseDesiredState(before);
  assert.ok(state.ok);
  const apply = (changes: object) => {
    const parsed = parseStateChanges({ schema: 2, version: 8, machines: [], gone: [], ...changes }, state.state);
    return parsed.ok ? parsed.state : parsed.problem;
  };
  const renamed = { ...MACHINE, hostname: 'node-2' };
  const added = { ...MACHINE, systemId: 'ghi789' };
  assert.deepEqual(apply({ machines: [renamed, added], gone: ['def456', 'nobody'], settings: SETTINGS }), {
    schema: 2,
    version: 8,
    settings: SETTINGS,
    machines: [renamed, added],
  });
  assert.deepEqual(apply({}), { schema: 2, version: 8, machines: before.machines });
  assert.deepEqual(apply({ gone: [7] }), 'gone[0]: 7 is not a text of at most 4096 characters');
  assert.deepEqual(apply({ gone: undefined }), 'gone: undefined is not a list of at most 100000');
  assert.match(String(apply({ schema: 3 })), /^schema: 3 is not 2/);
  const many = Array.from({ length: MACHINES_MAX }, (_, index) => ({ ...MACHINE, systemId: `m${index}` }));
  assert.match(String(apply({ machines: many })), /^machines: a list of 10000\d is not a list of at most 100000$/);
});

test('`isSelfNamed` is read as it is', () => {
  for (const isSelfNamed of [true, false, undefined]) {
    const machine = { ...MACHINE, isSelfNamed };
    const parsed = parseDesiredState({ ...STATE, machines: [machine] });
    assert.deepEqual(parsed.ok ? parsed.state.machines : parsed.problem, [machine]);
  }
});

test('reserved addresses are read with their host and name, and changes bring all of them', () => {
  const reserved = [
    { address: 0x0a140032, mac: 0x525400000077, hostname: 'printer', domain: 'maas' },
    { address: 0x0a140033, mac: 0x525400000078 },
  ];
  const parsed = parseDesiredState({ ...STATE, reserved: [{ ...reserved[0], mood: 'good' }, reserved[1]] });
  assert.ok(parsed.ok, JSON.stringify(parsed));
  assert.deepEqual(parsed.state, { ...STATE, reserved });
  const changes = { schema: 2, version: 8, machines: [], gone: [] };
  const [fewer, none] = [{ ...changes, reserved: reserved.slice(1) }, changes].map((one) =>
    parseStateChanges(one, parsed.state),
  );
  assert.deepEqual(fewer?.ok === true && fewer.state.reserved, reserved.slice(1));
  assert.deepEqual(none?.ok === true && none.state.reserved, undefined);
});

test('optional fields may be absent, and unknown fields are left out', () => {
  const { release: _, uuid: __, kernelParams: ___, ...least } = MACHINE;
  const parsed = parseDesiredState({ ...STATE, machines: [{ ...least, colour: 'red' }], mood: 'good' });
  assert.ok(parsed.ok);
  assert.equal(JSON.stringify(parsed.state), JSON.stringify({ ...STATE, machines: [least] }));
});

const broken = (changes: object): unknown => ({ ...STATE, machines: [MACHINE, { ...MACHINE, ...changes }] });

const deep = (levels: number): object => (levels === 0 ? {} : { below: deep(levels - 1) });

const REFUSED: readonly [string, unknown, RegExp][] = [
  ['nothing', undefined, /^state: undefined is not an object$/],
  ['a list', [], /^state: a list of 0 is not an object$/],
  ['a newer schema', { ...STATE, schema: 3 }, /^schema: 3 is not 2; rack and region must have the same version$/],
  ['a schema as text', { ...STATE, schema: '1' }, /^schema: "1" is not 2/],
  ['settings that are not an object', { ...STATE, settings: ['dns'] }, /^settings: expected keys with values$/],
  [
    'a setting that is too long',
    { ...STATE, settings: { boot: { kernel_params: 'x'.repeat(5000) } } },
    /^settings: boot\.kernel_params: longer than 4096 characters$/,
  ],
  ['settings nested too deeply', { ...STATE, settings: deep(20) }, /deeper than 14 levels$/],
  ['no schema', { version: 1, machines: [] }, /^schema: undefined is not 2/],
  [
    'reserved addresses of another type',
    { ...STATE, reserved: {} },
    /^reserved: an object is not a list of at most 16384$/,
  ],
  ['too many of them', { ...STATE, reserved: Array(RESERVED_HOSTS_MAX + 1) }, /^reserved: a list of 16385 is not/],
  ['a host without an address', { ...STATE, reserved: [{ mac: 1 }] }, /^reserved\[0\]\.address: undefined is not a/],
  ['a host of another type', { ...STATE, reserved: [{ address: 1, mac: 'x' }] }, /^reserved\[0\]\.mac: "x" is not a/],
  [
    'a name of another type',
    { ...STATE, reserved: [{ address: 1, hostname: 7, domain: 'x' }] },
    /^reserved\[0\]\.hostname: 7 is not a text/,
  ],
  ['a negative version', { ...STATE, version: -1 }, /^version: -1 is not a whole number/],
  ['machines that are not a list', { ...STATE, machines: {} }, /^machines: an object is not a list/],
  ['too many machines', { ...STATE, machines: Array(MACHINES_MAX + 1) }, /^machines: a list of 100001 is not/],
  ['a flag of another type', broken({ isSelfNamed: 1 }), /^machines\[1\]\.isSelfNamed: 1 is not true or false$/],
  ['an unknown purpose', broken({ purpose: 'wipe' }), /^machines\[1\]\.purpose: "wipe" is not a boot purpose$/],
  [
    'a purpose with terminal control characters',
    broken({ purpose: '\u009b31m\u202e' }),
    /purpose: "\\x9b31m\\u202e" is not a boot purpose/,
  ],
  ['no hostname', broken({ hostname: undefined }), /^machines\[1\]\.hostname: undefined is not a text/],
  ['a release of null', broken({ release: null }), /^machines\[1\]\.release: null is not a text/],
  [
    'a UUID in capitals',
    broken({ uuid: MACHINE.uuid.toUpperCase() }),
    /^machines\[1\]\.uuid: .* is not a UUID in lower case$/,
  ],
  [
    'a token of another form, which the fault does not show',
    broken({ bootToken: 'secret' }),
    /^machines\[1\]\.bootToken: it is not 22 to 64 letters, digits, - or _$/,
  ],
  [
    'a hardware address as text',
    broken({ macs: ['52:54:00:12:34:56'] }),
    /^machines\[1\]\.macs\[0\]: "52:54:00:12:34:56" is not/,
  ],
  ['a hardware address of 49 bits', broken({ macs: [2 ** 48] }), /^machines\[1\]\.macs\[0\]: 281474976710656 is not/],
  [
    'too many hardware addresses',
    broken({ macs: Array(MACHINE_MACS_MAX + 1).fill(1) }),
    /^machines\[1\]\.macs: a list of 257 is not a list of at most 256$/,
  ],
  [
    'too many addresses',
    broken({ addresses: Array(MACHINE_ADDRESSES_MAX + 1) }),
    /^machines\[1\]\.addresses: a list of 1025 is not/,
  ],
  ['half an address', broken({ addresses: [{ mac: 1 }] }), /^machines\[1\]\.addresses\[0\]\.address: undefined is not/],
  ['a fraction', broken({ addresses: [{ mac: 1.5, address: 1 }] }), /^machines\[1\]\.addresses\[0\]\.mac: 1\.5 is not/],
  [
    'a text beyond its bound',
    broken({ kernelParams: 'x'.repeat(MACHINE_TEXT_MAX + 1) }),
    /^machines\[1\]\.kernelParams: a long text is not/,
  ],
];

for (const [name, value, expected] of REFUSED) {
  test(`${name} is refused whole, with the field`, () => {
    const parsed = parseDesiredState(value);
    assert.ok(!parsed.ok);
    assert.match(parsed.problem, expected);
  });
}

const many = (count: number, text: string): string => Array(count).fill(text).join(',');
/** Each would take hundreds of megabytes to parse. */
const EXCESSIVE: readonly (readonly [name: string, text: string])[] = [
  ['brackets in each other', '['.repeat(1_000_000)],
  ['a list of millions', `[${many(1_000_000, '1')}]`],
  ['millions of lists', `[${many(30, `[${many(200_000, '1')}]`)}]`],
];

for (const [name, text] of EXCESSIVE) {
  test(`a text with ${name} is refused before it is parsed`, (context) => {
    const parse = context.mock.method(JSON, 'parse');
    const parsed = parseStateText(text, undefined);
    assert.equal(parse.mock.callCount(), 0);
    assert.ok(!parsed.ok);
  });
}

test('the state of as many machines as a region may have is within the bounds, with the deepest settings', () => {
  const addresses = [MACHINE.addresses[0], MACHINE.addresses[0]];
  const machine = JSON.stringify({ ...MACHINE, macs: [1, 2, 3, 4], addresses, isSelfNamed: true, home: 1 });
  const whole = JSON.stringify({ ...STATE, machines: [], settings: deep(SETTINGS_DEPTH_MAX) });
  const parsed = parseStateText(
    whole.replace('"machines":[]', `"machines":[${many(MACHINES_MAX, machine)}]`),
    undefined,
  );
  assert.equal(parsed.ok ? parsed.state.machines.length : parsed.problem, MACHINES_MAX);
});

test('random values never throw, and an accepted state is accepted again', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.anything(),
        fc.record({ schema: fc.constant(1), version: fc.nat(), machines: fc.array(fc.object()) }),
      ),
      (value) => {
        const parsed = parseDesiredState(value);
        if (parsed.ok) assert.deepEqual(parseDesiredState(parsed.state), parsed);
      },
    ),
  );
});
