// A host that claims another machine's hardware address, UUID or serial number gets none of its secrets, and the machine recovers its own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatMac, mac, parseIpv4 } from '../../../src/ground/address.ts';
import type { EnlistmentReport } from '../../../src/region/identity/enlistment-report.ts';
import { conflictNeeds, renderNeeds } from '../../../src/region/page/home/needs.ts';
import { doubtWords } from '../../../src/region/records/events.ts';
import type { Machine } from '../../../src/region/records/machine.ts';
import type { NewMachineEvent } from '../../../src/region/records/machine-event.ts';
import type { Region } from '../../../src/region/region.ts';
import { changeStatus } from '../../support/change-status.ts';
import { sentenceOf } from '../../support/sentences.ts';
import type { VirtualClock } from '../../support/virtual-clock.ts';
import { ADMIN } from '../page/view.ts';
import { enlist, facts, macsOf, report, withRegion } from '../place.ts';

/** The attacker's own interface, those of its victim, and one more. */
const ATT = 0x525400000066;
const V = 0x525400000001;
const V2 = 0x525400000002;
const C = 0x525400000003;
const UUID = '0fd4c0a2-2c4e-4a3c-9a3b-000000000001';
const OWN = facts({ uuid: UUID, serial: 'SN100' });

const vouched = (first: number, ...rest: readonly number[]) => report([first, ...rest], { vouchedMac: mac(first) });
const victim = (...rest: readonly number[]): EnlistmentReport => ({ ...vouched(V, ...rest), facts: OWN });

const go = async (region: Region, { systemId }: Machine, to: Parameters<typeof changeStatus>[2]) =>
  assert.equal((await changeStatus(region, systemId, to, { username: 'bob' })).kind, 'changed');
const bobs = (description: string): NewMachineEvent => ({
  type: 'TAG',
  code: 'rack',
  params: { text: description },
  atMs: 1,
  username: 'bob',
});
const reported = async (region: Region): Promise<readonly string[]> =>
  (await region.store.listEvents({ limit: 100 })).flatMap((event) =>
    event.type === 'NODE_ENLISTMENT_CONFLICT' ? [sentenceOf(event)] : [],
  );

/** The interfaces to which racks would give this machine's boot token. */
async function holders(region: Region, { systemId }: Machine): Promise<readonly number[]> {
  const machine = (await region.desiredState()).machines.find((one) => one.systemId === systemId);
  assert.ok(machine?.bootToken !== undefined, 'it has no token');
  return machine.macs;
}

test('an address claimed in an unproven report is removed when the machine itself reports, and an event names it', () =>
  withRegion(async ({ region }) => {
    await enlist(region, report([ATT, V]));
    const machine = await enlist(region, victim());
    assert.deepEqual(macsOf(machine), [V]);
    assert.ok(
      (await reported(region)).some((text) => text.includes('52:54:00:00:00:66')),
      (await reported(region)).join('\n'),
    );
    await go(region, machine, 'commissioning');
    assert.deepEqual(await holders(region, machine), [V]);
  }));

test('the token of a machine without a vouched boot is for its first address only, which no unproven report replaces', () =>
  withRegion(async ({ region }) => {
    const machine = await enlist(region, report([V]));
    await enlist(region, report([ATT, V]));
    await go(region, machine, 'commissioning');
    assert.deepEqual(await holders(region, machine), [V]);
  }));

test('an address shown by a booted machine, from which another machine boots, goes to that machine, and the log reports it', () =>
  withRegion(async ({ region }) => {
    const attacker = await enlist(region, vouched(ATT, V));
    const machine = await enlist(region, victim());
    assert.notEqual(machine.systemId, attacker.systemId);
    assert.deepEqual([macsOf(await region.store.findMachine(attacker.systemId)), macsOf(machine)], [[ATT], [V]]);
    assert.ok(
      (await reported(region)).some((text) => text.includes(attacker.systemId) && text.includes('52:54:00:00:00:01')),
    );
    assert.equal((await region.store.listConflicts(10)).length, 1);
    await go(region, attacker, 'commissioning');
    await go(region, machine, 'commissioning');
    assert.deepEqual([await holders(region, attacker), await holders(region, machine)], [[ATT], [V]]);
    // It claims the address once more.
    await enlist(region, vouched(ATT, V));
    assert.deepEqual(macsOf(await region.store.findMachine(machine.systemId)), [V]);
  }));

test('no unproven report adds an address to a machine that booted or that a person made', () =>
  withRegion(async ({ region }) => {
    const machine = await enlist(region, victim(V2));
    const byHand = await enlist(region, report([C], { username: 'bob' }));
    const lies = [
      report([ATT, V]),
      report([V, ATT]),
      report([ATT, V], { facts: OWN }),
      vouched(ATT, V),
      vouched(ATT, V2),
      vouched(ATT, C),
      report([C, ATT]),
    ];
    for (const lie of lies) await region.enlist(lie);
    await go(region, machine, 'commissioning');
    await go(region, byHand, 'commissioning');
    assert.deepEqual([await holders(region, machine), await holders(region, byHand)], [[V, V2], [C]]);
  }));

test('a merge by a person survives the reports of both halves', () =>
  withRegion(async ({ region }) => {
    const machine = await enlist(region, victim());
    const other = await enlist(region, report([C]));
    await region.identity.merge(machine.systemId, other.systemId, 'bob');
    await enlist(region, victim());
    await go(region, machine, 'commissioning');
    assert.deepEqual(await holders(region, machine), [V, C]);
  }));

test('the further interfaces of a machine that booted are its own, and boot as the machine', () =>
  withRegion(async ({ region }) => {
    const machine = await enlist(region, victim(V2));
    assert.equal((await enlist(region, { ...vouched(V2, V), facts: OWN })).systemId, machine.systemId);
    await enlist(region, victim());
    await go(region, machine, 'commissioning');
    assert.deepEqual(await holders(region, machine), [V, V2]);
  }));

test("a stranger's report with the UUID of a machine in use takes nothing from it, neither now nor when it is deleted", () =>
  withRegion(async ({ region }) => {
    const machine = await enlist(region, victim());
    await go(region, machine, 'ready');
    const uuidOf = async () =>
      (await region.desiredState()).machines.find(({ systemId }) => systemId === machine.systemId)?.uuid;
    const lie = await enlist(region, report([ATT], { facts: facts({ uuid: UUID, serial: 'SN666' }) }));
    assert.notEqual(lie.systemId, machine.systemId);
    const isShared = async () =>
      (await region.identity.view(machine.systemId))?.lines.some((line) => line.isShared) === true;
    assert.deepEqual([await uuidOf(), await isShared()], [UUID, false]);
    await region.removeMachine(lie.systemId, 'bob');
    assert.deepEqual([await uuidOf(), await isShared()], [UUID, false]);
    // A machine that a rack booted is evidence of a series with one UUID.
    await enlist(region, { ...vouched(C), facts: facts({ uuid: UUID, serial: 'SN300' }) });
    assert.deepEqual([await uuidOf(), await isShared()], [undefined, true]);
  }));

for (const [name, dmi] of [
  ["UUID and the board's serial number", { uuid: UUID, board_serial: 'BB100' }],
  ['UUID and the serial number', { uuid: UUID, serial: 'SN100' }],
] as const) {
  test(`a booted machine whose card was swapped is known by its ${name}, and its old card is no longer its own`, () =>
    withRegion(async ({ region, clock }) => {
      const machine = await enlist(region, { ...vouched(V), facts: facts(dmi) });
      await clock.leap(3600_000);
      assert.equal((await enlist(region, { ...vouched(C), facts: facts(dmi) })).systemId, machine.systemId);
      assert.deepEqual(await region.store.listConflicts(10), []);
      await go(region, machine, 'commissioning');
      assert.deepEqual(await holders(region, machine), [C]);
    }));
}

test('a UUID and an asset tag, which can be seen or guessed, match no booted machine; a person decides, with the commands to type', () =>
  withRegion(async ({ region }) => {
    const tagged = facts({ uuid: UUID, chassis_asset_tag: 'R12-U7' } as object);
    const one = await enlist(region, { ...vouched(V), facts: tagged });
    const two = await enlist(region, { ...vouched(C), facts: tagged });
    assert.notEqual(one.systemId, two.systemId);
    assert.equal((await region.store.listConflicts(10)).length, 1);
    assert.ok((await reported(region))[0]?.includes(`rackboot machines merge ${one.systemId} ${two.systemId}`));
  }));

test('two machines with the same UUID and serial number are reported if they boot in quick succession or in turns, until they are split', () =>
  withRegion(async ({ region, clock }) => {
    for (const [pause, boots] of [
      [60_000, [V, C]],
      [3600_000, [V2, ATT, V2]],
    ] as const) {
      const dmi = facts({ uuid: UUID.replace(/1$/, String(pause % 7)), serial: `SN${pause}` });
      let machine: Machine | undefined;
      for (const boot of boots) {
        machine = await enlist(region, { ...vouched(boot), facts: dmi });
        await clock.leap(pause);
      }
      if (machine === undefined) throw new Error('unreachable');
      const other = mac(boots[boots.length - 2] ?? 0);
      const [conflict] = await region.store.listConflicts(10, machine.systemId);
      assert.deepEqual([conflict?.systemId, conflict?.otherId], [machine.systemId, machine.systemId]);
      const toType = `rackboot machines split ${machine.systemId} --mac ${formatMac(other)}`;
      assert.ok(conflict !== undefined && doubtWords(conflict.why).includes(toType), JSON.stringify(conflict));
      assert.ok((await reported(region))[0]?.includes(toType), (await reported(region))[0]);
      assert.ok(
        renderNeeds(await conflictNeeds({ region, viewer: ADMIN }), true)
          .toString()
          .includes(toType),
      );
      const outcome = await region.identity.split(machine.systemId, [other], 'bob');
      assert.equal(outcome.kind, 'changed');
      assert.deepEqual(await region.store.listConflicts(10), []);
      const before = await region.store.countMachines({});
      for (const boot of boots) await enlist(region, { ...vouched(boot), facts: dmi });
      assert.equal(await region.store.countMachines({}), before);
      assert.deepEqual(await region.store.listConflicts(10), []);
    }
  }));

const from = (address: string): Partial<EnlistmentReport> => ({ address: parseIpv4(address) });
const OWNER = '10.20.0.7';
const STRANGER = '10.20.0.66';
const POWER = { powerType: 'ipmi', powerParameters: { power_address: OWNER, power_user: 'me', power_pass: 'x' } };

test('a New machine that no rack booted is amended only by the address that reported it, until a boot proves its identity', () =>
  withRegion(async ({ region }) => {
    const first = await enlist(region, report([V], { ...from(OWNER), architecture: 'amd64' }));
    for (const lie of [
      report([V, ATT], {
        ...from(STRANGER),
        architecture: 'arm64',
        powerType: 'ipmi',
        powerParameters: { power_address: STRANGER },
      }),
      report([V], { architecture: 'arm64' }),
    ]) {
      assert.equal((await region.enlist(lie)).kind, 'unchanged');
      const [event] = await region.store.listEvents({ limit: 1 });
      assert.equal(event?.type, 'NODE_ENLISTMENT_IGNORED');
    }
    assert.match(
      sentenceOf((await region.store.listEvents({ limit: 2 }))[1]),
      /10\.20\.0\.66 reported as this machine, but 10\.20\.0\.7 reported it first/,
    );
    const after = await region.store.findMachine(first.systemId);
    assert.deepEqual([after?.architecture, after?.powerType, macsOf(after)], ['amd64', '', [V]]);
    assert.equal((await region.enlist(report([V, V2], from(OWNER)))).kind, 'amend');
    const booted = await enlist(region, { ...vouched(V, V2), ...from('10.20.0.9') });
    assert.deepEqual([booted.systemId, booted.vouchedMac], [first.systemId, V]);
    assert.equal((await region.enlist(report([V], from(OWNER)))).kind, 'unchanged');
  }));

test('power settings from an unproven report are dropped when a boot proves the machine’s identity', () =>
  withRegion(async ({ region }) => {
    const power = { powerType: 'ipmi', powerParameters: { power_address: STRANGER } };
    const lie = await enlist(region, report([V], { ...from(STRANGER), ...power }));
    assert.equal(lie.powerType, 'ipmi');
    const machine = await enlist(region, { ...victim(), ...from(OWNER) });
    assert.deepEqual(
      [machine.systemId, machine.powerType, machine.powerParameters, machine.powerIsProposed],
      [lie.systemId, '', {}, false],
    );
  }));

for (const isOrdinary of [false, true]) {
  const user = isOrdinary ? 'an ordinary user' : 'an administrator';
  test(`a machine that ${user} made is amended only by a proven boot`, () =>
    withRegion(async ({ region }) => {
      const made = await enlist(region, report([V], { username: 'bob', isOrdinary, ...POWER }));
      const lie = report([V], { ...from(STRANGER), architecture: 'arm64', facts: facts({ serial: 'LIE' }) });
      assert.equal((await region.enlist(lie)).kind, 'unchanged');
      const kept = await region.store.findMachine(made.systemId);
      assert.deepEqual([kept?.architecture, kept?.powerParameters], [made.architecture, POWER.powerParameters]);
      assert.equal((await enlist(region, { ...victim(), ...from(OWNER) })).systemId, made.systemId);
    }));
}

const NEW_MAX = 20;

test('a host that fills New loses places to others one by one, and the log names both machines', () =>
  withRegion(
    async ({ region }) => {
      for (let index = 0; index < NEW_MAX; index += 1)
        await enlist(region, report([0x525400100000 + index], from(STRANGER)));
      const newcomers = Array.from({ length: 8 }, (_, index) => 0x525400200000 + index);
      for (const [index, nic] of newcomers.entries()) {
        const { hostname } = await enlist(region, report([nic], from(`10.20.0.${70 + index}`)));
        const removed = (await region.store.listEvents({ limit: 5 })).find(({ type }) => type === 'NODE_REMOVED');
        assert.match(
          sentenceOf(removed),
          /reported from 10\.20\.0\.66 and never booted by a rack, to make room for one/,
        );
        assert.ok(hostname !== '');
      }
      assert.equal(await region.store.countMachines({}), NEW_MAX);
      assert.deepEqual((await region.desiredState()).machines, []);
      // The host itself gets no place from those who hold fewer.
      assert.equal((await region.enlist(report([0x525400300000], from(STRANGER)))).kind, 'refuse');
      for (const nic of newcomers) assert.equal(await region.store.countMachines({ macs: [mac(nic)] }), 1);
    },
    { newMachinesMax: NEW_MAX },
  ));

test('a proven machine replaces an unproven one; neither it nor one that a person made or accepted is replaced by an unproven one', () =>
  withRegion(
    async ({ region }) => {
      const proven = await enlist(region, { ...victim(), ...from(OWNER) });
      const made = await enlist(region, report([C], { username: 'bob' }));
      const accepted = await enlist(region, report([V2], from(STRANGER)));
      await go(region, accepted, 'ready');
      for (let index = 0; index < 19; index += 1) {
        await enlist(region, report([0x525400100000 + index], from(`10.20.0.${100 + index}`)));
      }
      assert.equal(
        await region.store.countMachines({ statuses: ['new'] }),
        NEW_MAX + 1,
        'the one that a person made does not count',
      );
      for (let index = 0; index < 19; index += 1) {
        await enlist(region, { ...vouched(0x525400200000 + index), ...from('10.20.0.9') });
      }
      for (const { systemId } of [proven, made, accepted])
        assert.ok((await region.store.findMachine(systemId)) !== undefined);
      const full = await region.enlist(report([0x525400300000], from('10.20.1.9')));
      assert.match(
        full.kind === 'refuse' ? full.refusal.text : '',
        /20 machines are New.*none of them can be replaced/,
      );
    },
    { newMachinesMax: NEW_MAX },
  ));

/** One host that boots as many machines as there are places, and more, releasing the lease of each. */
async function bootMany(region: Region, clock: VirtualClock, count: number, addresses: number) {
  for (let index = 0; index < count; index += 1) {
    await clock.pass(50);
    await enlist(region, { ...vouched(0x525400400000 + index), ...from(`10.20.0.${100 + (index % addresses)}`) });
  }
}
const isThere = async (region: Region, { systemId }: Machine) =>
  (await region.store.findMachine(systemId)) !== undefined;

test('a host that boots nonexistent machines keeps no newcomer out, on its shared network or another; the log names the replaced machine', () =>
  withRegion(
    async ({ region, clock }) => {
      await bootMany(region, clock, 3 * NEW_MAX, 10);
      const near = await enlist(region, { ...vouched(V), ...from('10.20.0.7') });
      const removed = (await region.store.listEvents({ limit: 5 })).find(({ type }) => type === 'NODE_REMOVED');
      assert.match(
        sentenceOf(removed),
        /reported from 10\.20\.0\.\d+ .*reported from 10\.20\.0\.7: .*\(region\.new_machines_max\)/,
      );
      const far = await enlist(region, { ...vouched(V2), ...from('10.20.1.7') });
      assert.equal(
        (await region.desiredState()).machines.length,
        NEW_MAX,
        'racks are told who is there, and nobody else',
      );
      await bootMany(region, clock, 3 * NEW_MAX, 10);
      assert.ok(await isThere(region, near), 'it holds its address');
      assert.ok(await isThere(region, far), 'its network has fewer');
      assert.equal(await region.store.countMachines({}), NEW_MAX);
    },
    { newMachinesMax: NEW_MAX },
  ));

test('a proven machine whose address went to another gives way before those that hold theirs; among equals, the one heard longest ago', () =>
  withRegion(
    async ({ region, clock }) => {
      const all: Machine[] = [];
      for (let index = 0; index < NEW_MAX; index += 1) {
        await clock.pass(1000);
        all.push(await enlist(region, { ...vouched(0x525400100000 + index), ...from(`10.20.0.${10 + index}`) }));
      }
      const gone = async (): Promise<readonly Machine[]> => {
        const there = await Promise.all(all.map((machine) => isThere(region, machine)));
        return all.filter((_, index) => there[index] === false);
      };
      await clock.pass(1000);
      await enlist(region, { ...vouched(V), ...from('10.20.0.15') });
      assert.deepEqual(await gone(), [all[5]], 'its address is the newcomer’s');
      await enlist(region, { ...vouched(V2), ...from('10.20.0.99') });
      assert.deepEqual(await gone(), [all[0], all[5]]);
      // A machine that reports again was heard of last.
      await enlist(region, { ...vouched(0x525400100001), ...from('10.20.0.11') });
      await enlist(region, { ...vouched(C), ...from('10.20.0.98') });
      assert.deepEqual(await gone(), [all[0], all[2], all[5]]);
    },
    { newMachinesMax: NEW_MAX },
  ));

test('a proven machine that a person named, described, tagged or switched is never replaced, and takes no place from others', () =>
  withRegion(
    async ({ region, clock }) => {
      const boot = (one: number, number: number) =>
        enlist(region, { ...vouched(one, one + 0x100000), ...from(`10.20.0.${number}`) });
      const [named, tagged] = [await boot(V, 10), await boot(V2, 11)];
      const [split, plain] = [await boot(C, 12), await boot(ATT, 13)];
      await region.editMachine(named.systemId, { hostname: 'mine' }, 'bob');
      await region.store.life.addTag({ name: 'rack-7', comment: '', kernelParams: '' }, 1, bobs('made'));
      await region.store.life.tagMachines('rack-7', [tagged.systemId], [], bobs('tagged'));
      assert.equal((await region.identity.split(split.systemId, [mac(C + 0x100000)], 'bob')).kind, 'changed');
      await bootMany(region, clock, 3 * NEW_MAX, NEW_MAX);
      const there = await Promise.all([named, tagged, split, plain].map((machine) => isThere(region, machine)));
      assert.deepEqual(there, [true, true, true, false]);
      assert.equal(await region.store.countMachines({ statuses: ['new'] }), NEW_MAX + 4);
    },
    { newMachinesMax: NEW_MAX },
  ));

test('two hundred machines that boot at once through one relay agent are all enlisted', () =>
  withRegion(
    async ({ region }) => {
      for (let index = 0; index < 200; index += 1)
        await enlist(region, { ...vouched(0x525400100000 + index), ...from(`10.20.4.${1 + index}`) });
      assert.equal(await region.store.countMachines({ statuses: ['new'] }), 200);
    },
    { newMachinesMax: 200 },
  ));

test('repeated reports of a machine do not fill the event log, and the logged ones have a count', () =>
  withRegion(async ({ region, clock }) => {
    await enlist(region, report([V], from(OWNER)));
    const before = (await region.store.eventRange()).newest;
    for (let index = 0; index < 300; index += 1) {
      await region.enlist(report([V], from(index % 2 === 0 ? STRANGER : OWNER)));
      await clock.pass(100);
    }
    assert.ok(
      (await region.store.eventRange()).newest - before <= 12,
      `${(await region.store.eventRange()).newest - before} events`,
    );
    await clock.pass(60_000);
    await region.enlist(report([V], from(STRANGER)));
    assert.match(
      sentenceOf((await region.store.listEvents({ limit: 1 }))[0]),
      /\(145 times since the last such event\)$/,
    );
  }));

test('the same holds if the claiming machine is in Commissioning, or was accepted with the address by hearsay', () =>
  withRegion(async ({ region }) => {
    const attacker = await enlist(region, vouched(ATT, V));
    await go(region, attacker, 'commissioning');
    const token = (await region.desiredState()).machines[0]?.bootToken;
    const machine = await enlist(region, { ...victim(), token });
    assert.deepEqual([macsOf(await region.store.findMachine(attacker.systemId)), macsOf(machine)], [[ATT], [V]]);
    const accepted = await enlist(region, report([C, V2]));
    await go(region, accepted, 'ready');
    assert.deepEqual((await region.desiredState()).machines.at(-1)?.macs, [C]);
    const other = await enlist(region, vouched(V2));
    assert.deepEqual([macsOf(await region.store.findMachine(accepted.systemId)), macsOf(other)], [[C], [V2]]);
  }));

test('machines made by a person take no places from reported ones', () =>
  withRegion(
    async ({ region }) => {
      for (let index = 0; index <= NEW_MAX; index += 1)
        await enlist(region, report([0x525400100000 + index], { username: 'bob' }));
      assert.equal((await enlist(region, report([V], from(STRANGER)))).status, 'new');
      assert.equal((await enlist(region, { ...vouched(V2), ...from(OWNER) })).status, 'new');
    },
    { newMachinesMax: NEW_MAX },
  ));
