// A machine is recognised in every form of its report, and two machines never become one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatMac, mac } from '../../../src/ground/address.ts';
import { MACHINES_MAX } from '../../../src/region/identity/enlistment.ts';
import type { EnlistmentReport } from '../../../src/region/identity/enlistment-report.ts';
import {
  identifyingSerial,
  identifyingUuid,
  isIdentifyingMac,
} from '../../../src/region/identity/hardware-identity.ts';
import { chooseHostname, chooseSystemId, parseHostname } from '../../../src/region/identity/hostname.ts';
import { INTERFACES_MAX } from '../../../src/region/identity/interface-source.ts';
import { changeStatus } from '../../support/change-status.ts';
import { sentenceOf } from '../../support/sentences.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { bootReport, enlist, facts, makeRegion, report, withRegion } from '../place.ts';

const A = 0x525400000001;
const B = 0x525400000002;
const C = 0x525400000003;
const UUID_1 = '0fd4c0a2-2c4e-4a3c-9a3b-000000000001';
const UUID_2 = '0fd4c0a2-2c4e-4a3c-9a3b-000000000002';

const RECOGNISED: readonly (readonly [string, EnlistmentReport, EnlistmentReport, boolean])[] = [
  ['the same report again is the same machine', report([A]), report([A]), true],
  ['one address in common is enough', report([A, B]), report([C, B]), true],
  ['another order of the addresses changes nothing', report([A, B]), report([B, A]), true],
  ['other addresses are another machine', report([A]), report([B]), false],
  [
    'a new card with the same UUID and serial number is the same machine',
    report([A], { facts: facts({ uuid: UUID_1, serial: 'SN100' }) }),
    report([B], { facts: facts({ uuid: UUID_1.toUpperCase(), serial: 'SN100' }) }),
    true,
  ],
  [
    'the same UUID without a second value that agrees is another machine, until a person says otherwise',
    report([A], { facts: facts({ uuid: UUID_1 }) }),
    report([B], { facts: facts({ uuid: UUID_1, serial: 'SN100' }) }),
    false,
  ],
  [
    'the same UUID with another serial number is another machine',
    report([A], { facts: facts({ uuid: UUID_1, serial: 'SN100' }) }),
    report([B], { facts: facts({ uuid: UUID_1, serial: 'SN200' }) }),
    false,
  ],
  [
    'a UUID that a vendor left in many machines says nothing',
    report([A], { facts: facts({ uuid: '03000200-0400-0500-0006-000700080009' }) }),
    report([B], { facts: facts({ uuid: '03000200-0400-0500-0006-000700080009' }) }),
    false,
  ],
  [
    'the same serial number with another UUID says nothing',
    report([A], { facts: facts({ uuid: UUID_1, serial: 'SN100' }) }),
    report([B], { facts: facts({ uuid: UUID_2, serial: 'SN100' }) }),
    false,
  ],
  [
    'a placeholder for a serial number contradicts nothing',
    report([A], { facts: facts({ uuid: UUID_1, serial: 'To be filled by O.E.M.', board_serial: 'BB100' }) }),
    report([B], { facts: facts({ uuid: UUID_1, serial: 'SN100', board_serial: 'BB100' }) }),
    true,
  ],
  [
    'a placeholder for a serial number is not evidence either',
    report([A], { facts: facts({ uuid: UUID_1, serial: 'To be filled by O.E.M.' }) }),
    report([B], { facts: facts({ uuid: UUID_1, serial: 'To be filled by O.E.M.' }) }),
    false,
  ],
  ['an address that a whole series has says nothing', report([A, 0x020000000001]), report([B, 0x020000000001]), false],
];

for (const [name, first, second, isSame] of RECOGNISED) {
  test(name, () =>
    withRegion(async ({ region }) => {
      const one = await enlist(region, first);
      const two = await enlist(region, second);
      assert.equal(one.systemId === two.systemId, isSame);
      assert.equal(await region.store.countMachines({}), isSame ? 1 : 2);
    }),
  );
}

test('a New machine adopts its report, and keeps its name and facts missing from the report', () =>
  withRegion(async ({ region }) => {
    const first = await enlist(
      region,
      report([A], { hostname: 'web1', facts: facts({ uuid: UUID_1 }, { memory_mib: 1024 }) }),
    );
    const power = { powerType: 'ipmi', powerParameters: { power_address: '10.20.0.9' } };
    await enlist(region, report([B, A], { hostname: 'other', architecture: 'arm64', ...power }));
    const after = await region.store.findMachine(first.systemId);
    assert.equal(after?.hostname, 'web1');
    assert.equal(after?.architecture, 'arm64');
    assert.equal(after?.facts?.memory_mib, 1024);
    assert.equal(after?.powerType, 'ipmi');
    assert.deepEqual(
      after?.interfaces.map((nic) => nic.mac),
      [A, B],
    );
    await enlist(region, report([A], { powerType: 'manual' }));
    assert.equal((await region.store.findMachine(first.systemId))?.powerType, 'ipmi');
  }));

test('a machine’s report of its BMC is logged without the password', () =>
  withRegion(async ({ region }) => {
    const powerParameters = { power_address: '10.20.0.9', power_user: 'maas', power_pass: 'Secret1' };
    const reported = async (): Promise<readonly string[]> =>
      (await region.store.listEvents({ limit: 20 }))
        .filter(({ type }) => type === 'NODE_POWER_REPORTED')
        .map(sentenceOf);
    await enlist(region, report([A], { powerType: 'ipmi', powerParameters: { power_address: '10.20.0.9' } }));
    assert.deepEqual(await reported(), ['reported its BMC at 10.20.0.9 (ipmi)']);
    await enlist(region, report([A], { powerType: 'ipmi', powerParameters }));
    assert.equal((await reported())[0], 'reported its BMC at 10.20.0.9 (ipmi), whose user maas has a new password');
    await enlist(region, report([A]));
    assert.equal((await reported()).length, 2);
    assert.ok(!JSON.stringify(await region.store.listEvents({ limit: 20 })).includes('Secret1'));
  }));

test('a report of a machine in use returns its id, changes nothing and is logged', () =>
  withRegion(async ({ region }) => {
    const machine = await enlist(region, report([A], { facts: facts({ uuid: UUID_1 }) }));
    await changeStatus(region, machine.systemId, 'ready', { username: 'bob' });
    const before = await region.store.findMachine(machine.systemId);
    const version = await region.store.desiredVersion();
    const outcome = await region.enlist(report([A, C], { architecture: 'arm64', facts: facts({ uuid: UUID_2 }) }));
    assert.equal(outcome.kind, 'unchanged');
    assert.deepEqual(await region.store.findMachine(machine.systemId), before);
    assert.equal(await region.store.desiredVersion(), version);
    assert.equal((await region.store.listEvents({ limit: 1 }))[0]?.type, 'NODE_ENLISTMENT_IGNORED');
  }));

test('in Commissioning, a report with the boot token changes the hardware but not an operator’s settings', () =>
  withRegion(async ({ region }) => {
    const machine = await enlist(region, report([A]));
    await changeStatus(region, machine.systemId, 'commissioning', { username: 'bob' });
    const token = (await region.desiredState()).machines[0]?.bootToken;
    assert.match(token ?? '', /^[\w-]{32}$/);
    const again = { powerType: 'ipmi', facts: facts({}, { memory_mib: 2048 }) };
    const proofs = [{}, { token }, { vouchedMac: mac(A) }, { token: 'x'.repeat(32), vouchedMac: mac(A) }];
    for (const proof of proofs) {
      await enlist(region, report([A], { ...again, ...proof }));
      assert.equal((await region.store.findMachine(machine.systemId))?.facts, undefined);
      assert.equal((await region.store.listEvents({ limit: 1 }))[0]?.type, 'NODE_ENLISTMENT_IGNORED');
    }
    await enlist(region, report([A], { ...again, token, vouchedMac: mac(A) }));
    const after = await region.store.findMachine(machine.systemId);
    assert.equal(after?.facts?.memory_mib, 2048);
    assert.equal(after?.powerType, '');
    assert.equal(after?.status, 'commissioning');
    await changeStatus(region, machine.systemId, 'ready', { username: '' });
    assert.equal((await region.desiredState()).machines[0]?.bootToken, undefined);
    const shown = JSON.stringify(await region.store.listEvents({ limit: 100 }));
    assert.ok(token !== undefined && !shown.includes(token));
  }));

test('addresses of another machine stay with it, and the log says so', () =>
  withRegion(async ({ region }) => {
    const one = await enlist(region, report([A]));
    const two = await enlist(region, report([B]));
    const again = await enlist(region, report([A, B, C]));
    assert.equal(again.systemId, one.systemId);
    assert.deepEqual(
      again.interfaces.map((nic) => nic.mac),
      [A, C],
    );
    assert.equal((await region.store.findMachine(two.systemId))?.interfaces[0]?.mac, B);
    assert.ok((await region.store.listEvents({ limit: 5 })).some((event) => event.type === 'NODE_ENLISTMENT_CONFLICT'));
  }));

test('reports create no more New machines than the limit, and the refusal names it', () =>
  withRegion(
    async ({ region }) => {
      await enlist(region, report([A]));
      await enlist(region, report([B]));
      const outcome = await region.enlist(report([C]));
      assert.equal(outcome.kind, 'refuse');
      assert.equal(outcome.kind === 'refuse' && outcome.refusal.name, 'new-machines-limit');
      assert.match(outcome.kind === 'refuse' ? outcome.refusal.text : '', /2/);
      const [event] = await region.store.listEvents({ limit: 1 });
      assert.equal(event?.type, 'NODE_ENLISTMENT_REFUSED');
      const why = { code: 'new-machines-limit', params: { count: 2, max: 2 } };
      assert.deepEqual(event?.params, { mac: formatMac(mac(C)), why });
      assert.match(
        sentenceOf(event),
        /^52:54:00:\S+: 2 machines are New, at most 2 may be \(region\.new_machines_max\), and none/,
      );
      assert.equal((await enlist(region, report([A]))).status, 'new');
      assert.equal((await enlist(region, report([C], { username: 'bob' }))).status, 'new');
    },
    { newMachinesMax: 2 },
  ));

test(`a region has at most ${MACHINES_MAX} machines, from any source`, (t) =>
  withRegion(async ({ region }) => {
    const { store } = region;
    let machines = MACHINES_MAX;
    const enlistInto = store.enlist.bind(store);
    t.mock.method(store, 'enlist', (...[asked, decide]: Parameters<typeof store.enlist>) =>
      enlistInto(asked, (knowledge) => decide(Object.create(knowledge, { machines: { value: machines } }))),
    );
    for (const more of [{}, { username: 'bob' }]) {
      const outcome = await region.enlist(report([A], more));
      assert.equal(outcome.kind === 'refuse' && outcome.refusal.name, 'machines-limit');
    }
    machines = MACHINES_MAX - 1;
    assert.equal((await enlist(region, report([A]))).status, 'new');
  }));

test('a requested hostname is used if it is free; a taken or default one is replaced by two words', () =>
  withRegion(async ({ region }) => {
    assert.equal((await enlist(region, report([A], { hostname: 'web1' }))).hostname, 'web1');
    assert.match((await enlist(region, report([B], { hostname: 'web1' }))).hostname, /^[a-z]+-[a-z]+$/);
    assert.match((await enlist(region, report([C], { hostname: 'maas-enlist' }))).hostname, /^[a-z]+-[a-z]+$/);
    const taken = await region.enlist(report([0x525400000009], { hostname: 'web1', username: 'bob' }));
    assert.equal(taken.kind === 'refuse' && taken.refusal.code, 'field.hostname-taken');
    const known = await region.enlist(report([A], { username: 'bob' }));
    assert.equal(known.kind === 'refuse' && known.refusal.code, 'field.machine-exists');
  }));

test('machines reported in any order, any number of times, are created once each', async () => {
  const machine = fc.record({
    uuid: fc.constantFrom('good', 'shared-with-serial', 'known-bad', 'none'),
    nics: fc.integer({ min: 1, max: 4 }),
  });
  const plan = fc.record({
    machines: fc.array(machine, { minLength: 1, maxLength: 5 }),
    posts: fc.array(fc.record({ machine: fc.nat(), turn: fc.nat(), first: fc.nat() }), { maxLength: 15 }),
  });
  await fc.assert(
    fc.asyncProperty(plan, async ({ machines, posts }) => {
      const place = await makeRegion();
      try {
        const reports = machines.map(({ uuid, nics }, index) => {
          const macs = Array.from({ length: nics }, (_, nic) => 0x525400000000 + index * 16 + nic);
          const dmi = {
            good: { uuid: `0fd4c0a2-2c4e-4a3c-9a3b-00000000000${index}` },
            'shared-with-serial': { uuid: UUID_2.replace('9a3b', 'ffff'), serial: `SERIAL-${index}` },
            'known-bad': { uuid: '12345678-1234-5678-90ab-cddeefaabbcc' },
            none: {},
          }[uuid];
          return { macs, dmi };
        });
        const ids = new Map<number, string>();
        const everyOne = reports.map((_, index) => ({ machine: index, turn: 0, first: 0 }));
        for (const post of [...posts, ...everyOne]) {
          const index = post.machine % reports.length;
          const of = reports[index];
          if (of === undefined) continue;
          const turn = post.turn % of.macs.length;
          const turned = [...of.macs.slice(turn), ...of.macs.slice(0, turn)];
          const { systemId } = await enlist(place.region, report(turned, { facts: facts(of.dmi) }));
          assert.equal(ids.get(index) ?? systemId, systemId);
          ids.set(index, systemId);
        }
        assert.equal(await place.store.countMachines({}), reports.length);
        assert.equal(new Set(ids.values()).size, reports.length);
      } finally {
        await place.remove();
      }
    }),
    { numRuns: 40 },
  );
});

test('identifying values are distinguished from shared ones', () => {
  assert.equal(identifyingUuid('00000000-0000-0000-0000-000000000000'), undefined);
  assert.equal(identifyingUuid('4C4C4544-0000-2010-8020-80C04F202020'), undefined);
  assert.equal(identifyingUuid('not a uuid'), undefined);
  assert.equal(identifyingUuid(undefined), undefined);
  assert.equal(identifyingUuid(` ${UUID_1.toUpperCase()} `), UUID_1);
  for (const serial of ['', '0', '00000000', '0123456789', '123456789', 'None', 'System Serial Number', '........']) {
    assert.equal(identifyingSerial(serial), undefined, serial);
  }
  assert.equal(identifyingSerial(' ABC123 '), 'ABC123');
  for (const value of [0, 0xffffffffffff, 0x010000000000, 0x333300000001, 0x020000000001]) {
    assert.equal(isIdentifyingMac(mac(value)), false, value.toString(16));
  }
  assert.equal(isIdentifyingMac(mac(A)), true);
});

test('hostnames are single labels that are not an address', () => {
  const cases: [string, string | undefined][] = [
    ['web1', 'web1'],
    ['WEB-1', 'web-1'],
    ['a', 'a'],
    ['x'.repeat(63), 'x'.repeat(63)],
    ['x'.repeat(64), undefined],
    ['-a', undefined],
    ['a-', undefined],
    ['a.b', undefined],
    ['a_b', undefined],
    ['', undefined],
    ['10-20-0-100', undefined],
    ['123', undefined],
    ['a\u0000b', undefined],
    ['ü', undefined],
  ];
  for (const [text, expected] of cases) assert.equal(parseHostname(text), expected, text);
});

test('chosen names are valid and free, even when most words are taken; system ids have six characters', () => {
  const clock = new VirtualClock(0, 7);
  const taken = new Set<string>();
  const chosen = (choose: typeof chooseHostname, isTaken: (name: string) => boolean) => {
    let tried = new Map<string, boolean>();
    for (;;) {
      const choice = choose(clock, tried);
      if (choice.kind === 'free') return choice.name;
      tried = new Map([...tried, ...choice.names.map((name) => [name, isTaken(name)] as const)]);
    }
  };
  for (let count = 0; count < 500; count += 1) {
    const name = chosen(chooseHostname, (candidate) => taken.has(candidate));
    assert.equal(parseHostname(name), name);
    assert.ok(!taken.has(name));
    taken.add(name);
    assert.match(
      chosen(chooseSystemId, () => false),
      /^[4678abcdefghkmnpqrstwxy][34678abcdefghkmnpqrstwxy]{5}$/,
    );
  }
  assert.match(
    chosen(chooseHostname, (name) => !/\d{4}$/.test(name)),
    /-\d{4}$/,
  );
  assert.throws(() => chosen(chooseHostname, () => true), /no free name/);
  assert.throws(() => chosen(chooseSystemId, () => true), /no free name/);
});

test('a machine’s interfaces are bounded, and always include the one it booted from', () =>
  withRegion(async ({ region }) => {
    const macs = Array.from({ length: INTERFACES_MAX + 8 }, (_, index) => mac(0x525400010000 + index));
    const [boot = mac(1), ...others] = macs;
    const made = await region.enlist(bootReport([boot, ...others]));
    assert.ok(made.kind === 'create');
    assert.deepEqual(
      made.machine.interfaces.map((nic) => nic.mac),
      macs.slice(0, INTERFACES_MAX),
    );
  }));
