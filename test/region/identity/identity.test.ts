// Machines are distinguished and recognised by weighed evidence: one case for each known confusion, and properties over machines that show
// the same placeholders.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type MacAddress, mac } from '../../../src/ground/address.ts';
import type { EnlistmentReport } from '../../../src/region/identity/enlistment-report.ts';
import type { Region } from '../../../src/region/region.ts';
import { changeStatus } from '../../support/change-status.ts';
import { sentenceOf } from '../../support/sentences.ts';
import { enlist, facts, macsOf, makeRegion, report, withRegion } from '../place.ts';

const A = 0x525400000001;
const B = 0x525400000002;
const C = 0x525400000003;
const DONGLE = 0x0050b6000001;
const UUID_1 = '0fd4c0a2-2c4e-4a3c-9a3b-000000000001';
const UUID_2 = '0fd4c0a2-2c4e-4a3c-9a3b-000000000002';
const VOUCHED_A = { vouchedMac: mac(A) };
const DELL = '4c4c4544-0051-3010-8053-b4c04f515331';

/** A machine's SMBIOS and BMC values in one case. */
interface Shown {
  readonly macs: readonly number[];
  readonly uuid?: string;
  readonly serial?: string;
  readonly board_serial?: string;
  readonly chassis_asset_tag?: string;
  readonly product?: string;
  readonly bmc?: readonly [address: string, mac: string];
}

function shown({ macs, bmc, ...dmi }: Shown, more: Partial<EnlistmentReport> = {}) {
  const [address, bmcMac] = bmc ?? [];
  return report(macs, {
    facts: facts({ vendor: 'ACME', product: 'Server', ...dmi } as object),
    ...(address === undefined || bmcMac === undefined
      ? {}
      : { powerType: 'ipmi', powerParameters: { power_address: address, mac_address: bmcMac } }),
    ...more,
  });
}

const eventsOf = async (region: Region, type: string): Promise<readonly string[]> =>
  (await region.store.listEvents({ limit: 100 })).flatMap((event) => (event.type === type ? [sentenceOf(event)] : []));
const LINES: readonly (readonly [string, Shown, Shown, 'same' | 'two' | 'two, and a person is asked'])[] = [
  [
    'a machine whose card was swapped stays itself',
    { macs: [A], uuid: UUID_1, serial: 'SN100' },
    { macs: [B], uuid: UUID_1, serial: 'SN100' },
    'same',
  ],
  [
    'a card that moved to another chassis goes with the new evidence',
    { macs: [A], uuid: UUID_1, serial: 'SN100' },
    { macs: [A], uuid: UUID_2, serial: 'SN200' },
    'two',
  ],
  [
    'so do the four ports of one card',
    { macs: [A, B, C, C + 1], uuid: UUID_1, serial: 'SN100' },
    { macs: [A, B, C, C + 1], uuid: UUID_2, serial: 'SN200' },
    'two',
  ],
  [
    'a machine whose firmware shows another UUID than before stays itself',
    { macs: [A], uuid: UUID_1, serial: 'SN100' },
    { macs: [A], uuid: UUID_2, serial: 'SN100' },
    'same',
  ],
  [
    'a machine whose board was replaced, and got its serial number again, stays itself',
    { macs: [A], uuid: UUID_1, serial: 'SN100', board_serial: 'BB100' },
    { macs: [A], uuid: UUID_2, serial: 'SN100', board_serial: 'BB200' },
    'same',
  ],
  [
    'two machines of a series with one UUID are two, by their serial numbers',
    { macs: [A], uuid: DELL, serial: 'SN100' },
    { macs: [B], uuid: DELL, serial: 'SN200' },
    'two',
  ],
  [
    'and by the serial numbers of their boards',
    { macs: [A], uuid: DELL, board_serial: 'BB100' },
    { macs: [B], uuid: DELL, board_serial: 'BB200' },
    'two, and a person is asked',
  ],
  [
    'one UUID on two products is two machines',
    { macs: [A], uuid: DELL, product: 'One' },
    { macs: [B], uuid: DELL, product: 'Other' },
    'two, and a person is asked',
  ],
  [
    'a UUID alone is not proof: boards are sold with one for all, and without a serial number',
    { macs: [A], uuid: UUID_1, serial: 'Default string' },
    { macs: [B], uuid: UUID_1, serial: 'Default string' },
    'two, and a person is asked',
  ],
  [
    'with the asset tag it is',
    { macs: [A], uuid: UUID_1, chassis_asset_tag: 'R12-U7' },
    { macs: [B], uuid: UUID_1, chassis_asset_tag: 'R12-U7' },
    'same',
  ],
  [
    'a serial number alone is not proof, for it is unique to its maker only',
    { macs: [A], serial: 'SN100' },
    { macs: [B], serial: 'SN100' },
    'two, and a person is asked',
  ],
  [
    'with the serial number of the board it is',
    { macs: [A], serial: 'SN100', board_serial: 'BB100' },
    { macs: [B], serial: 'sn100', board_serial: 'BB100' },
    'same',
  ],
  [
    'a BMC is found again by both its addresses',
    { macs: [A], bmc: ['10.9.0.1', '00:25:90:00:00:01'] },
    { macs: [B], bmc: ['10.9.0.1', '00:25:90:00:00:01'] },
    'same',
  ],
  [
    'but not by its address of today, which another had yesterday',
    { macs: [A], bmc: ['10.9.0.1', '00:25:90:00:00:01'] },
    { macs: [B], bmc: ['10.9.0.1', '00:25:90:00:00:02'] },
    'two',
  ],
  [
    'a BMC whose hardware address is the same in every machine joins none of them',
    { macs: [A], serial: 'SN100', uuid: UUID_1, bmc: ['10.9.0.1', '00:25:90:00:00:01'] },
    { macs: [B], serial: 'SN200', uuid: UUID_2, bmc: ['10.9.0.1', '00:25:90:00:00:01'] },
    'two',
  ],
  [
    'an adapter that is carried about identifies its machine while nothing speaks against it',
    { macs: [DONGLE] },
    { macs: [DONGLE], serial: 'SN100' },
    'same',
  ],
  [
    'the next machine that it is plugged into is another',
    { macs: [DONGLE], serial: 'SN100' },
    { macs: [DONGLE], serial: 'SN200' },
    'two',
  ],
  [
    'asset tags that were never filled in join nothing',
    { macs: [A], chassis_asset_tag: 'No Asset Tag', serial: 'SN100' },
    { macs: [B], chassis_asset_tag: 'No Asset Tag', serial: 'SN100' },
    'two, and a person is asked',
  ],
];

for (const [name, first, second, verdict] of LINES) {
  test(name, () =>
    withRegion(async ({ region }) => {
      const one = await enlist(region, shown(first));
      const two = await enlist(region, shown(second));
      assert.equal(one.systemId === two.systemId ? 'same' : 'two', verdict.slice(0, 4).replace(',', '').trim());
      const conflicts = await region.store.listConflicts(10);
      assert.equal(conflicts.length, verdict.includes('asked') ? 1 : 0, JSON.stringify(conflicts));
    }),
  );
}

test('a moved card leaves its New machine, with an event that names both', () =>
  withRegion(async ({ region, states, clock }) => {
    const one = await enlist(region, shown({ macs: [A, B], uuid: UUID_1, serial: 'SN100' }, VOUCHED_A));
    const two = await enlist(region, shown({ macs: [B, C], uuid: UUID_2, serial: 'SN200' }, { vouchedMac: mac(B) }));
    assert.deepEqual(macsOf(await region.store.findMachine(one.systemId)), [A]);
    assert.deepEqual(macsOf(two), [B, C]);
    const [reported] = await eventsOf(region, 'NODE_ENLISTMENT_CONFLICT');
    assert.match(
      reported ?? '',
      new RegExp(`52:54:00:00:00:02 moved here from ${one.hostname} \\(${one.systemId}\\).*UUID, serial number`),
    );
    await clock.pass(100);
    assert.deepEqual(
      states.at(-1)?.machines.map(({ macs }) => macs.map(Number)),
      [[A], [B]],
      'by C it has not booted yet',
    );
    await changeStatus(region, two.systemId, 'ready', { username: 'bob' });
    await clock.pass(100);
    assert.deepEqual(
      states.at(-1)?.machines.map(({ macs }) => macs.map(Number)),
      [[A], [B, C]],
    );
  }));

test('a card is never taken from a machine in use: the report is refused with the command to type', () =>
  withRegion(async ({ region }) => {
    const one = await enlist(region, shown({ macs: [A, B], uuid: UUID_1, serial: 'SN100' }));
    await changeStatus(region, one.systemId, 'ready', { username: 'bob' });
    const before = await region.store.findMachine(one.systemId);
    const outcome = await region.enlist(shown({ macs: [B], uuid: UUID_2, serial: 'SN200' }));
    assert.equal(outcome.kind === 'refuse' && outcome.refusal.code, 'field.machines-mixed');
    const text = outcome.kind === 'refuse' ? outcome.refusal.text : '';
    assert.ok(text.includes(`rackboot machines split ${one.systemId} --mac 52:54:00:00:00:02`), text);
    assert.deepEqual(await region.store.findMachine(one.systemId), before);
    assert.ok((await eventsOf(region, 'NODE_ENLISTMENT_REFUSED'))[0]?.includes('rackboot machines split'));
    const third = await enlist(region, shown({ macs: [C, B], uuid: UUID_2, serial: 'SN200' }));
    assert.deepEqual(macsOf(third), [C]);
    assert.deepEqual(await region.store.findMachine(one.systemId), before);
  }));

test('a UUID shown by two machines identifies neither from then on, and no rack gets it', () =>
  withRegion(async ({ region }) => {
    const one = await enlist(region, shown({ macs: [A], uuid: DELL, serial: 'SN100' }, VOUCHED_A));
    const two = await enlist(region, shown({ macs: [B], uuid: DELL, serial: 'SN200' }, { vouchedMac: mac(B) }));
    assert.match(
      (await eventsOf(region, 'NODE_ENLISTMENT_CONFLICT'))[0] ?? '',
      new RegExp(`UUID of ${one.hostname}.*another serial number`),
    );
    assert.deepEqual(
      (await region.desiredState()).machines.map(({ uuid }) => uuid),
      [undefined, undefined],
    );
    // Without a serial number, as with a third machine of the series.
    const three = await enlist(region, shown({ macs: [C], uuid: DELL }));
    assert.equal(await region.store.countMachines({}), 3);
    // Even when the others are gone again.
    for (const { systemId } of [two, three]) await region.removeMachine(systemId, 'bob');
    await enlist(region, shown({ macs: [C], uuid: DELL }));
    assert.equal(await region.store.countMachines({}), 2);
  }));

test('of two matching machines the one with the boot address is amended, and the other is reported once', () =>
  withRegion(async ({ region }) => {
    const one = await enlist(region, shown({ macs: [A] }));
    const two = await enlist(region, shown({ macs: [B] }));
    for (let count = 0; count < 2; count += 1) {
      const again = await enlist(region, shown({ macs: [B, A], serial: 'SN100' }));
      assert.equal(again.systemId, two.systemId);
    }
    assert.deepEqual(macsOf(await region.store.findMachine(one.systemId)), [A]);
    const reported = await eventsOf(region, 'NODE_ENLISTMENT_CONFLICT');
    assert.equal(reported.length, 1);
    assert.ok(reported[0]?.includes(`rackboot machines merge ${one.systemId} ${two.systemId}`), reported[0]);
    assert.equal(await region.identity.keepApart(one.systemId, two.systemId, 'bob'), true);
    await enlist(region, shown({ macs: [B, A] }));
    assert.equal((await eventsOf(region, 'NODE_ENLISTMENT_CONFLICT')).length, 1);
    assert.deepEqual(await region.store.listConflicts(10), []);
  }));

test('a machine known by its hardware is not mistaken for the adapter that it boots from', () =>
  withRegion(async ({ region }) => {
    const adapter = await enlist(region, report([DONGLE]));
    const machine = await enlist(region, shown({ macs: [A], uuid: UUID_1, serial: 'SN100' }));
    const again = await enlist(region, shown({ macs: [DONGLE, A], uuid: UUID_1, serial: 'SN100' }));
    assert.equal(again.systemId, machine.systemId);
    assert.deepEqual(macsOf(await region.store.findMachine(adapter.systemId)), [DONGLE]);
    assert.equal((await region.store.listConflicts(10)).length, 1);
  }));

test('a New machine for whose boot a rack vouched is amended by its own boots only', () =>
  withRegion(async ({ region }) => {
    const machine = await enlist(region, shown({ macs: [A, B], uuid: UUID_1, serial: 'SN100' }, VOUCHED_A));
    assert.equal(machine.vouchedMac, A);
    const lies: readonly EnlistmentReport[] = [
      shown({ macs: [A], product: 'Lie' }),
      shown({ macs: [A], product: 'Lie' }, { vouchedMac: mac(C) }),
      shown({ macs: [C, A], product: 'Lie' }, { vouchedMac: mac(C) }),
      shown({ macs: [C], uuid: UUID_1, serial: 'SN100' }),
    ];
    const before = await region.store.findMachine(machine.systemId);
    for (const lie of lies) {
      assert.equal((await region.enlist(lie)).kind, 'unchanged');
      assert.equal((await region.store.listEvents({ limit: 1 }))[0]?.type, 'NODE_ENLISTMENT_IGNORED');
    }
    assert.deepEqual(await region.store.findMachine(machine.systemId), before);
    assert.equal((await region.enlist(shown({ macs: [A, B] }, VOUCHED_A))).kind, 'amend');
    // Its second interface boots; its card is swapped.
    assert.equal((await region.enlist(shown({ macs: [B, A] }, { vouchedMac: mac(B) }))).kind, 'amend');
    const swapped = await enlist(region, shown({ macs: [C], uuid: UUID_1, serial: 'SN100' }, { vouchedMac: mac(C) }));
    assert.equal(swapped.systemId, machine.systemId);
    assert.equal(await region.store.countMachines({}), 1);
  }));

test('two machines with one UUID and no serial number are both New, though a rack vouched for the boot of each', () =>
  withRegion(async ({ region }) => {
    const one = await enlist(region, shown({ macs: [A], uuid: UUID_1 }, VOUCHED_A));
    const two = await enlist(region, shown({ macs: [B], uuid: UUID_1 }, { vouchedMac: mac(B) }));
    assert.notEqual(one.systemId, two.systemId);
    assert.deepEqual([macsOf(await region.store.findMachine(one.systemId)), macsOf(two)], [[A], [B]]);
    const reported = (await eventsOf(region, 'NODE_ENLISTMENT_CONFLICT'))[0] ?? '';
    assert.ok(reported.includes(`rackboot machines merge ${one.systemId} ${two.systemId}`), reported);
  }));

test('an unvouched report does not take away an interface for which a rack vouched', () =>
  withRegion(async ({ region }) => {
    const machine = await enlist(region, shown({ macs: [A], uuid: UUID_1, serial: 'SN100' }, VOUCHED_A));
    assert.equal((await region.enlist(shown({ macs: [A], uuid: UUID_2, serial: 'SN200' }))).kind, 'refuse');
    assert.deepEqual(macsOf(await region.store.findMachine(machine.systemId)), [A]);
    const moved = await enlist(region, shown({ macs: [A], uuid: UUID_2, serial: 'SN200' }, VOUCHED_A));
    assert.notEqual(moved.systemId, machine.systemId);
    assert.deepEqual(macsOf(await region.store.findMachine(machine.systemId)), []);
  }));

test('a machine’s power settings are limited to a BMC’s fields, and are a proposal until the machine is accepted', () =>
  withRegion(async ({ region }) => {
    const account = { power_address: '10.9.0.1', power_user: 'maas', mac_address: '00:25:90:00:00:01' };
    const first = { ...account, power_pass: 'one', power_on_uri: 'http://10.0.0.1/', power_driver: 'LAN_2_0' };
    const machine = await enlist(region, report([A], { powerType: 'ipmi', powerParameters: first }));
    assert.deepEqual(machine.powerParameters, { ...account, power_pass: 'one', power_driver: 'LAN_2_0' });
    assert.equal(machine.powerIsProposed, true);
    const second = { ...account, power_pass: 'two' };
    assert.equal(
      (await enlist(region, report([A], { powerType: 'ipmi', powerParameters: second }))).powerParameters.power_pass,
      'two',
    );
    for (const powerType of ['webhook', 'virsh', 'constructor', '__proto__']) {
      const lie = await enlist(
        region,
        report([B], { powerType, powerParameters: { power_address: 'qemu+ssh://x/system' } }),
      );
      assert.deepEqual([lie.powerType, lie.powerParameters], ['', {}], powerType);
    }
    const name = await enlist(
      region,
      report([C], { powerType: 'ipmi', powerParameters: { power_address: 'bmc.example' } }),
    );
    assert.deepEqual(name.powerParameters, {});
    await changeStatus(region, machine.systemId, 'ready', { username: 'bob' });
    assert.equal((await region.store.findMachine(machine.systemId))?.powerIsProposed, false);
    const by = report([0x525400000009], {
      username: 'bob',
      powerType: 'virsh',
      powerParameters: { power_address: 'qemu:///system' },
    });
    const made = await enlist(region, by);
    assert.deepEqual([made.powerType, made.powerIsProposed], ['virsh', false]);
  }));

test('a token is generated when work begins, again each time a person begins it, and ends with it', () =>
  withRegion(async ({ region }) => {
    const machine = await enlist(region, report([A]));
    const token = async () => (await region.desiredState()).machines[0]?.bootToken;
    const go = async (to: Parameters<typeof changeStatus>[2], username = 'bob') => {
      assert.equal((await changeStatus(region, machine.systemId, to, { username })).kind, 'changed', to);
    };
    assert.equal(await token(), undefined);
    await go('commissioning');
    const first = await token();
    await go('testing', '');
    assert.equal(await token(), first);
    await go('ready', '');
    assert.equal(await token(), undefined);
    await go('commissioning');
    assert.notEqual(await token(), first);
    await go('failed-commissioning', '');
    assert.equal(await token(), undefined);
    await go('entering-rescue-mode');
    const rescue = await token();
    await go('rescue-mode', '');
    assert.equal(await token(), rescue);
    await go('exiting-rescue-mode');
    assert.equal(await token(), rescue, 'by it the machine learns that it leaves');
    await go('failed-commissioning', '');
    assert.equal(await token(), undefined);
  }));

test('machines are named after a firmware value if that is a free name', async () => {
  const named = async (nameFrom: 'serial' | 'asset-tag', dmi: Omit<Shown, 'macs'>, hostname?: string) => {
    const place = await makeRegion({ nameFrom });
    try {
      await enlist(place.region, report([B], { hostname: 'sn100' }));
      return (await enlist(place.region, shown({ macs: [A], ...dmi }, { hostname }))).hostname;
    } finally {
      await place.remove();
    }
  };
  assert.equal(await named('serial', { serial: 'CZ-3A/17 b' }), 'cz-3a-17-b');
  assert.equal(await named('serial', { serial: '7720001' }), 'sn-7720001');
  assert.equal(await named('serial', { serial: '10-20-0-100' }), 'sn-10-20-0-100');
  assert.equal(await named('asset-tag', { serial: 'SN1', chassis_asset_tag: 'Rack 4, U 12' }), 'rack-4-u-12');
  assert.equal(await named('asset-tag', { chassis_asset_tag: '00417' }), 'asset-00417');
  for (const serial of ['SN100', '---', 'To be filled by O.E.M.', '\u00fc\u00fc']) {
    assert.match(await named('serial', { serial }), /^[a-z]+-[a-z]+$/, serial);
  }
  assert.equal(await named('serial', { serial: 'None' }, 'web1'), 'web1');
});

/** Values that machines of many owners show: some known as such, some not. */
const PLACEHOLDER = {
  uuid: fc.constantFrom(undefined, DELL, '03000200-0400-0500-0006-000700080009', UUID_2),
  board_serial: fc.constantFrom(undefined, 'BB100', 'None'),
  chassis_asset_tag: fc.constantFrom(undefined, 'ACME-1', 'No Asset Tag'),
  product: fc.constantFrom('Server', 'Other'),
  bmc: fc.constantFrom(undefined, ['10.9.0.1', '00:25:90:00:00:01'] as const),
};

test('machines with unique addresses and serial numbers are never merged or duplicated, whatever else they have in common', async () => {
  const machine = fc.record({ ...PLACEHOLDER, nics: fc.integer({ min: 1, max: 4 }) });
  const post = fc.record({ machine: fc.nat(), turn: fc.nat(), drop: fc.nat({ max: 2 }), forgetsSerial: fc.boolean() });
  const plan = fc.record({
    machines: fc.array(machine, { minLength: 2, maxLength: 5 }),
    posts: fc.array(post, { maxLength: 20 }),
  });
  await fc.assert(
    fc.asyncProperty(plan, async ({ machines, posts }) => {
      const place = await makeRegion();
      try {
        const ids = new Map<number, string>();
        const order = machines.map((_, index) => ({ machine: index, turn: 0, drop: 0, forgetsSerial: false }));
        for (const { machine: which, turn, drop, forgetsSerial } of [...order, ...posts]) {
          const index = which % machines.length;
          const of = machines[index];
          if (of === undefined) continue;
          const all = Array.from({ length: of.nics }, (_, nic) => 0x525400000000 + index * 16 + nic);
          const start = turn % all.length;
          const turned = [...all.slice(start), ...all.slice(0, start)];
          const macs = turned.slice(0, Math.max(1, turned.length - drop));
          const { nics: _nics, bmc, ...dmi } = of;
          const seen = Object.fromEntries(Object.entries(dmi).filter(([, value]) => value !== undefined));
          const serial = forgetsSerial && ids.has(index) ? {} : { serial: `SERIAL-${index}` };
          const { systemId } = await enlist(
            place.region,
            shown({ macs, ...seen, ...serial, ...(bmc === undefined ? {} : { bmc }) }),
          );
          assert.equal(ids.get(index) ?? systemId, systemId);
          ids.set(index, systemId);
        }
        assert.equal(await place.store.countMachines({}), machines.length);
        assert.equal(new Set(ids.values()).size, machines.length);
        const owners = (await place.store.listMachines({}, 0, 100)).flatMap((one) =>
          one.interfaces.map(({ mac: own }) => own),
        );
        assert.equal(new Set<MacAddress>(owners).size, owners.length);
      } finally {
        await place.remove();
      }
    }),
    { numRuns: 60 },
  );
});
